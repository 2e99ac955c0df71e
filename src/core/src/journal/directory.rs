//! A block's directory: where its batches are.
//!
//! ```text
//! entry, 32 bytes
//!   0  u32  offset      from the block's first byte, a multiple of 8
//!   4  u32  length      at least 1
//!   8  u8   kind        1 = batch
//!   9  [7]  reserved 0
//!  16  u64  group_id    0 = none (an append to several streams of one shard will come)
//!  24  [8]  reserved 0
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::checksum::seed;
use super::header::{BlockHeader, HEADER_BYTES};

pub const ENTRY_BYTES: usize = 32;

const KIND_BATCH: u8 = 1;

/// Why a block whose header is right cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockError {
    #[error("{actual} bytes where the header says {expected}")]
    Length { expected: u32, actual: u64 },
    #[error("the payload's checksum does not match")]
    BadChecksum,
    #[error("directory entry {entry} {problem}")]
    Entry { entry: u32, problem: &'static str },
}

pub(super) fn write_entry(out: &mut BytesMut, offset: u32, length: u32) {
    out.put_u32_le(offset);
    out.put_u32_le(length);
    out.put_u8(KIND_BATCH);
    out.put_bytes(0, ENTRY_BYTES - 9);
}

/// Checks everything after the header, padding included, against the header's sum. `block` is the whole block.
pub fn verify_payload(header: &BlockHeader, block: &[u8]) -> Result<(), BlockError> {
    if block.len() as u64 != u64::from(header.block_bytes) {
        return Err(BlockError::Length { expected: header.block_bytes, actual: block.len() as u64 });
    }
    if crc32c::crc32c_append(seed(header.salt), &block[HEADER_BYTES..]) != header.payload_crc {
        return Err(BlockError::BadChecksum);
    }
    Ok(())
}

/// The block's batches in the order in which they were put in, as slices of `block` (the whole block). Every bound is checked,
/// so that it is safe before [`verify_payload`] too; only after it are the bytes known to be the ones that were written.
pub fn directory(header: &BlockHeader, block: &Bytes) -> Result<Vec<Bytes>, BlockError> {
    if block.len() as u64 != u64::from(header.block_bytes) {
        return Err(BlockError::Length { expected: header.block_bytes, actual: block.len() as u64 });
    }
    // In bounds by `BlockHeader::check`, and so is the memory taken: 32 bytes of block for every entry.
    let start = header.directory_offset as usize;
    let entries = block[start..][..header.directory_count as usize * ENTRY_BYTES].chunks_exact(ENTRY_BYTES);
    entries.zip(0u32..).map(|(entry, i)| batch(block, entry, i)).collect()
}

fn batch(block: &Bytes, entry: &[u8], i: u32) -> Result<Bytes, BlockError> {
    let refuse = |problem| Err(BlockError::Entry { entry: i, problem });
    let word = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize;
    let (offset, length) = (word(0), word(4));
    if entry[8] != KIND_BATCH {
        return refuse("is of a kind this version does not know");
    }
    if entry[9..].iter().any(|&b| b != 0) {
        return refuse("uses fields this version does not know");
    }
    if offset < HEADER_BYTES || length == 0 || offset.saturating_add(length) > block.len() {
        return refuse("points outside the block");
    }
    Ok(block.slice(offset..offset + length))
}
