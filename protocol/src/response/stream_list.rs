//! Answers `ListStreams`.

use bytes::{BufMut, BytesMut};

use super::stream_provisioned::{STREAM_INFO_BYTES_MIN, StreamInfo, parse_info};
use crate::limits::LIST_ENTRIES_MAX;
use crate::wire::{self, Parsed};

const HAS_MORE: u32 = 1;

/// ```text
/// 0 u32 options: bit 0 = has_more
/// 4 u16 count, then the streams as in StreamProvisioned
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamList {
    /// In byte order; at most `LIST_ENTRIES_MAX` are written.
    pub streams: Vec<StreamInfo>,
    pub has_more: bool,
}

impl StreamList {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(u32::from(self.has_more) * HAS_MORE);
        let streams = &self.streams[..self.streams.len().min(LIST_ENTRIES_MAX)];
        out.put_u16_le(streams.len() as u16);
        streams.iter().for_each(|stream| stream.write(out));
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, StreamList> {
    let (input, options) = wire::options(input, HAS_MORE)?;
    let (input, streams) = wire::list(input, LIST_ENTRIES_MAX, STREAM_INFO_BYTES_MIN, parse_info)?;
    Ok((input, StreamList { streams, has_more: options & HAS_MORE != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{refused, round_trip, stream};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed_up_to_a_full_page_of_longest_names() {
        round_trip(&Response::StreamList(StreamList { streams: vec![], has_more: false }));
        let streams = (0..LIST_ENTRIES_MAX).map(|n| stream(&format!("{n:0512}"))).collect();
        round_trip(&Response::StreamList(StreamList { streams, has_more: true }));
    }

    #[test]
    fn a_count_beyond_the_body_is_refused_before_room_is_made() {
        let body = [&[0, 0, 0, 0, 0xe8, 0x03][..], &[0; 30]].concat();
        assert_eq!(refused(FrameKind::StreamList, &body), (ErrorCode::BadFrame, 6));
    }
}
