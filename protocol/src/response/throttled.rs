//! The push that says: the token's rate is used up, so nothing is read from this connection for a while. Its id is 0.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u32;

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u32 retry_after_ms
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, u32> {
    let (input, _) = wire::options(input, 0)?;
    le_u32(input)
}

pub(super) fn write_body(retry_after_ms: u32, out: &mut BytesMut) {
    out.put_u32_le(0);
    out.put_u32_le(retry_after_ms);
}

#[cfg(test)]
mod tests {
    use crate::Push;
    use crate::response::tests::push_round_trip;

    #[test]
    fn written_and_parsed() {
        push_round_trip(&Push::Throttled { retry_after_ms: 3000 });
    }
}
