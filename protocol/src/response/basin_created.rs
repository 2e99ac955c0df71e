//! Answers `CreateBasin`. Also a basin as listings show it.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u64};

use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

const CREATE_STREAM_ON_APPEND: u8 = 1;
const CREATE_STREAM_ON_READ: u8 = 2;
/// With the shortest length field and no name: what bounds a list's count.
pub(super) const BASIN_INFO_BYTES_MIN: usize = 10;

/// ```text
/// 0 u64 created_at_ms | 8 u8 flags: bit 0 = create_stream_on_append, bit 1 = create_stream_on_read
/// 9 u8 length, name
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinInfo {
    pub name: BasinName,
    pub created_at_ms: u64,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

impl BasinInfo {
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u64_le(self.created_at_ms);
        let append = u8::from(self.create_stream_on_append) * CREATE_STREAM_ON_APPEND;
        let read = u8::from(self.create_stream_on_read) * CREATE_STREAM_ON_READ;
        out.put_u8(append | read);
        wire::put_text8(out, self.name.as_str(), BASIN_NAME_BYTES_MAX);
    }
}

pub(super) fn parse_info(input: &[u8]) -> Parsed<'_, BasinInfo> {
    let (at_flags, created_at_ms) = le_u64(input)?;
    let (input, flags) = le_u8(at_flags)?;
    if flags & !(CREATE_STREAM_ON_APPEND | CREATE_STREAM_ON_READ) != 0 {
        return wire::unsupported(at_flags, "basin flags that this version does not know");
    }
    let (input, name) = wire::basin_name(input)?;
    let create_stream_on_append = flags & CREATE_STREAM_ON_APPEND != 0;
    let create_stream_on_read = flags & CREATE_STREAM_ON_READ != 0;
    Ok((input, BasinInfo { name, created_at_ms, create_stream_on_append, create_stream_on_read }))
}

/// ```text
/// 0 u32 options: none | 4 the basin, as above
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, BasinInfo> {
    let (input, _) = wire::options(input, 0)?;
    parse_info(input)
}

pub(super) fn write_body(basin: &BasinInfo, out: &mut BytesMut) {
    out.put_u32_le(0);
    basin.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{basin, body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed_with_both_switches_apart() {
        for (create_stream_on_append, create_stream_on_read) in [(false, false), (true, false), (false, true)] {
            let info = BasinInfo { create_stream_on_append, create_stream_on_read, ..basin("my-basin") };
            round_trip(&Response::BasinCreated(info));
        }
    }

    #[test]
    fn unknown_flags_are_refused() {
        let mut body = body_of(&Response::BasinCreated(basin("my-basin")));
        body[12] |= 4;
        assert_eq!(refused(FrameKind::BasinCreated, &body), (ErrorCode::Unsupported, 12));
    }
}
