//! Create a stream. Answered by `StreamCreated`.

use bytes::BytesMut;

use super::StreamRef;
use crate::wire::Parsed;

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, StreamRef> {
    super::stream_ref::parse_body(input)
}

pub(super) fn write_body(target: &StreamRef, out: &mut BytesMut) {
    super::stream_ref::write_body(target, out);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::CreateStream(target()));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&Request::CreateStream(target()));
        body[3] = 1;
        assert_eq!(refused(FrameKind::CreateStream, &body), (ErrorCode::Unsupported, 0));
    }
}
