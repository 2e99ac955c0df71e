//! Answers `CheckTail`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u16;

use crate::types::{Level, Position};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 level | 5 u8 reserved, 0 | 6 u16 shard
/// 8 tail: u64 seq_num, u64 timestamp
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TailReport {
    pub tail: Position,
    /// What everything below the tail has reached at least.
    pub level: Level,
    pub shard: u16,
}

impl TailReport {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u8(self.level as u8);
        out.put_u8(0);
        out.put_u16_le(self.shard);
        wire::put_position(out, self.tail);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, TailReport> {
    let (input, _) = wire::options(input, 0)?;
    let (input, level) = wire::level(input)?;
    let (input, ()) = wire::reserved(input, 1)?;
    let (input, shard) = le_u16(input)?;
    let (input, tail) = wire::position(input)?;
    Ok((input, TailReport { tail, level, shard }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;
    use crate::response::tests::round_trip;

    #[test]
    fn written_and_parsed() {
        let tail = Position { seq_num: u64::MAX, timestamp: 1 };
        round_trip(&Response::Tail(TailReport { tail, level: Level::Memory, shard: u16::MAX }));
    }
}
