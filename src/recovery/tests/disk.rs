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
    /// A page that the disk does not give back.
    unreadable: Mutex<Option<(u32, u64)>>,
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

    /// What a newer version would have written, as far as this one can tell.
    pub fn forge_newer_block(&self, file: u32, offset: u64, journal_id: [u8; 16]) {
        let mut header = [0; 256];
        header[..8].copy_from_slice(b"RvrnJrnl");
        header[8..12].copy_from_slice(&[2, 0, 0, 1]);
        header[24..40].copy_from_slice(&WRITER.store_id);
        header[40..56].copy_from_slice(&journal_id);
        let salted = crc32c::crc32c(&[0; 8]);
        let sum = crc32c::crc32c_append(salted, &header[..252]);
        header[252..].copy_from_slice(&sum.to_le_bytes());
        self.files().get_mut(&file).expect("is there")[offset as usize..][..256].copy_from_slice(&header);
    }

    pub fn make_unreadable(&self, page: Option<(u32, u64)>) {
        *self.unreadable.lock().expect("no panic while held") = page;
    }

    fn check_readable(&self, file: u32, offset: u64, bytes: usize) -> Result<(), ReadError> {
        let unreadable = *self.unreadable.lock().expect("no panic while held");
        match unreadable {
            Some((bad, page)) if bad == file && (offset..offset + bytes as u64).contains(&page) => {
                Err(ReadError("Input/output error (os error 5)".to_owned()))
            }
            _ => Ok(()),
        }
    }

    pub fn flip(&self, file: u32, offset: u64) {
        self.files().get_mut(&file).expect("is there")[offset as usize] ^= 1;
    }
}

impl JournalSource for ModelDisk {
    fn scan(&self, store_id: &[u8; 16]) -> Journals {
        let mut journals = Journals::default();
        for (number, bytes) in &*self.files() {
            let mut read = |offset: u64, len: usize| {
                self.check_readable(*number, offset, len)?;
                Ok(Bytes::copy_from_slice(&bytes[offset as usize..][..len]))
            };
            journals.add(scan_file(store_id, *number, bytes.len() as u64, &mut read));
        }
        journals
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        let files = self.files();
        self.check_readable(header.file, header.offset, header.block_bytes as usize)?;
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
