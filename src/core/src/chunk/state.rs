//! The state record of a stream.
//!
//! ```text
//!  0 u16 version = 1
//!  2 u16 reserved, 0
//!  4 [16] stream id
//! 20 u64 next sequence number
//! 28 u64 last timestamp
//! 36 u64 trim point
//! 44 u64 records ever written
//! 52 u64 metered bytes ever written
//! 60 u32 length of the fencing token, then the token
//!    u32 number of producers, 0 in this version (idempotent appends will put theirs here)
//! ```

use bytes::BufMut;
use riverrun_protocol::types::{Position, StreamId};

use super::StreamState;
use crate::limits::FENCING_TOKEN_BYTES_MAX;
use crate::stored::{Reader, StoredError, Write, check_version};

const WHAT: &str = "stream state record";
const VERSION: u16 = 1;
/// Without token and producers.
pub(super) const STATE_BYTES_MIN: usize = 68;

impl StreamState {
    /// Appends the record to `out`.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u16_le(VERSION);
        out.put_u16_le(0);
        out.put_slice(&self.stream_id.0);
        out.put_u64_le(self.next.seq_num);
        out.put_u64_le(self.next.timestamp);
        out.put_u64_le(self.trim_point);
        out.put_u64_le(self.record_count);
        out.put_u64_le(self.metered_bytes);
        out.put_prefixed(&self.fencing_token);
        out.put_u32_le(0);
    }

    /// `bytes` is exactly one record.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoredError> {
        let mut reader = Reader::new(WHAT, bytes);
        check_version(WHAT, reader.u16()?, VERSION)?;
        reader.zeros(2)?;
        let state = Self {
            stream_id: StreamId(reader.array()?),
            next: Position { seq_num: reader.u64()?, timestamp: reader.u64()? },
            trim_point: reader.u64()?,
            record_count: reader.u64()?,
            metered_bytes: reader.u64()?,
            fencing_token: fencing_token(&mut reader)?,
        };
        reader.zeros(4)?;
        reader.end()?;
        Ok(state)
    }
}

fn fencing_token(reader: &mut Reader<'_>) -> Result<Vec<u8>, StoredError> {
    let token = reader.prefixed()?;
    match token.len() <= FENCING_TOKEN_BYTES_MAX {
        true => Ok(token.to_vec()),
        false => Err(reader.damaged(format!("a fencing token of {} bytes", token.len()))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn states() -> impl Strategy<Value = StreamState> {
        let token = proptest::collection::vec(any::<u8>(), 0..=FENCING_TOKEN_BYTES_MAX);
        (any::<[u8; 16]>(), any::<[u64; 5]>(), token).prop_map(|(id, numbers, fencing_token)| StreamState {
            stream_id: StreamId(id),
            next: Position { seq_num: numbers[0], timestamp: numbers[1] },
            trim_point: numbers[2],
            record_count: numbers[3],
            metered_bytes: numbers[4],
            fencing_token,
        })
    }

    #[test]
    fn golden_record() {
        let state = StreamState {
            stream_id: StreamId([0xab; 16]),
            next: Position { seq_num: 7, timestamp: 0x0102 },
            fencing_token: b"tok".to_vec(),
            trim_point: 2,
            record_count: 7,
            metered_bytes: 56,
        };
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        insta::assert_snapshot!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>(), @"01000000abababababababababababababababab0700000000000000020100000000000002000000000000000700000000000000380000000000000003000000746f6b00000000");
        assert_eq!(StreamState::decode(&bytes), Ok(state));
    }

    /// F22: by name, and before anything else of the record is looked at.
    #[test]
    fn a_newer_record_is_refused_by_version() {
        let error = StreamState::decode(&[2, 0, 9, 9]).unwrap_err();
        assert_eq!(error, StoredError::Newer { what: WHAT, found: 2, supported: 1 });
    }

    /// F14.
    #[test]
    fn zeros_are_no_record() {
        assert!(StreamState::decode(&[0; STATE_BYTES_MIN]).is_err());
    }

    proptest! {
        #[test]
        fn records_round_trip_and_no_cut_record_passes(state in states(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            state.encode(&mut bytes);
            prop_assert!(bytes.len() >= STATE_BYTES_MIN);
            prop_assert_eq!(StreamState::decode(&bytes), Ok(state));
            prop_assert!(StreamState::decode(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StreamState::decode(&bytes);
        }
    }
}
