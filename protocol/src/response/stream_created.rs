//! Answers `CreateStream`. Also a stream as listings show it.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::limits::STREAM_NAME_BYTES_MAX;
use crate::types::{StreamId, StreamName};
use crate::wire::{self, Parsed};

/// With the shortest length field and no name: what bounds a list's count.
pub(super) const STREAM_INFO_BYTES_MIN: usize = 26;

/// ```text
/// 0 [16] id | 16 u64 created_at_ms | 24 u16 length, name
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    pub name: StreamName,
    pub id: StreamId,
    pub created_at_ms: u64,
}

impl StreamInfo {
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.id.0);
        out.put_u64_le(self.created_at_ms);
        wire::put_text16(out, self.name.as_str(), STREAM_NAME_BYTES_MAX);
    }
}

pub(super) fn parse_info(input: &[u8]) -> Parsed<'_, StreamInfo> {
    let (input, id) = wire::stream_id(input)?;
    let (input, created_at_ms) = le_u64(input)?;
    let (input, name) = wire::stream_name(input)?;
    Ok((input, StreamInfo { name, id, created_at_ms }))
}

/// ```text
/// 0 u32 options: none | 4 the stream, as above
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, StreamInfo> {
    let (input, _) = wire::options(input, 0)?;
    parse_info(input)
}

pub(super) fn write_body(stream: &StreamInfo, out: &mut BytesMut) {
    out.put_u32_le(0);
    stream.write(out);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip, stream};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::StreamCreated(stream("logs/2026")));
    }

    #[test]
    fn a2_a_bad_name_is_refused() {
        let mut body = body_of(&Response::StreamCreated(stream("logs/2026")));
        body[30] = 0;
        assert_eq!(refused(FrameKind::StreamCreated, &body), (ErrorCode::Invalid, 28));
    }
}
