//! Answers requests of which there is nothing to say but that they are done: deletions, revocations, `RotateRootToken`.

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
    use crate::response::tests::{refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::Done);
    }

    #[test]
    fn unknown_options_and_more_bytes_are_refused() {
        assert_eq!(refused(FrameKind::Done, b"\x01\0\0\0"), (ErrorCode::Unsupported, 0));
        assert_eq!(refused(FrameKind::Done, b"\0\0\0\0\0"), (ErrorCode::BadFrame, 4));
    }
}
