//! Journal files that outlive processes. A write is on its way until it is completed; a crash decides what became of those that
//! were: nothing, all of it, or any of its sectors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand::rngs::StdRng;
use riverrun::recovery::JournalSource;
use riverrun_core::journal::{BlockHeader, Journals, ReadError, scan_file};
use riverrun_core::limits::BLOCK_BYTES_MAX;

use super::points::{HANG, Point, Points, Trouble};

pub const FILE_BYTES: u64 = BLOCK_BYTES_MAX as u64;
const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// What was never written, by far the most of what is read.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// What takes a process away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// The kernel still has what it was given, and carries each write out or not.
    Kill,
    /// Of each write any of its sectors may have landed.
    PowerCut,
}

#[derive(Debug)]
pub struct SimDisk {
    state: Mutex<State>,
    points: Arc<Points>,
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
    trouble: Option<Trouble>,
    /// A disk that hangs does not say that it is done before.
    not_before: Duration,
}

impl SimDisk {
    pub fn new(points: Arc<Points>) -> Self {
        Self { state: Mutex::default(), points }
    }

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

    pub fn begin_write(&self, block: (u16, u64), (file, offset): (u32, u64), buffers: &[Bytes], now: Duration) {
        let trouble = self.points.pass(Point::JournalWrite);
        let not_before = if trouble == Some(Trouble::Hang) { now + HANG } else { now };
        let content = buffers.concat();
        self.state().writes.push(Write { block, file, offset, content, trouble, not_before });
    }

    pub fn is_writing(&self) -> bool {
        !self.state().writes.is_empty()
    }

    /// Shard and number of those that may be done by now.
    pub fn under_way(&self, now: Duration) -> Vec<(u16, u64)> {
        self.state().writes.iter().filter(|write| write.not_before <= now).map(|write| write.block).collect()
    }

    /// What the disk says of a write that was under way; of one that failed some may be there all the same.
    pub fn complete(&self, block: (u16, u64), random: &mut StdRng) -> Result<(), String> {
        let mut state = self.state();
        let write = state.take(block);
        match write.trouble {
            None | Some(Trouble::Hang) => {
                state.apply(write.file, write.offset, &write.content, |_| true);
                Ok(())
            }
            Some(Trouble::NoSpace) => Err("ENOSPC".to_owned()),
            Some(Trouble::Short) => {
                let sectors = random.random_range(0..write.content.len() / SECTOR_BYTES);
                state.apply(write.file, write.offset, &write.content, |sector| sector < sectors);
                Err("a short write".to_owned())
            }
            Some(_) => {
                state.tear(&write, random);
                Err("EIO".to_owned())
            }
        }
    }

    /// The disk will say that it could not do this one.
    pub fn fail(&self, block: (u16, u64)) {
        let mut state = self.state();
        let at = state.at(block);
        state.writes[at].trouble = Some(Trouble::Error);
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
    fn at(&self, block: (u16, u64)) -> usize {
        self.writes.iter().position(|write| write.block == block).expect("it is under way")
    }

    fn take(&mut self, block: (u16, u64)) -> Write {
        let at = self.at(block);
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
        let first = offset / PAGE_BYTES as u64;
        let mut written = file.range(first..first + (bytes / PAGE_BYTES) as u64).peekable();
        if written.peek().is_none() && bytes <= ZEROS.len() {
            return Ok(Bytes::from_static(&ZEROS[..bytes]));
        }
        let mut content = BytesMut::zeroed(bytes);
        for (page, written) in written {
            content[(page - first) as usize * PAGE_BYTES..][..PAGE_BYTES].copy_from_slice(written);
        }
        Ok(content.freeze())
    }
}

impl SimDisk {
    fn read(&self, file: u32, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        match self.points.pass(Point::JournalRead) {
            None | Some(Trouble::Hang) => self.state().read(file, offset, bytes),
            Some(trouble) => Err(ReadError(format!("{trouble:?}"))),
        }
    }
}

impl JournalSource for SimDisk {
    fn scan(&self, store_id: &[u8; 16]) -> Journals {
        let mut journals = Journals::default();
        for file in self.files() {
            journals.add(scan_file(store_id, file, FILE_BYTES, &mut |offset, bytes| self.read(file, offset, bytes)));
        }
        journals
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        self.read(header.file, header.offset, header.block_bytes as usize)
    }
}
