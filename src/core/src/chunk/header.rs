//! The first 112 bytes of every chunk and of every fence: whose object this is, and where it belongs
//! (reliability.md D12: inside the object, because stores may drop metadata).
//!
//! ```text
//!   0 [8] magic: "RVRNCHNK" a chunk, "RVRNFENC" a fence
//!   8 u16 version = 1              10 u16 length of this header = 112
//!  12 u32 flags, 0
//!  16 [16] store id
//!  32 u64 epoch                    \
//!  40 u16 shard                     | the object's place, which is its name
//!  42 u8 lane: 1 express, 2 standard|
//!  43 [5] reserved, 0               |
//!  48 u64 number                   /
//!  56 u64 epoch of the writer: for a chunk the same, for a fence a newer one
//!  64 [16] writer id: random per process
//!  80 [16] put id: random per object, the same in every attempt to put it
//!  96 u64 length of the whole object
//! 104 u32 reserved, 0
//! 108 u32 crc32c of bytes 0..108
//! ```
//! This layout is the same in every version, so that any build can say which version it met.

use bytes::BufMut;

use super::{ChunkId, Lane};
use crate::stored::{Reader, StoredError};

/// Length of the header, and of a whole fence object.
pub const HEADER_BYTES: usize = 112;
/// The newest format this build writes and reads.
pub const CHUNK_VERSION: u16 = 1;
const CHUNK_MAGIC: &[u8; 8] = b"RVRNCHNK";
const FENCE_MAGIC: &[u8; 8] = b"RVRNFENC";
const WHAT: &str = "chunk header";

/// Who writes an object: enough to know one's own put again (reliability.md F34).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    pub store_id: [u8; 16],
    /// Random per process.
    pub writer_id: [u8; 16],
    /// Random per object, the same in every attempt to put it.
    pub put_id: [u8; 16],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectKind {
    Chunk,
    /// Ends a sequence: put by a newer epoch under the name of the first chunk that the older one did not write in time.
    Fence,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectHeader {
    pub kind: ObjectKind,
    pub id: ChunkId,
    pub identity: Identity,
    /// For a chunk the epoch in its name, for a fence the newer one that put it.
    pub writer_epoch: u64,
    /// Of the whole object: what tells a short one (reliability.md F18) from a damaged one.
    pub object_bytes: u64,
}

impl ObjectHeader {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        self.encode_fields(&mut &mut bytes[..]);
        let crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn encode_fields(&self, out: &mut impl BufMut) {
        out.put_slice(match self.kind {
            ObjectKind::Chunk => CHUNK_MAGIC,
            ObjectKind::Fence => FENCE_MAGIC,
        });
        out.put_u16_le(CHUNK_VERSION);
        out.put_u16_le(HEADER_BYTES as u16);
        out.put_u32_le(0);
        out.put_slice(&self.identity.store_id);
        out.put_u64_le(self.id.epoch);
        out.put_u16_le(self.id.shard);
        out.put_u8(self.id.lane as u8 + 1);
        out.put_bytes(0, 5);
        out.put_u64_le(self.id.number);
        out.put_u64_le(self.writer_epoch);
        out.put_slice(&self.identity.writer_id);
        out.put_slice(&self.identity.put_id);
        out.put_u64_le(self.object_bytes);
    }

    /// `bytes` is an object's beginning, or all of it. Checks the header, not what follows it.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoredError> {
        if bytes.len() < HEADER_BYTES {
            return Err(StoredError::Truncated {
                what: "chunk",
                bytes: bytes.len() as u64,
                expected: HEADER_BYTES as u64,
            });
        }
        let header = &bytes[..HEADER_BYTES];
        let mut reader = Reader::new(WHAT, header);
        let kind = kind(&mut reader)?;
        let (fields, crc) = header.split_at(HEADER_BYTES - 4);
        if crc != crc32c::crc32c(fields).to_le_bytes() {
            return Err(StoredError::damaged(WHAT, HEADER_BYTES as u64 - 4, "the header's checksum is wrong"));
        }
        check_version(reader.u16()?)?;
        Self::decode_fields(kind, &mut reader)
    }

    fn decode_fields(kind: ObjectKind, reader: &mut Reader<'_>) -> Result<Self, StoredError> {
        if reader.u16()? as usize != HEADER_BYTES {
            return Err(reader.damaged("the header's length is wrong"));
        }
        reader.zeros(4)?;
        let store_id = reader.array()?;
        let id = chunk_id(reader)?;
        let header = Self {
            kind,
            id,
            writer_epoch: reader.u64()?,
            identity: Identity { store_id, writer_id: reader.array()?, put_id: reader.array()? },
            object_bytes: reader.u64()?,
        };
        reader.zeros(4)?;
        Ok(header)
    }

    /// The object is of this store and under its own name (reliability.md F12).
    pub fn check_place(&self, store_id: &[u8; 16], id: ChunkId) -> Result<(), StoredError> {
        let misplaced = |expected, found| Err(StoredError::Misplaced { what: "chunk", expected, found });
        if self.identity.store_id != *store_id {
            return misplaced(format!("store {}", hex(store_id)), format!("store {}", hex(&self.identity.store_id)));
        }
        if self.id != id {
            return misplaced(id.object_name(), self.id.object_name());
        }
        Ok(())
    }
}

fn kind(reader: &mut Reader<'_>) -> Result<ObjectKind, StoredError> {
    match &reader.array::<8>()? {
        CHUNK_MAGIC => Ok(ObjectKind::Chunk),
        FENCE_MAGIC => Ok(ObjectKind::Fence),
        _ => Err(StoredError::damaged(WHAT, 0, "the magic is neither a chunk's nor a fence's")),
    }
}

pub(super) fn check_version(found: u16) -> Result<(), StoredError> {
    crate::stored::check_version("chunk", found, CHUNK_VERSION)
}

fn chunk_id(reader: &mut Reader<'_>) -> Result<ChunkId, StoredError> {
    let (epoch, shard) = (reader.u64()?, reader.u16()?);
    let lane = match reader.u8()? {
        1 => Lane::Express,
        2 => Lane::Standard,
        other => return Err(reader.damaged(format!("{other} is no lane"))),
    };
    reader.zeros(5)?;
    Ok(ChunkId { epoch, shard, lane, number: reader.u64()? })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
