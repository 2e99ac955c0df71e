//! The block that every journal begins with. It holds no batches; it is there to be found.
//!
//! It is durable before the catalog says that its epoch serves. A journal's last block is never overwritten while a later start
//! may ask for it, so from then on at least one block of the journal is in the files, whether or not anything was ever appended:
//! "nothing of this journal is found" means that its file is missing, and never that there was nothing to find. Without that, a
//! start from the wrong data directory could not be told from one after a quiet epoch, and would lose what was acknowledged.

use super::block::{BlockMeta, ClosedBlock, OpenBlock};
use crate::buffer::ALIGN_BYTES;

/// Its number.
pub const FIRST_NUMBER: u64 = 1;

/// What goes on behind the first block has to know of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstBlock {
    /// It stands at the beginning of this file.
    pub file: u32,
    pub block_bytes: u32,
    pub header_crc: u32,
}

/// The block as it is to be written to offset 0 of `meta.file`. What `meta` says of number, place, watermark and predecessor is
/// not asked: nothing came before.
pub fn first_block(meta: BlockMeta) -> (FirstBlock, ClosedBlock) {
    let meta = BlockMeta {
        number: FIRST_NUMBER,
        offset: 0,
        durable_watermark: 0,
        needed_from: FIRST_NUMBER,
        prev_header_crc: 0,
        ..meta
    };
    let closed = OpenBlock::new(ALIGN_BYTES).close(meta);
    let first = FirstBlock { file: meta.file, block_bytes: closed.block_bytes, header_crc: closed.header_crc };
    (first, closed)
}
