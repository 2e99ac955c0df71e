//! Answers `Ping`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u64 nonce, as asked
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, u64> {
    let (input, _) = wire::options(input, 0)?;
    le_u64(input)
}

pub(super) fn write_body(nonce: u64, out: &mut BytesMut) {
    out.put_u32_le(0);
    out.put_u64_le(nonce);
}

#[cfg(test)]
mod tests {
    use crate::Response;
    use crate::response::tests::round_trip;

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::Pong { nonce: 0x0102_0304_0506_0708 });
    }
}
