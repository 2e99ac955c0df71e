//! The block header: 256 bytes that bind a block to its store, journal, number and place.
//!
//! ```text
//!   0  [8]  magic "RvrnJrnl"           no zero byte: an empty page is never a header (F14)
//!   8  u16  version = 1
//!  10  u16  header_bytes = 256         the header's sum is its last four bytes, in every version
//!  12  u32  flags                      none defined, 0
//!  16  u64  salt                       random per journal; starts every sum (F13); here in every version,
//!  24  [16] store_id                   like these two: whose block it is can be told by any build
//!  40  [16] journal_id                 random per shard and epoch, and shown to nobody
//!  56  u64  epoch
//!  64  u64  number                     from 1, never reset within a journal
//!  72  u64  durable_watermark          all blocks up to this one were known durable; 0 = none
//!  80  u64  needed_from                the oldest block that is not published yet
//!  88  u64  wall_ms                    for people
//!  96  u64  offset                     of this block in its file (F12)
//! 104  u32  file                       (F12)
//! 108  u16  shard
//! 110  u16  reserved 0
//! 112  u32  q                          writes in flight at most: durable_watermark + q >= number
//! 116  u32  block_bytes                header included, a multiple of 4096
//! 120  u32  directory_offset           from the block's first byte
//! 124  u32  directory_count            0 = a watermark block
//! 128  u32  prev_header_crc            header_crc of block number - 1; 0 in block 1
//! 132  u32  payload_crc                salted, over everything after the header, padding included
//! 136  [116] reserved 0
//! 252  u32  header_crc                 salted, over bytes 0..252
//! ```

use super::checksum::seed;
use super::directory::ENTRY_BYTES;
use crate::buffer::ALIGN_BYTES;

pub const HEADER_BYTES: usize = 256;
/// The version that this build writes, and the newest that it reads.
pub const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"RvrnJrnl";
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

/// One block's header. Whoever holds one may rely on what [`BlockHeader::check`] says, because `decode` applies it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockHeader {
    pub salt: u64,
    pub store_id: [u8; 16],
    pub journal_id: [u8; 16],
    pub epoch: u64,
    pub number: u64,
    pub durable_watermark: u64,
    pub needed_from: u64,
    pub wall_ms: u64,
    pub offset: u64,
    pub file: u32,
    pub shard: u16,
    pub q: u32,
    pub block_bytes: u32,
    pub directory_offset: u32,
    pub directory_count: u32,
    pub prev_header_crc: u32,
    pub payload_crc: u32,
    /// Set by `encode`.
    pub header_crc: u32,
}

/// Why bytes are not a header. The order is the order of the checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// What a page that never held a header says: zeros, payload, garbage.
    #[error("no block header")]
    NoMagic,
    #[error("a block header whose checksum does not match")]
    BadChecksum,
    #[error("a block of format version {version}, written by a newer Riverrun; this one reads up to version {VERSION}")]
    NewerVersion { version: u16, store_id: [u8; 16], journal_id: [u8; 16] },
    /// The sum is right but the fields contradict each other: a writer's bug, or a format that forgot to raise its version.
    #[error("a block header that contradicts itself: {0}")]
    Impossible(&'static str),
}

impl BlockHeader {
    /// Writes the header and computes `header_crc`, which is also returned.
    pub fn encode(&mut self, out: &mut [u8; HEADER_BYTES]) -> u32 {
        out.fill(0);
        let mut writer = Writer { out, at: 0 };
        writer.put(&MAGIC);
        writer.put(&VERSION.to_le_bytes());
        writer.put(&(HEADER_BYTES as u16).to_le_bytes());
        writer.put(&0u32.to_le_bytes());
        writer.put(&self.salt.to_le_bytes());
        writer.put(&self.store_id);
        writer.put(&self.journal_id);
        for field in [self.epoch, self.number, self.durable_watermark, self.needed_from, self.wall_ms, self.offset] {
            writer.put(&field.to_le_bytes());
        }
        writer.put(&self.file.to_le_bytes());
        writer.put(&self.shard.to_le_bytes());
        writer.put(&0u16.to_le_bytes());
        for field in [self.q, self.block_bytes, self.directory_offset, self.directory_count] {
            writer.put(&field.to_le_bytes());
        }
        writer.put(&self.prev_header_crc.to_le_bytes());
        writer.put(&self.payload_crc.to_le_bytes());
        self.header_crc = crc32c::crc32c_append(seed(self.salt), &out[..HEADER_CRC_AT]);
        out[HEADER_CRC_AT..].copy_from_slice(&self.header_crc.to_le_bytes());
        self.header_crc
    }

    /// Reads the header at the start of `bytes` (at least a header long; the rest is not looked at).
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            return Err(HeaderError::NoMagic);
        }
        let version = u16_at(bytes, 8);
        let header_bytes = usize::from(u16_at(bytes, 10));
        if !(64..=bytes.len()).contains(&header_bytes) {
            return Err(HeaderError::BadChecksum);
        }
        let salt = u64_at(bytes, 16);
        let header_crc = u32_at(bytes, header_bytes - 4);
        if crc32c::crc32c_append(seed(salt), &bytes[..header_bytes - 4]) != header_crc {
            return Err(HeaderError::BadChecksum);
        }
        let (store_id, journal_id) = (id_at(bytes, 24), id_at(bytes, 40));
        if version > VERSION {
            return Err(HeaderError::NewerVersion { version, store_id, journal_id });
        }
        if version != VERSION {
            return Err(HeaderError::Impossible("a version that was never written"));
        }
        if header_bytes != HEADER_BYTES {
            return Err(HeaderError::Impossible("header length"));
        }
        if u32_at(bytes, 12) != 0 || u16_at(bytes, 110) != 0 || bytes[136..HEADER_CRC_AT].iter().any(|&b| b != 0) {
            return Err(HeaderError::Impossible("reserved fields that are not zero"));
        }
        let header = Self::fields(bytes, salt, header_crc);
        header.check().map_err(HeaderError::Impossible)?;
        Ok(header)
    }

    fn fields(bytes: &[u8], salt: u64, header_crc: u32) -> Self {
        Self {
            salt,
            store_id: id_at(bytes, 24),
            journal_id: id_at(bytes, 40),
            epoch: u64_at(bytes, 56),
            number: u64_at(bytes, 64),
            durable_watermark: u64_at(bytes, 72),
            needed_from: u64_at(bytes, 80),
            wall_ms: u64_at(bytes, 88),
            offset: u64_at(bytes, 96),
            file: u32_at(bytes, 104),
            shard: u16_at(bytes, 108),
            q: u32_at(bytes, 112),
            block_bytes: u32_at(bytes, 116),
            directory_offset: u32_at(bytes, 120),
            directory_count: u32_at(bytes, 124),
            prev_header_crc: u32_at(bytes, 128),
            payload_crc: u32_at(bytes, 132),
            header_crc,
        }
    }

    /// What must hold between the fields. Checked before a block is written and after one is read (reliability.md D3): the
    /// verdict over a torn tail rests on it, above all on the window of q blocks.
    pub fn check(&self) -> Result<(), &'static str> {
        let rules = [
            (self.number >= 1, "numbers start at 1"),
            (self.number < u64::MAX, "a number that none could follow"),
            (self.durable_watermark < self.number, "a block cannot know of its own durability"),
            (
                self.number - self.durable_watermark.min(self.number) <= u64::from(self.q),
                "more than q blocks above the watermark",
            ),
            ((1..=self.number).contains(&self.needed_from), "needed_from beyond the block itself"),
            (
                self.block_bytes as usize >= ALIGN_BYTES && (self.block_bytes as usize).is_multiple_of(ALIGN_BYTES),
                "block length",
            ),
            (self.offset.is_multiple_of(ALIGN_BYTES as u64), "offset is not aligned"),
            (self.directory_fits(), "directory outside the block"),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, broken)| Err(broken))
    }

    fn directory_fits(&self) -> bool {
        let start = u64::from(self.directory_offset);
        let end = start + u64::from(self.directory_count) * ENTRY_BYTES as u64;
        start >= HEADER_BYTES as u64 && end <= u64::from(self.block_bytes)
    }
}

struct Writer<'a> {
    out: &'a mut [u8; HEADER_BYTES],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, field: &[u8]) {
        self.out[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
    }
}

/// These read at constant offsets below a length that the caller checked.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn id_at(bytes: &[u8], at: usize) -> [u8; 16] {
    array_at(bytes, at)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
