//! Answers `Append`, and every input of an append session in order.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u16;

use crate::types::{Level, Position};
use crate::wire::{self, Parsed};

/// `s2-semantics.md` B8, and the level reached.
///
/// ```text
/// 0 u32 options: none
/// 4 u8 level | 5 u8 reserved, 0 | 6 u16 shard
/// 8 start | 24 end | 40 tail, each u64 seq_num, u64 timestamp
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendAck {
    /// Position of the batch's first record.
    pub start: Position,
    /// Number behind the batch's last record, and that record's timestamp.
    pub end: Position,
    /// The stream's tail when the ack was released: `end` or beyond.
    pub tail: Position,
    pub level: Level,
    /// The stream's shard, so that a client can send later requests over that shard's connection.
    pub shard: u16,
}

impl AppendAck {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u8(self.level as u8);
        out.put_u8(0);
        out.put_u16_le(self.shard);
        [self.start, self.end, self.tail].into_iter().for_each(|position| wire::put_position(out, position));
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, AppendAck> {
    let (input, _) = wire::options(input, 0)?;
    let (input, level) = wire::level(input)?;
    let (input, ()) = wire::reserved(input, 1)?;
    let (input, shard) = le_u16(input)?;
    let (input, start) = wire::position(input)?;
    let (input, end) = wire::position(input)?;
    let (input, tail) = wire::position(input)?;
    Ok((input, AppendAck { start, end, tail, level, shard }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn ack() -> Response {
        let at = |seq_num| Position { seq_num, timestamp: seq_num + 100 };
        Response::AppendAck(AppendAck { start: at(1), end: at(2), tail: at(3), level: Level::Object, shard: 4 })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&ack());
    }

    #[test]
    fn a_level_that_is_not_known_is_refused() {
        let mut body = body_of(&ack());
        body[4] = 3;
        assert_eq!(refused(FrameKind::AppendAck, &body), (ErrorCode::Unsupported, 4));
    }
}
