//! Where is a basin whose creator names no place (`s2-semantics.md` E10)? Answered by `Location`.

use bytes::{BufMut, BytesMut};

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, ()> {
    wire::options(input, 0).map(|(rest, _)| (rest, ()))
}

pub(super) fn write_body(out: &mut BytesMut) {
    out.put_u32_le(0);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{refused, round_trip};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::GetDefaultLocation);
    }

    #[test]
    fn unknown_options_are_refused() {
        assert_eq!(refused(FrameKind::GetDefaultLocation, &[0, 0, 0, 128]), (ErrorCode::Unsupported, 0));
    }
}
