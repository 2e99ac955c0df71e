//! Pages: the unit of compression and of checking inside a chunk.
//!
//! An entry of the page table; a page's offset is not stored, since pages lie back to back behind the header:
//! ```text
//!  0 u32 stored bytes    4 u32 raw bytes    8 u32 crc32c of the stored bytes
//! 12 u8 codec: 0 raw, 1 one zstd frame     13 [3] reserved, 0
//! ```

use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes};

use super::encode::EncodeError;
use crate::limits::PAGE_RAW_BYTES_MAX;
use crate::stored::{Reader, StoredError};

pub(super) const PAGE_ENTRY_BYTES: usize = 16;
const WHAT: &str = "chunk page";
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageCodec {
    /// As it was: compression did not make it at least a sixteenth smaller.
    Raw,
    Zstd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageEntry {
    /// In the object.
    pub offset: u64,
    pub stored_bytes: u32,
    pub raw_bytes: u32,
    /// Over the stored bytes.
    pub crc: u32,
    pub codec: PageCodec,
}

impl PageEntry {
    /// Where the page is in the object.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.stored_bytes)
    }

    pub(super) fn encode(&self, out: &mut impl BufMut) {
        out.put_u32_le(self.stored_bytes);
        out.put_u32_le(self.raw_bytes);
        out.put_u32_le(self.crc);
        out.put_u8(self.codec as u8);
        out.put_bytes(0, 3);
    }

    pub(super) fn decode(reader: &mut Reader<'_>, offset: u64) -> Result<Self, StoredError> {
        let (stored_bytes, raw_bytes, crc) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let codec = match reader.u8()? {
            0 => PageCodec::Raw,
            1 => PageCodec::Zstd,
            other => return Err(reader.damaged(format!("{other} is no codec of a page"))),
        };
        reader.zeros(3)?;
        let sizes_fit = match codec {
            PageCodec::Raw => stored_bytes == raw_bytes,
            PageCodec::Zstd => stored_bytes < raw_bytes,
        };
        if !sizes_fit || stored_bytes == 0 || raw_bytes as usize > PAGE_RAW_BYTES_MAX {
            return Err(reader.damaged(format!("a page of {stored_bytes} stored and {raw_bytes} raw bytes")));
        }
        Ok(Self { offset, stored_bytes, raw_bytes, crc, codec })
    }

    fn damaged(&self, why: impl fmt::Display) -> StoredError {
        let Range { start, end } = self.range();
        StoredError::damaged(WHAT, start, format!("the page in bytes {start}..{end} {why}"))
    }
}

/// A zstd context and its buffers, made once and used for one chunk after the other: nothing is allocated per page but what is
/// stored.
pub struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
    level: i32,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Compressor {
    pub fn new() -> Result<Self, EncodeError> {
        let level = zstd::DEFAULT_COMPRESSION_LEVEL;
        let zstd = zstd::bulk::Compressor::new(level).map_err(|error| EncodeError::Compression(error.to_string()))?;
        Ok(Self { zstd, level, input: Vec::new(), output: Vec::new() })
    }

    pub(super) fn set_level(&mut self, level: i32) -> Result<(), EncodeError> {
        if level != self.level {
            self.zstd.set_compression_level(level).map_err(|error| EncodeError::Compression(error.to_string()))?;
            self.level = level;
        }
        Ok(())
    }

    /// One frame of `parts` back to back, or `None` where it would not be at least a sixteenth smaller than `raw_bytes`: the
    /// reader's work to undo it would buy nothing.
    pub(super) fn compress(&mut self, parts: &[Bytes], raw_bytes: usize) -> Result<Option<Bytes>, EncodeError> {
        self.output.clear();
        self.output.reserve(zstd::zstd_safe::compress_bound(raw_bytes));
        let input = match parts {
            [one] => &one[..],
            many => {
                self.input.clear();
                many.iter().for_each(|part| self.input.extend_from_slice(part));
                &self.input[..]
            }
        };
        let stored = self
            .zstd
            .compress_to_buffer(input, &mut self.output)
            .map_err(|error| EncodeError::Compression(error.to_string()))?;
        Ok((stored < raw_bytes / 16 * 15).then(|| Bytes::copy_from_slice(&self.output[..stored])))
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

/// A zstd context for reading, made once per reader.
pub struct Decompressor(zstd::bulk::Decompressor<'static>);

impl Decompressor {
    /// Fails only where zstd gets no memory for its context.
    pub fn new() -> Result<Self, EncodeError> {
        zstd::bulk::Decompressor::new().map(Self).map_err(|error| EncodeError::Compression(error.to_string()))
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decompressor")
    }
}

/// Checks a page's stored bytes and undoes the compression. A raw page comes back as it is, without a copy.
///
/// The checksum is checked before zstd sees a byte, and the room for its output is fixed by the page table, which has a limit
/// and a checksum of its own: a frame that claims or yields more is an error, as are a second frame, a skippable one and one
/// that wants a dictionary (reliability.md F49).
pub fn decode_page(page: &PageEntry, stored: &Bytes, zstd: &mut Decompressor) -> Result<Bytes, StoredError> {
    check_page(page, stored)?;
    match page.codec {
        PageCodec::Raw => Ok(stored.clone()),
        PageCodec::Zstd => decompress(page, stored, zstd),
    }
}

/// Only the check: length and checksum of the stored bytes.
pub fn check_page(page: &PageEntry, stored: &[u8]) -> Result<(), StoredError> {
    if stored.len() != page.stored_bytes as usize {
        let (bytes, expected) = (stored.len() as u64, u64::from(page.stored_bytes));
        return Err(StoredError::Truncated { what: WHAT, bytes, expected });
    }
    match crc32c::crc32c(stored) == page.crc {
        true => Ok(()),
        false => Err(page.damaged("has a wrong checksum")),
    }
}

fn decompress(page: &PageEntry, stored: &[u8], zstd: &mut Decompressor) -> Result<Bytes, StoredError> {
    let raw_bytes = page.raw_bytes as usize;
    if !stored.starts_with(&ZSTD_MAGIC) {
        return Err(page.damaged("is no zstd frame"));
    }
    if zstd::zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err(page.damaged("is not exactly one zstd frame"));
    }
    if zstd::zstd_safe::get_frame_content_size(stored).ok().flatten() != Some(raw_bytes as u64) {
        return Err(page.damaged(format!("does not claim {raw_bytes} raw bytes")));
    }
    let mut raw = Vec::with_capacity(raw_bytes);
    match zstd.0.decompress_to_buffer(stored, &mut raw) {
        Ok(bytes) if bytes == raw_bytes => Ok(Bytes::from(raw)),
        Ok(bytes) => Err(page.damaged(format!("holds {bytes} raw bytes, not {raw_bytes}"))),
        Err(error) => Err(page.damaged(format!("does not decompress: {error}"))),
    }
}
