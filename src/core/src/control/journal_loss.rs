//! That an epoch began without its predecessor's journals, because the operator said so: key `epoch/<E>/journal-loss`. Kept for
//! ever, so that whoever looks for missing records later finds out when they were given up.
//!
//! ```text
//! u64 the epoch whose journals were missing | u64 accepted at, ms
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::stored::StoredError;

const KIND: Kind = Kind { tag: 10, name: "journal loss row", version: 1 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalLossRow {
    pub of_epoch: u64,
    pub accepted_at_ms: u64,
}

impl JournalLossRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_u64_le(self.of_epoch);
            out.put_u64_le(self.accepted_at_ms);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader| Ok(Self { of_epoch: reader.u64()?, accepted_at_ms: reader.u64()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::keys;

    #[test]
    fn golden_row() {
        let row = JournalLossRow { of_epoch: 3, accepted_at_ms: 0x0102 };
        let bytes = row.encode();
        assert_eq!(bytes[..18], [10, 1, 3, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(JournalLossRow::decode(&bytes), Ok(row));
    }

    /// Older builds meet a kind of epoch row that they do not know, and pass it by.
    #[test]
    fn its_key_is_among_the_epochs_and_no_other_row() {
        let key = keys::journal_loss(7);
        assert!(key.starts_with(keys::EPOCH_PREFIX));
        assert_eq!(keys::parse_epoch(&key), None);
    }
}
