//! The clean end of a session of either kind; nothing with its id follows.

use bytes::{BufMut, BytesMut};

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, ()> {
    let (input, _) = wire::options(input, 0)?;
    Ok((input, ()))
}

pub(super) fn write_body(out: &mut BytesMut) {
    out.put_u32_le(0);
}

#[cfg(test)]
mod tests {
    use crate::Response;
    use crate::response::tests::round_trip;

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::SessionEnded);
    }
}
