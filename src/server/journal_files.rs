//! The pool of journal files of one store, in `<data>/journal/<store id>/`.
//!
//! ```text
//! JournalFiles::open     folders made, everything locked, then synced; only now may anything be read
//!   scan, read           recovery looks for blocks
//!   keep_only            recovery says which files hold what is still needed; the others are free
//!   prepare              so many free files exist before serving begins
//!   begin                every journal's first block, before the catalog says that it is to be looked for
//! start                  from here on the helper thread owns the pool: orders in, ready files out
//! ```
//!
//! Files are shared by all shards: each is filled by one shard from offset 0 to its end, and goes back to the pool when a
//! durable block elsewhere says that nothing in it is needed. They are written with zeros once, synced with their folder, and
//! never deleted, truncated or extended again: a durable write to such a file changes no metadata, which is what makes it
//! cost one disk write (performance.md 3.4).
//!
//! *Locks.* A killed process's direct writes may still land after it is gone: the kernel keeps the descriptor that they were
//! given to, and nothing else, alive for them. So the lock that a start waits for is held by that very descriptor. Another one
//! on the folder keeps out a live process from its first moment on, when there is no file yet.
//!
//! *What is found is not durable.* A killed process may have written blocks that nobody synced; recovery would show them to
//! readers, and a power cut would take them back. So every file is synced through its own descriptor before it is read.

mod error;
mod file;
mod first;
mod folder;
mod helper;
mod lock;
mod sync_method;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use riverrun_core::buffer::{ALIGN_BYTES, aligned};
use riverrun_core::journal::{FileScan, Journals, ReadError, scan_file};
use riverrun_core::limits::BLOCK_BYTES_MAX;

pub use error::JournalFilesError;
pub use file::Pace;
pub use first::Begun;
pub use helper::{JournalOrder, Ready, start};
pub use lock::Waiting;
pub use sync_method::SyncMethod;

/// The smallest journal file: one block of the largest size fits.
pub const FILE_BYTES_MIN: u64 = BLOCK_BYTES_MAX as u64;
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files that are looked through side by side.
const SCANS_MAX: usize = 4;

#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory; made if it does not exist.
    pub data: PathBuf,
    pub store_id: [u8; 16],
    /// Size of the files that are made from now on; existing ones keep theirs.
    pub file_bytes: u64,
    /// Size of all files together, at most.
    pub journal_bytes_max: u64,
    /// How long to wait for a killed predecessor's last writes (reliability.md F20).
    pub lock_wait: Duration,
}

/// The pool. Dropping it gives the locks back once no shard holds any of its descriptors.
#[derive(Debug)]
pub struct JournalFiles {
    settings: Settings,
    directory: PathBuf,
    /// Holds the lock on the folder.
    _lock: File,
    method: SyncMethod,
    files: BTreeMap<u32, JournalFile>,
    other_stores: Vec<String>,
    /// Creations to come that run out of space after so many bytes.
    #[cfg(test)]
    no_space_after: Vec<u64>,
}

#[derive(Debug)]
struct JournalFile {
    handle: Arc<File>,
    bytes: u64,
    /// Holds nothing that is needed, and no shard fills it.
    free: bool,
}

impl JournalFiles {
    /// Makes the folders if need be, waits for the locks and syncs all there is. `progress` hears once a second of a lock that is
    /// waited for.
    ///
    /// # Errors
    /// Another process holds the journals; a folder or file cannot be made, opened or synced; `file_bytes` is out of range.
    pub fn open(settings: Settings, progress: &mut dyn FnMut(&Waiting)) -> Result<Self, JournalFilesError> {
        let file_bytes = settings.file_bytes;
        if !(FILE_BYTES_MIN..=FILE_BYTES_MAX).contains(&file_bytes) || !file_bytes.is_multiple_of(ALIGN_BYTES as u64) {
            return Err(JournalFilesError::FileBytes { file_bytes });
        }
        let root = settings.data.join("journal");
        let name = folder::name_of(&settings.store_id);
        let directory = root.join(&name);
        folder::make(&directory)?;
        let mut waiting = lock::Wait::new(settings.lock_wait, progress);
        let lock = folder::open(&directory)?;
        waiting.lock(&lock, &directory)?;
        let method = sync_method::choose(&root, &directory)?;
        let mut pool = Self {
            other_stores: folder::other_stores(&root, &name)?,
            settings,
            directory,
            _lock: lock,
            method,
            files: BTreeMap::new(),
            #[cfg(test)]
            no_space_after: Vec::new(),
        };
        pool.open_files(&mut waiting)?;
        pool.sync_all(&root)?;
        Ok(pool)
    }

    /// How blocks are made durable on this disk.
    pub fn method(&self) -> SyncMethod {
        self.method
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Names of other stores' journals beside this one's. They are never touched.
    pub fn other_stores(&self) -> &[String] {
        &self.other_stores
    }

    /// Number and size of every file.
    pub fn files(&self) -> impl Iterator<Item = (u32, u64)> {
        self.files.iter().map(|(&number, file)| (number, file.bytes))
    }

    /// Size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    /// Looks for blocks in all files. Reads every byte of them, a mebibyte at a time, of several files at once: past the page cache
    /// there is no read-ahead, and a disk that waits for one reader gives half of what it can.
    pub fn scan(&self) -> Journals {
        let files: Vec<(u32, u64)> = self.files().collect();
        let next = AtomicUsize::new(0);
        let work = || -> Vec<FileScan> {
            let files = std::iter::from_fn(|| files.get(next.fetch_add(1, Ordering::Relaxed)));
            files.map(|&(file, bytes)| self.scan_one(file, bytes)).collect()
        };
        let scans = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..SCANS_MAX.min(files.len())).map(|_| scope.spawn(work)).collect();
            let scans = readers.into_iter().flat_map(|reader| reader.join().expect("no panic in a scan"));
            scans.map(|scan| (scan.file, scan)).collect::<BTreeMap<_, _>>()
        });
        let mut journals = Journals::default();
        scans.into_values().for_each(|scan| journals.add(scan));
        journals
    }

    fn scan_one(&self, file: u32, bytes: u64) -> FileScan {
        scan_file(&self.settings.store_id, file, bytes, &mut |offset, length| self.read(file, offset, length))
    }

    /// Reads a range of one file, through the descriptor that writes it. `offset` and `bytes` are multiples of 4096.
    ///
    /// # Errors
    /// The operating system's words. A range beyond the end is an error, too.
    pub fn read(&self, file: u32, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let file = self.files.get(&file).ok_or_else(|| ReadError("there is no such file".to_owned()))?;
        if offset + bytes as u64 > file.bytes {
            return Err(ReadError("it lies beyond the end of the file".to_owned()));
        }
        let mut buffer: BytesMut = aligned(bytes);
        buffer.resize(bytes, 0);
        file.handle.read_exact_at(&mut buffer, offset).map_err(|error| ReadError(error.to_string()))?;
        Ok(buffer.freeze())
    }

    /// Recovery has decided: these files hold blocks that are still needed; all others may be filled. Until this is called none
    /// of those that were found is free.
    pub fn keep_only(&mut self, needed: &[u32]) {
        for (number, file) in &mut self.files {
            file.free = !needed.contains(number) && file.is_large_enough();
        }
    }

    /// Makes files until so many are free. At full speed: nobody is served yet.
    ///
    /// # Errors
    /// They do not fit below `journal_bytes_max` or on the disk. What was made so far stays.
    pub fn prepare(&mut self, free: usize) -> Result<(), JournalFilesError> {
        while self.free_count() < free {
            self.create(Pace::Unlimited)?;
        }
        Ok(())
    }

    pub fn free_count(&self) -> usize {
        self.files.values().filter(|file| file.free).count()
    }

    /// Makes one more file, free to be filled: zeros end to end, synced, named, its folder synced. Returns its number.
    ///
    /// # Errors
    /// On any, nothing is left behind.
    pub fn create(&mut self, pace: Pace) -> Result<u32, JournalFilesError> {
        let (bytes, bytes_max) = (self.settings.file_bytes, self.settings.journal_bytes_max);
        if self.bytes() + bytes > bytes_max {
            return Err(JournalFilesError::Full { directory: self.directory.clone(), bytes_max });
        }
        let number = self.files.last_key_value().map_or(1, |(last, _)| last + 1);
        let named = folder::path_of(&self.directory, number);
        let unnamed = folder::unfinished_path_of(&self.directory, number);
        let no_space_after = self.fault();
        let made = file::make(&unnamed, &named, bytes, self.method.is_direct(), pace, no_space_after);
        let handle = made.map_err(|error| {
            // What cannot be removed either is removed by the next start.
            let _ = fs::remove_file(&unnamed);
            JournalFilesError::path("write zeros to", &named, error)
        })?;
        self.files.insert(number, JournalFile { handle: Arc::new(handle), bytes, free: true });
        Ok(number)
    }

    #[cfg(test)]
    fn fault(&mut self) -> Option<u64> {
        self.no_space_after.pop()
    }

    #[cfg(not(test))]
    fn fault(&mut self) -> Option<u64> {
        None
    }

    fn take_free(&mut self) -> Option<(u32, u64, Arc<File>)> {
        let (&number, file) = self.files.iter_mut().find(|(_, file)| file.free)?;
        file.free = false;
        Some((number, file.bytes, Arc::clone(&file.handle)))
    }

    /// Nothing in the file is needed any more.
    pub fn release(&mut self, number: u32) {
        match self.files.get_mut(&number) {
            Some(file) => file.free = file.is_large_enough(),
            None => tracing::error!(number, "a journal file was released that is not in the pool"),
        }
    }

    /// Opens and locks every file, and removes those that were never finished. The locks come first: a file of that kind may
    /// still be growing under a killed process's last write.
    fn open_files(&mut self, waiting: &mut lock::Wait<'_>) -> Result<(), JournalFilesError> {
        for (name, path) in folder::list(&self.directory)? {
            let Some((number, finished)) = folder::number_of(&name) else {
                tracing::warn!(path = %path.display(), "not a journal file; left alone");
                continue;
            };
            let failed = |error| JournalFilesError::path("open", &path, error);
            let handle = file::open(&path, self.method.is_direct()).map_err(failed)?;
            waiting.lock(&handle, &path)?;
            if !finished {
                fs::remove_file(&path).map_err(|error| JournalFilesError::path("remove", &path, error))?;
                continue;
            }
            let bytes = handle.metadata().map_err(failed)?.len() / ALIGN_BYTES as u64 * ALIGN_BYTES as u64;
            self.files.insert(number, JournalFile { handle: Arc::new(handle), bytes, free: false });
        }
        Ok(())
    }

    fn sync_all(&self, root: &Path) -> Result<(), JournalFilesError> {
        for (&number, file) in &self.files {
            let path = folder::path_of(&self.directory, number);
            file.handle.sync_data().map_err(|error| JournalFilesError::path("sync", &path, error))?;
        }
        [&self.directory, root, &self.settings.data].into_iter().try_for_each(folder::sync)
    }
}

impl JournalFile {
    /// A file that was cut short from outside is read and never filled again.
    fn is_large_enough(&self) -> bool {
        self.bytes >= FILE_BYTES_MIN
    }
}
