//! One page of a basin's stream names in byte order. Answered by `StreamList`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u32;

use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::{BasinName, check_stream_filter};
use crate::wire::{self, Parsed};

/// Limit and filters as in [`super::ListBasins`].
///
/// ```text
/// 0 u32 options: none | 4 u32 limit
/// 8 u8 length, basin | u16 length, prefix | u16 length, start_after
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListStreams {
    pub basin: BasinName,
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

impl ListStreams {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u32_le(self.limit);
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
        wire::put_bytes16(out, self.prefix.as_bytes());
        wire::put_bytes16(out, self.start_after.as_bytes());
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ListStreams> {
    let (input, _) = wire::options(input, 0)?;
    let (input, limit) = le_u32(input)?;
    let (input, basin) = wire::basin_name(input)?;
    let (input, prefix) = wire::filter(input, check_stream_filter)?;
    let (input, start_after) = wire::filter(input, check_stream_filter)?;
    Ok((input, ListStreams { basin, prefix, start_after, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn list(prefix: &str, start_after: &str) -> Request<'static> {
        let basin = target().basin;
        Request::ListStreams(ListStreams { basin, prefix: prefix.into(), start_after: start_after.into(), limit: 0 })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&list("", ""));
        round_trip(&list("..", &"ä".repeat(256)));
    }

    #[test]
    fn a2_filters_that_no_name_can_match_are_refused() {
        assert_eq!(refused(FrameKind::ListStreams, &body_of(&list("a\0", ""))), (ErrorCode::Invalid, 17));
        assert_eq!(refused(FrameKind::ListStreams, &body_of(&list("", &"s".repeat(513)))), (ErrorCode::Invalid, 19));
    }
}
