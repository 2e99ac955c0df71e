//! The push that says: everything below this tail has been delivered.

use bytes::{BufMut, BytesMut};

use crate::types::Position;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 tail: u64 seq_num, u64 timestamp
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, Position> {
    let (input, _) = wire::options(input, 0)?;
    wire::position(input)
}

pub(super) fn write_body(tail: Position, out: &mut BytesMut) {
    out.put_u32_le(0);
    wire::put_position(out, tail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Push;
    use crate::response::tests::push_round_trip;

    #[test]
    fn written_and_parsed() {
        push_round_trip(&Push::Heartbeat { tail: Position { seq_num: 3, timestamp: 4 } });
    }
}
