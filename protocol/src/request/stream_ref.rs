//! The two names by which a request says which stream it is about.

use bytes::{BufMut, BytesMut};

use crate::limits::{BASIN_NAME_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use crate::types::{BasinName, StreamName};
use crate::wire::{self, Parsed};

/// Which stream a request is about.
///
/// ```text
/// u8 length, basin | u16 length, stream
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StreamRef {
    pub basin: BasinName,
    pub stream: StreamName,
}

impl std::fmt::Display for StreamRef {
    /// `basin/stream`, as the CLI takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.basin, self.stream)
    }
}

impl StreamRef {
    pub(super) fn write(&self, out: &mut BytesMut) {
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
        wire::put_text16(out, self.stream.as_str(), STREAM_NAME_BYTES_MAX);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, StreamRef> {
    let (input, basin) = wire::basin_name(input)?;
    let (input, stream) = wire::stream_name(input)?;
    Ok((input, StreamRef { basin, stream }))
}

/// The body of requests that say nothing but which stream.
pub(super) fn parse_body(input: &[u8]) -> Parsed<'_, StreamRef> {
    let (input, _) = wire::options(input, 0)?;
    parse(input)
}

pub(super) fn write_body(target: &StreamRef, out: &mut BytesMut) {
    out.put_u32_le(0);
    target.write(out);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    #[test]
    fn a2_bad_names_are_invalid_and_told_where() {
        let body = |basin: &[u8], stream: &[u8]| {
            [&[0, 0, 0, 0, basin.len() as u8], basin, &[stream.len() as u8, 0], stream].concat()
        };
        let refused = |basin: &[u8], stream: &[u8]| refused(FrameKind::CheckTail, &body(basin, stream));
        assert_eq!(refused(b"short", b"s"), (ErrorCode::Invalid, 4));
        assert_eq!(refused(b"my-basin", b""), (ErrorCode::Invalid, 13));
        assert_eq!(refused(b"my-basin", b".."), (ErrorCode::Invalid, 13));
        assert_eq!(refused(b"my-basin", b"\xff"), (ErrorCode::Invalid, 13));
    }

    #[test]
    fn a_length_beyond_the_body_is_a_bad_frame() {
        let refused = refused(FrameKind::CheckTail, b"\0\0\0\0\x08my-basin\xff\xffs");
        assert_eq!(refused, (ErrorCode::BadFrame, 15));
    }

    #[test]
    fn written_and_parsed_by_every_request_that_says_nothing_else() {
        for request in [
            Request::GetStreamConfig(target()),
            Request::DeleteStream(target()),
            Request::CheckTail(target()),
            Request::OpenAppendSession(target()),
        ] {
            round_trip(&request);
            let mut body = body_of(&request);
            body[0] = 1;
            assert_eq!(refused(request.kind(), &body), (ErrorCode::Unsupported, 0));
        }
    }
}
