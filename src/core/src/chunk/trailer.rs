//! The last 40 bytes of a chunk.
//!
//! ```text
//!  0 u64 offset of the footer
//!  8 u32 length of the footer     12 u32 crc32c of the footer
//! 16 u64 length of the whole object
//! 24 u16 version = 1              26 u16 reserved, 0
//! 28 u32 crc32c of bytes 0..28
//! 32 [8] magic "RVRNCEND"
//! ```
//! Like the header, the same layout in every version.

use bytes::BufMut;

use super::header::{HEADER_BYTES, check_version};
use crate::limits::CHUNK_FOOTER_BYTES_MAX;
use crate::stored::{Reader, StoredError};

pub const TRAILER_BYTES: usize = 40;
/// A chunk without a page or stream would still have these.
pub const CHUNK_BYTES_MIN: usize = HEADER_BYTES + TRAILER_BYTES;
const MAGIC: &[u8; 8] = b"RVRNCEND";
const WHAT: &str = "chunk trailer";

/// Where a chunk's footer is, and its checksum: what the catalog keeps of each chunk, so that one range read finds everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FooterRange {
    pub offset: u64,
    pub bytes: u32,
    pub crc: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trailer {
    pub footer: FooterRange,
    pub object_bytes: u64,
}

impl Trailer {
    pub fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = Vec::with_capacity(TRAILER_BYTES);
        bytes.put_u64_le(self.footer.offset);
        bytes.put_u32_le(self.footer.bytes);
        bytes.put_u32_le(self.footer.crc);
        bytes.put_u64_le(self.object_bytes);
        bytes.put_u16_le(super::CHUNK_VERSION);
        bytes.put_u16_le(0);
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes.put_slice(MAGIC);
        bytes.try_into().expect("the fields above are 40 bytes")
    }

    /// `tail` is the object's end, at least 40 bytes of it; `object_bytes` its length as the store tells it.
    pub fn decode(tail: &[u8], object_bytes: u64) -> Result<Self, StoredError> {
        let start = tail.len().checked_sub(TRAILER_BYTES).ok_or(StoredError::Truncated {
            what: "chunk",
            bytes: tail.len() as u64,
            expected: CHUNK_BYTES_MIN as u64,
        })?;
        let bytes = &tail[start..];
        if &bytes[32..] != MAGIC {
            return Err(StoredError::damaged(WHAT, 32, "the object does not end as a chunk does"));
        }
        if bytes[28..32] != crc32c::crc32c(&bytes[..28]).to_le_bytes() {
            return Err(StoredError::damaged(WHAT, 28, "the trailer's checksum is wrong"));
        }
        Self::decode_fields(&mut Reader::new(WHAT, &bytes[..28]))?.checked(object_bytes)
    }

    fn decode_fields(reader: &mut Reader<'_>) -> Result<Self, StoredError> {
        let footer = FooterRange { offset: reader.u64()?, bytes: reader.u32()?, crc: reader.u32()? };
        let object_bytes = reader.u64()?;
        check_version(reader.u16()?)?;
        reader.zeros(2)?;
        Ok(Self { footer, object_bytes })
    }

    fn checked(self, object_bytes: u64) -> Result<Self, StoredError> {
        if self.object_bytes != object_bytes {
            let why = format!("the object has {object_bytes} bytes, {} were written", self.object_bytes);
            return Err(StoredError::damaged(WHAT, 16, why));
        }
        let footer_end = self.footer.offset.checked_add(u64::from(self.footer.bytes));
        if footer_end != object_bytes.checked_sub(TRAILER_BYTES as u64) || self.footer.offset < HEADER_BYTES as u64 {
            return Err(StoredError::damaged(WHAT, 0, "the footer is not between the pages and the trailer"));
        }
        if self.footer.bytes as usize > CHUNK_FOOTER_BYTES_MAX {
            return Err(StoredError::damaged(WHAT, 8, format!("a footer of {} bytes", self.footer.bytes)));
        }
        Ok(self)
    }
}
