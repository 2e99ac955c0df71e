//! The push that hands on a page of history as it is stored, compressed: the server does not open it, the client does.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use nom::number::complete::{le_u32, le_u64};

use crate::error::DecodeError;
use crate::limits::{BATCH_HEADER_BYTES, PAGE_RAW_BYTES_MAX, PAGE_STORED_BYTES_MAX, TABLE_ENTRY_BYTES};
use crate::wire::{self, Parsed};

const HEAD_BYTES: usize = 28;

/// One zstd frame of whole batches back to back, all of one stream, without a gap between them. Sent only in sessions that take
/// pages ([`crate::request::OpenReadSession::takes_pages`]); it costs `raw_bytes` of the session's credit, which is what the reader
/// has to hold.
///
/// ```text
///  0 u32 options: none
///  4 u32 raw_bytes | 8 u32 crc32c of the frame
/// 12 u64 first_seq_num | 20 u64 end_seq_num, exclusive
/// 28 the zstd frame, up to the body's end
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompressedPage {
    /// Decompressed; at most [`PAGE_RAW_BYTES_MAX`], and more than `stored`.
    pub raw_bytes: u32,
    /// Over `stored`: to be checked before a decompressor sees a byte of it.
    pub crc: u32,
    pub first_seq_num: u64,
    /// Exclusive.
    pub end_seq_num: u64,
    pub stored: Bytes,
}

impl CompressedPage {
    /// Of a body, without the frame's bytes.
    pub(super) fn write_prefix(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u32_le(self.raw_bytes);
        out.put_u32_le(self.crc);
        out.put_u64_le(self.first_seq_num);
        out.put_u64_le(self.end_seq_num);
    }

    pub(super) fn parse(name: &str, mut body: Bytes) -> Result<Self, DecodeError> {
        let mut page = wire::whole(name, &body, |input| {
            let (stored, page) = head(input)?;
            match sound(&page, stored.len()) {
                true => Ok((&[], page)),
                false => wire::bad(input, "a page's sizes or numbers contradict each other"),
            }
        })?;
        body.advance(HEAD_BYTES);
        page.stored = body;
        Ok(page)
    }
}

fn head(input: &[u8]) -> Parsed<'_, CompressedPage> {
    let (input, _) = wire::options(input, 0)?;
    let (input, raw_bytes) = le_u32(input)?;
    let (input, crc) = le_u32(input)?;
    let (input, first_seq_num) = le_u64(input)?;
    let (stored, end_seq_num) = le_u64(input)?;
    Ok((stored, CompressedPage { raw_bytes, crc, first_seq_num, end_seq_num, stored: Bytes::new() }))
}

fn sound(page: &CompressedPage, stored_bytes: usize) -> bool {
    let raw_bytes = page.raw_bytes as usize;
    let sizes = (1..=PAGE_STORED_BYTES_MAX).contains(&stored_bytes) && stored_bytes < raw_bytes;
    // What costs a reader credit is at least what it holds.
    let holds_a_record = (BATCH_HEADER_BYTES + TABLE_ENTRY_BYTES..=PAGE_RAW_BYTES_MAX).contains(&raw_bytes);
    sizes && holds_a_record && page.first_seq_num < page.end_seq_num
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::push_round_trip;
    use crate::{FrameKind, Push};

    fn page() -> CompressedPage {
        let stored = Bytes::from_static(b"opaque here");
        CompressedPage { raw_bytes: 300, crc: 7, first_seq_num: 40, end_seq_num: 44, stored }
    }

    #[test]
    fn written_and_parsed() {
        push_round_trip(&Push::Page(page()));
    }

    #[test]
    fn claims_that_cannot_be_are_refused() {
        let refused = [
            CompressedPage { raw_bytes: PAGE_RAW_BYTES_MAX as u32 + 1, ..page() },
            CompressedPage { raw_bytes: 11, ..page() },
            CompressedPage { raw_bytes: (BATCH_HEADER_BYTES + TABLE_ENTRY_BYTES - 1) as u32, ..page() },
            CompressedPage { end_seq_num: 40, ..page() },
            CompressedPage { stored: Bytes::new(), ..page() },
        ];
        for page in refused {
            let mut body = BytesMut::new();
            page.write_prefix(&mut body);
            body.extend_from_slice(&page.stored);
            let error = Push::parse(FrameKind::Page as u8, body.freeze()).expect_err("refused");
            assert_eq!((error.code, error.offset), (ErrorCode::BadFrame, 0), "{error}");
        }
    }
}
