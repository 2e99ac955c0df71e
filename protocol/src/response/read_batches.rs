//! Answers `Read`; the same body is the push `Records`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::batch::{Batch, BatchSlice};
use crate::error::DecodeError;
use crate::types::Position;
use crate::wire::{self, Parsed};

const HAS_TAIL: u32 = 1;

/// Batches or slices of batches, back to back; at most 1000 records and 1 MiB metered in all. Records have consecutive
/// numbers unless trimmed between. In `Push::Records` never empty.
///
/// ```text
/// 0 u32 options: bit 0 = a tail is there
/// 4 [tail: u64 seq_num, u64 timestamp]
///   batches, up to the body's end
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadBatches {
    /// Present on live batches, and on a unary read's live answer (`s2-semantics.md` C8, C9).
    pub tail: Option<Position>,
    /// The encoded batches as parts to be written one behind the other; where one batch ends and the next begins is
    /// told by the batch headers alone. Shared by reference between all readers of the same bytes.
    pub parts: Vec<Bytes>,
}

impl ReadBatches {
    /// Adds a batch or a part of one behind those that are there, by reference.
    pub fn push(&mut self, slice: BatchSlice) {
        self.parts.extend(slice.parts());
    }

    pub fn parts_bytes(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// The batches, checked as [`Batch::parse`] does: everything but the payloads. Bytes of received batches are
    /// shared, not copied.
    pub fn batches(&self) -> Result<Vec<Batch>, DecodeError> {
        let mut bytes = match &self.parts[..] {
            [whole] => whole.clone(),
            parts => Bytes::from(parts.concat()),
        };
        let mut batches = Vec::new();
        while let Some(batch) = Batch::split_first(&mut bytes)? {
            batches.push(batch);
        }
        Ok(batches)
    }

    /// The body before the parts.
    pub(super) fn write_prefix(&self, out: &mut BytesMut) {
        out.put_u32_le(if self.tail.is_some() { HAS_TAIL } else { 0 });
        if let Some(tail) = self.tail {
            wire::put_position(out, tail);
        }
    }

    pub(super) fn parse(name: &str, mut body: Bytes) -> Result<Self, DecodeError> {
        let (tail, prefix_bytes) = wire::whole(name, &body, |input| {
            let (batches, tail) = prefix(input)?;
            Ok((&[], (tail, input.len() - batches.len())))
        })?;
        body.advance(prefix_bytes);
        Ok(Self { tail, parts: if body.is_empty() { vec![] } else { vec![body] } })
    }
}

fn prefix(input: &[u8]) -> Parsed<'_, Option<Position>> {
    let (input, options) = wire::options(input, HAS_TAIL)?;
    wire::optional(input, options & HAS_TAIL != 0, wire::position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::frame::{Cut, cut};
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Push, Response};

    fn batches(tail: Option<Position>, parts: &[&'static [u8]]) -> ReadBatches {
        ReadBatches { tail, parts: parts.iter().map(|part| Bytes::from_static(part)).collect() }
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::ReadBatches(batches(None, &[])));
        round_trip(&Response::ReadBatches(batches(Some(Position::default()), &[])));
        round_trip(&Response::ReadBatches(batches(Some(Position { seq_num: 1, timestamp: 2 }), &[b"opaque here"])));
    }

    #[test]
    fn the_head_counts_the_parts_that_follow() {
        let response = Response::ReadBatches(batches(None, &[b"one", b"two"]));
        let (mut head, mut whole) = (BytesMut::new(), BytesMut::new());
        response.write_head(3, &mut head);
        response.write(3, &mut whole);
        let joined = [&head[..], &response.parts().concat()].concat();
        assert_eq!(joined, whole);
        assert!(matches!(cut(&whole), Ok(Cut::Complete { consumed, .. }) if consumed == whole.len()));
    }

    #[test]
    fn records_are_never_empty() {
        let tail = Some(Position { seq_num: 1, timestamp: 2 });
        let body = body_of(&Response::ReadBatches(batches(tail, &[])));
        let error = Push::parse(FrameKind::Records as u8, Bytes::from(body)).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::BadFrame, 20));
    }

    #[test]
    fn a_missing_tail_is_a_bad_frame() {
        assert_eq!(refused(FrameKind::ReadBatches, &[1, 0, 0, 0, 9]), (ErrorCode::BadFrame, 4));
    }
}
