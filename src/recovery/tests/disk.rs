//! Journal files in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use riverrun_core::journal::{BlockHeader, BlockMeta, Journals, OpenBlock, ReadError, scan_file};
use riverrun_protocol::batch::Batch;

use crate::publish::fixtures::{NOW_MS, WRITER};
use crate::recovery::JournalSource;

const FILE_BYTES: usize = 256 << 10;
const BLOCK_BYTES_MAX: usize = 64 << 10;
/// Writes in flight that the headers claim.
const Q: u32 = 4;

/// Outlives the processes that write to it.
#[derive(Debug, Default)]
pub struct ModelDisk {
    files: Mutex<BTreeMap<u32, Vec<u8>>>,
    lost: Mutex<BTreeMap<u32, Vec<u8>>>,
}

impl ModelDisk {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Vec<u8>>> {
        self.files.lock().expect("no panic while held")
    }

    /// A new zeroed file.
    fn make_file(&self) -> u32 {
        let mut files = self.files();
        let file = files.last_key_value().map_or(1, |(last, _)| last + 1);
        files.insert(file, vec![0; FILE_BYTES]);
        file
    }

    /// The data directory is lost.
    pub fn wipe(&self) {
        self.files().clear();
    }

    /// One file is lost.
    pub fn remove(&self, file: u32) {
        let removed = self.files().remove(&file).expect("is there");
        self.lost.lock().expect("no panic while held").insert(file, removed);
    }

    /// And found again.
    pub fn put_back(&self, file: u32) {
        let found = self.lost.lock().expect("no panic while held").remove(&file).expect("was removed");
        self.files().insert(file, found);
    }

    /// What happens to files that are given back: somebody else's bytes.
    pub fn reuse(&self, file: u32) {
        self.files().insert(file, vec![0xa5; FILE_BYTES]);
    }

    pub fn flip(&self, file: u32, offset: u64) {
        self.files().get_mut(&file).expect("is there")[offset as usize] ^= 1;
    }
}

impl JournalSource for ModelDisk {
    fn scan(&self, store_id: &[u8; 16]) -> Result<Journals, String> {
        let mut journals = Journals::default();
        for (number, bytes) in &*self.files() {
            let mut read = |offset: u64, len: usize| Ok(Bytes::copy_from_slice(&bytes[offset as usize..][..len]));
            journals.add(scan_file(store_id, *number, bytes.len() as u64, &mut read));
        }
        Ok(journals)
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        let files = self.files();
        let file = files.get(&header.file).ok_or_else(|| ReadError("no such file".to_owned()))?;
        Ok(Bytes::copy_from_slice(&file[header.offset as usize..][..header.block_bytes as usize]))
    }
}

/// One journal being written; every block is durable when [`Pen::write`] returns.
#[derive(Debug)]
pub struct Pen {
    pub epoch: u64,
    pub shard: u16,
    pub journal_id: [u8; 16],
    number: u64,
    pub file: u32,
    offset: u64,
    prev_header_crc: u32,
}

/// Where a block was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub file: u32,
    pub offset: u64,
    pub bytes: u64,
}

impl Pen {
    /// Begins a journal, as a broker does before it says that it serves.
    pub fn new(disk: &ModelDisk, epoch: u64, shard: u16, journal_id: [u8; 16]) -> Self {
        let mut pen =
            Self { epoch, shard, journal_id, number: 0, file: disk.make_file(), offset: 0, prev_header_crc: 0 };
        pen.write(disk, &[]);
        pen
    }

    /// Writes a block of these batches.
    pub fn write(&mut self, disk: &ModelDisk, batches: &[Batch]) -> Written {
        let mut block = OpenBlock::new(BLOCK_BYTES_MAX);
        for batch in batches {
            block.append_inline(batch.bytes());
        }
        let bytes = block.block_bytes_if_closed() as u64;
        if self.offset + bytes > FILE_BYTES as u64 {
            (self.file, self.offset) = (disk.make_file(), 0);
        }
        self.number += 1;
        let closed = block.close(self.meta());
        let content = closed.buffers.concat();
        let (file, offset) = (self.file, self.offset);
        disk.files().get_mut(&file).expect("is there")[offset as usize..][..content.len()].copy_from_slice(&content);
        (self.prev_header_crc, self.offset) = (closed.header_crc, offset + content.len() as u64);
        Written { file, offset, bytes: content.len() as u64 }
    }

    fn meta(&self) -> BlockMeta {
        BlockMeta {
            store_id: WRITER.store_id,
            journal_id: self.journal_id,
            salt: u64::from_le_bytes(*self.journal_id.first_chunk().expect("16 bytes")),
            epoch: self.epoch,
            shard: self.shard,
            q: Q,
            number: self.number,
            file: self.file,
            offset: self.offset,
            durable_watermark: self.number - 1,
            needed_from: 1,
            prev_header_crc: self.prev_header_crc,
            wall_ms: NOW_MS,
        }
    }
}
