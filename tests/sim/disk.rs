//! Journal files that outlive processes. A write is on its way until it is completed; a crash decides what became of those that
//! were: nothing, all of it, or any of its sectors.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand::rngs::StdRng;
use riverrun::recovery::JournalSource;
use riverrun_core::journal::{BlockHeader, Journals, ReadError, scan_file};
use riverrun_core::limits::BLOCK_BYTES_MAX;

pub const FILE_BYTES: u64 = BLOCK_BYTES_MAX as u64;
const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// What takes a process away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// The kernel still has what it was given, and carries each write out or not.
    Kill,
    /// Of each write any of its sectors may have landed.
    PowerCut,
}

#[derive(Debug, Default)]
pub struct SimDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u32, File>,
    writes: Vec<Write>,
}

/// Pages that were written; the others are zero.
type File = BTreeMap<u64, Box<[u8]>>;

/// A write that is on its way.
#[derive(Debug)]
struct Write {
    block: (u16, u64),
    file: u32,
    offset: u64,
    content: Vec<u8>,
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    pub fn files(&self) -> Vec<u32> {
        self.state().files.keys().copied().collect()
    }

    pub fn make_file(&self) -> u32 {
        let mut state = self.state();
        let file = state.files.last_key_value().map_or(1, |(last, _)| last + 1);
        state.files.insert(file, File::new());
        file
    }

    pub fn write_at_once(&self, file: u32, offset: u64, content: &[u8]) {
        self.state().apply(file, offset, content, |_| true);
    }

    pub fn begin_write(&self, shard: u16, number: u64, file: u32, offset: u64, buffers: &[Bytes]) {
        let content = buffers.concat();
        self.state().writes.push(Write { block: (shard, number), file, offset, content });
    }

    /// Shard and number of all that are on their way.
    pub fn under_way(&self) -> Vec<(u16, u64)> {
        self.state().writes.iter().map(|write| write.block).collect()
    }

    pub fn complete(&self, block: (u16, u64)) {
        let mut state = self.state();
        let write = state.take(block);
        state.apply(write.file, write.offset, &write.content, |_| true);
    }

    /// The disk says that it could not write; some of it may be there all the same.
    pub fn fail(&self, block: (u16, u64), random: &mut StdRng) {
        let mut state = self.state();
        let write = state.take(block);
        state.tear(&write, random);
    }

    pub fn crash(&self, crash: Crash, random: &mut StdRng) {
        let mut state = self.state();
        for write in std::mem::take(&mut state.writes) {
            match (crash, random.random_range(0..3)) {
                (_, 0) => {}
                (Crash::PowerCut, 1) => state.tear(&write, random),
                _ => state.apply(write.file, write.offset, &write.content, |_| true),
            }
        }
    }
}

impl State {
    fn take(&mut self, block: (u16, u64)) -> Write {
        let at = self.writes.iter().position(|write| write.block == block).expect("it is under way");
        self.writes.remove(at)
    }

    fn tear(&mut self, write: &Write, random: &mut StdRng) {
        let share = random.random_range(0.0..1.0);
        let mut landed: Vec<bool> = Vec::new();
        landed.resize_with(write.content.len() / SECTOR_BYTES, || random.random_bool(share));
        self.apply(write.file, write.offset, &write.content, |sector| landed[sector]);
    }

    fn apply(&mut self, file: u32, offset: u64, content: &[u8], landed: impl Fn(usize) -> bool) {
        let file = self.files.get_mut(&file).expect("a file that was made");
        for (sector, bytes) in content.chunks(SECTOR_BYTES).enumerate().filter(|(sector, _)| landed(*sector)) {
            let at = offset as usize + sector * SECTOR_BYTES;
            let page = file.entry((at / PAGE_BYTES) as u64).or_insert_with(|| vec![0; PAGE_BYTES].into());
            page[at % PAGE_BYTES..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    fn read(&self, file: u32, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let file = self.files.get(&file).ok_or_else(|| ReadError("there is no such file".to_owned()))?;
        let mut content = BytesMut::zeroed(bytes);
        let first = offset / PAGE_BYTES as u64;
        for (page, written) in file.range(first..first + (bytes / PAGE_BYTES) as u64) {
            content[(page - first) as usize * PAGE_BYTES..][..PAGE_BYTES].copy_from_slice(written);
        }
        Ok(content.freeze())
    }
}

impl JournalSource for SimDisk {
    fn scan(&self, store_id: &[u8; 16]) -> Journals {
        let state = self.state();
        let mut journals = Journals::default();
        for &file in state.files.keys() {
            journals.add(scan_file(store_id, file, FILE_BYTES, &mut |offset, bytes| state.read(file, offset, bytes)));
        }
        journals
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        self.state().read(header.file, header.offset, header.block_bytes as usize)
    }
}
