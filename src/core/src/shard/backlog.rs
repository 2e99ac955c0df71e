//! How much is accepted and not yet published, and which journal block is the oldest that is still needed (design.md 6).
//!
//! Counted are whole blocks, from the oldest needed one on: that is the journal space that cannot be reused, and with the
//! padding and neighbours that an unpublished batch keeps alive it is also the memory. Bytes of batches alone would let a
//! thousand one-record blocks take 20 times their budget.

use std::collections::VecDeque;

use crate::limits::BACKLOG_ROOM_BYTES;

#[derive(Debug)]
pub(super) struct Backlog {
    bytes_max: u64,
    /// From the oldest needed block to the newest, numbered without a gap.
    blocks: VecDeque<BlockSpan>,
    /// The number of the first of `blocks`.
    first_block: u64,
    blocks_bytes: u64,
    inherited_batches: usize,
    inherited_bytes: u64,
    full: bool,
}

#[derive(Debug)]
struct BlockSpan {
    bytes: u64,
    unpublished_batches: usize,
}

impl Backlog {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            blocks: VecDeque::new(),
            first_block: 1,
            blocks_bytes: 0,
            inherited_batches: 0,
            inherited_bytes: 0,
            full: false,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.blocks_bytes + self.inherited_bytes
    }

    /// 0 = empty, 1 = full.
    pub(super) fn fill(&self) -> f64 {
        self.bytes() as f64 / self.bytes_max as f64
    }

    pub(super) fn inherited_batches(&self) -> usize {
        self.inherited_batches
    }

    /// Once full, it has room again when an eighth or two chunks' worth is free: otherwise every published batch would let an
    /// append in and stop and start every socket for it. Not more: appends wait as long as that takes to be published, which at
    /// 2 GiB a shard and 250 MiB/s was a second for an eighth.
    pub(super) fn has_room(&mut self) -> bool {
        let limit = self.bytes_max - if self.full { (self.bytes_max / 8).min(BACKLOG_ROOM_BYTES) } else { 0 };
        self.full = self.bytes() >= limit.max(1);
        !self.full
    }

    /// The oldest block that holds something unpublished, if the next block gets the number `next`.
    pub(super) fn needed_from(&self, next: u64) -> u64 {
        if self.blocks.is_empty() { next } else { self.first_block }
    }

    pub(super) fn on_recovered(&mut self, footprint: u32) {
        self.inherited_batches += 1;
        self.inherited_bytes += u64::from(footprint);
    }

    /// A block was closed; one without batches is needed by nobody.
    pub(super) fn on_block_closed(&mut self, number: u64, bytes: u64, batches: usize) {
        if self.blocks.is_empty() {
            self.first_block = number;
        }
        assert_eq!(number, self.first_block + self.blocks.len() as u64, "blocks are numbered without a gap");
        self.blocks.push_back(BlockSpan { bytes, unpublished_batches: batches });
        self.blocks_bytes += bytes;
        self.drop_published_blocks();
    }

    /// One batch of this block (0: inherited) is in a chunk, stored and indexed.
    pub(super) fn on_batch_published(&mut self, block: u64, footprint: u32) {
        if block == 0 {
            self.inherited_batches -= 1;
            self.inherited_bytes -= u64::from(footprint);
            return;
        }
        self.blocks[(block - self.first_block) as usize].unpublished_batches -= 1;
        self.drop_published_blocks();
    }

    fn drop_published_blocks(&mut self) {
        while let Some(block) = self.blocks.front().filter(|block| block.unpublished_batches == 0) {
            self.blocks_bytes -= block.bytes;
            self.blocks.pop_front();
            self.first_block += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d10_a_block_is_needed_until_its_last_batch_is_published() {
        let mut backlog = Backlog::new(100);
        backlog.on_block_closed(1, 10, 2);
        backlog.on_block_closed(2, 10, 1);
        backlog.on_batch_published(2, 1);
        backlog.on_batch_published(1, 1);
        assert_eq!((backlog.needed_from(3), backlog.bytes()), (1, 20));
        backlog.on_batch_published(1, 1);
        assert_eq!((backlog.needed_from(3), backlog.bytes()), (3, 0));
    }

    #[test]
    fn a_watermark_block_needs_nothing() {
        let mut backlog = Backlog::new(100);
        backlog.on_block_closed(1, 10, 0);
        assert_eq!((backlog.needed_from(2), backlog.bytes()), (2, 0));
        backlog.on_block_closed(2, 10, 1);
        backlog.on_block_closed(3, 10, 0);
        backlog.on_batch_published(2, 1);
        assert_eq!((backlog.needed_from(4), backlog.bytes()), (4, 0));
    }

    #[test]
    fn a_full_backlog_has_room_again_when_an_eighth_is_free() {
        let mut backlog = Backlog::new(80);
        for number in 1..=8 {
            backlog.on_block_closed(number, 10, 1);
        }
        assert!(!backlog.has_room());
        backlog.on_batch_published(1, 1);
        assert!(!backlog.has_room(), "70 of 80 is the mark, and is not below it");
        backlog.on_batch_published(2, 1);
        assert!(backlog.has_room());
    }
}
