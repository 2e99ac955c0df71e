//! The journal's files as recovery reads them, one place of which may fail to be read.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use riverrun::recovery::JournalSource;
use riverrun_core::journal::{BlockHeader, Journals, ReadError, scan_file};

#[derive(Debug)]
pub struct Disk {
    /// File n is at n - 1.
    files: Vec<Bytes>,
    bad: Option<Bad>,
}

/// A byte that cannot be read so and so often.
#[derive(Debug)]
struct Bad {
    place: (u32, usize),
    failures_left: AtomicUsize,
}

impl Disk {
    pub fn new(files: Vec<Bytes>) -> Self {
        Self { files, bad: None }
    }

    pub fn failing(self, place: (u32, usize), failures: usize) -> Self {
        Self { bad: Some(Bad { place, failures_left: AtomicUsize::new(failures) }), ..self }
    }

    fn read(&self, file: u32, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let range = offset as usize..offset as usize + bytes;
        match &self.bad {
            Some(bad) if bad.place.0 == file && range.contains(&bad.place.1) && bad.fails() => {
                Err(ReadError("Input/output error (os error 5)".to_owned()))
            }
            _ => Ok(self.files[file as usize - 1].slice(range)),
        }
    }
}

impl Bad {
    fn fails(&self) -> bool {
        self.failures_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl JournalSource for Disk {
    fn scan(&self, store_id: &[u8; 16]) -> Journals {
        let mut journals = Journals::default();
        for (file, bytes) in (1..).zip(&self.files) {
            let mut read = |offset, length| self.read(file, offset, length);
            journals.add(scan_file(store_id, file, bytes.len() as u64, &mut read));
        }
        journals
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        self.read(header.file, header.offset, header.block_bytes as usize)
    }
}
