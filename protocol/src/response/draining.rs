//! The push that says: the server is going away. Finish what is in flight, then connect elsewhere. Its id is 0.

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
    use crate::Push;
    use crate::response::tests::push_round_trip;

    #[test]
    fn written_and_parsed() {
        push_round_trip(&Push::Draining);
    }
}
