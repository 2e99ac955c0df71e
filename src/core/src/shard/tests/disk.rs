//! A model of the journal's files, which looks at every block that it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

use crate::journal::{BlockHeader, directory, verify_payload};
use crate::limits::JOURNAL_WRITES_INFLIGHT_MAX;

pub(super) const FILE_BYTES: u64 = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Blocks in files that belong to the shard, by number.
    pub(super) blocks: BTreeMap<u64, Block>,
    unwritten: BTreeSet<u64>,
    /// The highest number of the longest complete prefix, and where each stream ends in it.
    durable: u64,
    pub(super) durable_ends: BTreeMap<StreamId, u64>,
    /// Files that the shard has.
    pub(super) files: BTreeMap<u32, u64>,
    next_file: u32,
    free: Vec<u32>,
    /// No new file can be made.
    pub(super) full: bool,
    /// Other shards wait for files: what this one gives back they take.
    pub(super) shared: bool,
    others: Vec<u32>,
    /// What happened to the files, in the order in which it was ordered.
    pub(super) writes: Vec<Written>,
}

#[derive(Debug)]
pub(super) enum Written {
    Block {
        file: u32,
        offset: u64,
        bytes: Bytes,
    },
    /// Another shard fills the file.
    ByOthers {
        file: u32,
    },
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) header: BlockHeader,
    pub(super) batches: Vec<Batch>,
    pub(super) written: bool,
}

impl Disk {
    pub(super) fn can_prepare_file(&self) -> bool {
        !self.full || !self.free.is_empty()
    }

    /// Hands a file out, a released one if there is any: what is in it is gone.
    pub(super) fn prepare_file(&mut self) -> u32 {
        let file = self.free.pop().unwrap_or(self.next_file);
        self.next_file = self.next_file.max(file + 1);
        self.files.insert(file, 0);
        file
    }

    /// `is_stored` tells whether a batch is in the store.
    pub(super) fn begin_write(
        &mut self,
        number: u64,
        file: u32,
        offset: u64,
        buffers: &[Bytes],
        is_stored: impl Fn(&Batch) -> bool,
    ) {
        for buffer in buffers {
            assert_eq!((buffer.as_ptr().addr() % 4096, buffer.len() % 4096), (0, 0), "direct I/O takes whole pages");
        }
        let bytes = Bytes::from(buffers.concat());
        let header = BlockHeader::decode(&bytes).expect("the shard writes blocks");
        verify_payload(&header, &bytes).expect("with the right sums");
        assert_eq!((header.number, header.file, header.offset), (number, file, offset), "the block knows its place");
        self.writes.push(Written::Block { file, offset, bytes: bytes.clone() });
        self.make_way(&header, is_stored);
        let batches = directory(&header, &bytes).unwrap().into_iter().map(|batch| Batch::parse(batch).unwrap());
        let block = Block { header, batches: batches.collect(), written: false };
        self.check_chain(&block.header);
        assert!(self.blocks.insert(number, block).is_none(), "numbers are given once");
        self.unwritten.insert(number);
        assert!(self.unwritten.len() <= JOURNAL_WRITES_INFLIGHT_MAX, "at most q writes are in flight");
    }

    /// Blocks follow each other in the file, which may begin again when nothing in it is needed; those without batches may be in
    /// one of the two pages at its end if they need nothing. Whatever is overwritten is gone when the write begins.
    fn make_way(&mut self, header: &BlockHeader, is_stored: impl Fn(&Batch) -> bool) {
        let end = self.files.get_mut(&header.file).expect("the shard writes to its own files");
        let (file, offset, reserve) = (header.file, header.offset, FILE_BYTES - 8192);
        if offset >= reserve {
            assert!(header.directory_count == 0 && header.block_bytes == 4096, "the reserve is for empty blocks");
            assert_eq!(header.needed_from, header.number, "that need nothing before them");
            return self.lose(file, offset..=offset, is_stored);
        }
        let begins_again = offset == 0 && *end > 0;
        assert!(begins_again || *end == offset, "blocks follow each other in the file");
        *end = offset + u64::from(header.block_bytes);
        assert!(*end <= reserve, "the block fits the file");
        if begins_again {
            self.lose(file, 0..=reserve - 1, is_stored);
        }
    }

    /// What is at these offsets is overwritten, or may be from now on.
    fn lose(&mut self, file: u32, gone: RangeInclusive<u64>, is_stored: impl Fn(&Batch) -> bool) {
        let is_gone = |block: &Block| block.header.file == file && gone.contains(&block.header.offset);
        let lost: Vec<u64> = self.blocks.iter().filter(|(_, block)| is_gone(block)).map(|(n, _)| *n).collect();
        for number in &lost {
            let block = self.blocks.remove(number).unwrap();
            assert!(block.written && block.batches.iter().all(&is_stored), "D10: block {number} is still needed");
        }
        let Some(last) = lost.last() else { return };
        let told = self.durable_blocks().any(|block| block.header.needed_from > *last);
        assert!(told, "a durable block that stays says that those up to {last} in file {file} are not needed");
    }

    fn check_chain(&self, header: &BlockHeader) {
        if let Some(before) = self.blocks.get(&(header.number - 1)) {
            assert_eq!(header.prev_header_crc, before.header.header_crc, "blocks are chained");
        }
        assert!(header.durable_watermark <= self.durable, "the watermark is not above what is durable");
        assert!(header.durable_watermark + u64::from(header.q) >= header.number);
    }

    pub(super) fn complete(&mut self, number: u64) {
        self.blocks.get_mut(&number).expect("the write was begun").written = true;
        assert!(self.unwritten.remove(&number), "written once");
        while let Some(block) = self.blocks.get(&(self.durable + 1)).filter(|block| block.written) {
            self.durable += 1;
            for batch in &block.batches {
                self.durable_ends.insert(batch.stream_id(), batch.end_seq_num());
            }
        }
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    pub(super) fn durable_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.range(..=self.durable).map(|(_, block)| block)
    }

    /// Takes a file back. `is_stored` tells whether a batch is in the store.
    pub(super) fn release(&mut self, file: u32, is_stored: impl Fn(&Batch) -> bool) {
        assert!(self.files.remove(&file).is_some(), "only the shard's own files are released");
        self.lose(file, 0..=u64::MAX, is_stored);
        if self.shared {
            self.writes.push(Written::ByOthers { file });
            self.others.push(file);
        } else {
            self.free.push(file);
        }
    }

    /// The other shards have published everything.
    pub(super) fn others_give_back(&mut self) {
        self.free.append(&mut self.others);
    }

    pub(super) fn unwritten(&self) -> Vec<u64> {
        self.unwritten.iter().copied().collect()
    }

    /// What recovery would find: every durable block, in order, from the newest one's `needed_from` on.
    pub(super) fn recover(&self) -> Vec<Batch> {
        let needed_from = self.durable_blocks().last().map_or(0, |block| block.header.needed_from);
        let needed = self.durable_blocks().filter(|block| block.header.number >= needed_from);
        needed.flat_map(|block| block.batches.clone()).collect()
    }
}
