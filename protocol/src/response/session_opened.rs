//! Answers `OpenAppendSession` (as `AppendSessionOpened`) and `OpenReadSession` (as `ReadSessionOpened`).

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u16;

use crate::types::{Position, StreamId};
use crate::wire::{self, Parsed};

/// ```text
///  0 u32 options: none
///  4 u16 shard | 6 u16 reserved, 0
///  8 [16] stream_id | 24 tail: u64 seq_num, u64 timestamp
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOpened {
    pub stream_id: StreamId,
    pub shard: u16,
    /// The durable tail at the moment of opening.
    pub tail: Position,
}

impl SessionOpened {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u16_le(self.shard);
        out.put_u16_le(0);
        out.put_slice(&self.stream_id.0);
        wire::put_position(out, self.tail);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, SessionOpened> {
    let (input, _) = wire::options(input, 0)?;
    let (input, shard) = le_u16(input)?;
    let (input, ()) = wire::reserved(input, 2)?;
    let (input, stream_id) = wire::stream_id(input)?;
    let (input, tail) = wire::position(input)?;
    Ok((input, SessionOpened { stream_id, shard, tail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn opened() -> SessionOpened {
        SessionOpened { stream_id: StreamId([7; 16]), shard: 1, tail: Position { seq_num: 2, timestamp: 3 } }
    }

    #[test]
    fn written_and_parsed_under_both_kinds() {
        round_trip(&Response::AppendSessionOpened(opened()));
        round_trip(&Response::ReadSessionOpened(opened()));
    }

    #[test]
    fn reserved_bytes_are_kept_free() {
        let mut body = body_of(&Response::ReadSessionOpened(opened()));
        body[7] = 1;
        assert_eq!(refused(FrameKind::ReadSessionOpened, &body), (ErrorCode::BadFrame, 6));
    }
}
