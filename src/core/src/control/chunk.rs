//! A chunk's row: key `chunk/<epoch>/<shard>-<lane>/<number>`.
//!
//! ```text
//! u64 object bytes | u64 raw bytes | u64 footer offset | u32 footer bytes | u32 footer crc | u32 streams
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::chunk::{EncodedChunk, Footer, FooterRange, Trailer};
use crate::stored::StoredError;

const KIND: Kind = Kind { tag: 4, name: "chunk row", version: 1 };

/// What the catalog keeps of an indexed chunk: enough to fetch its footer with one range read and to know it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkRow {
    pub object_bytes: u64,
    /// Bytes of batches before compression.
    pub raw_bytes: u64,
    pub footer: FooterRange,
    pub stream_count: u32,
}

impl ChunkRow {
    pub fn new(footer: &Footer, trailer: &Trailer) -> Self {
        Self {
            object_bytes: trailer.object_bytes,
            raw_bytes: footer.raw_bytes(),
            footer: trailer.footer,
            stream_count: footer.streams.len() as u32,
        }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_u64_le(self.object_bytes);
            out.put_u64_le(self.raw_bytes);
            out.put_u64_le(self.footer.offset);
            out.put_u32_le(self.footer.bytes);
            out.put_u32_le(self.footer.crc);
            out.put_u32_le(self.stream_count);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            Ok(Self {
                object_bytes: reader.u64()?,
                raw_bytes: reader.u64()?,
                footer: FooterRange { offset: reader.u64()?, bytes: reader.u32()?, crc: reader.u32()? },
                stream_count: reader.u32()?,
            })
        })
    }
}

impl From<&EncodedChunk> for ChunkRow {
    fn from(chunk: &EncodedChunk) -> Self {
        Self::new(&chunk.footer, &chunk.trailer)
    }
}
