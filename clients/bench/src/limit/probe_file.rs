//! The file that is written to: as large as a journal file, filled with zeros before, without a name from the moment it is open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags};

use super::measured::WriteMethod;

pub(super) const FILE_BYTES: u64 = 256 << 20;
/// What direct I/O asks of addresses, offsets and lengths on every common disk.
pub(super) const ALIGN_BYTES: usize = 4096;
/// tmpfs and ramfs, from `linux/magic.h`.
const MEMORY_FILE_SYSTEMS: [u64; 2] = [0x0102_1994, 0x8584_58f6];
const FILL_BYTES: usize = 1 << 20;

pub(super) struct ProbeFile {
    file: File,
    method: WriteMethod,
}

impl ProbeFile {
    /// Filled and synced. Its name is gone at once, so that the space is free again however this process ends.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!(".riverrun-bench-limit-{}", std::process::id()));
        let buffered = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let opened = open_direct(&path);
        fs::remove_file(&path)?;
        let probe = match opened? {
            Some(file) => Self { file, method: WriteMethod::DirectDsync },
            None => Self { file: buffered, method: WriteMethod::BufferedFdatasync },
        };
        probe.fill()?;
        Ok(probe)
    }

    pub(super) fn method(&self) -> WriteMethod {
        self.method
    }

    pub(super) fn is_in_memory(&self) -> io::Result<bool> {
        Ok(MEMORY_FILE_SYSTEMS.contains(&(rustix::fs::fstatfs(&self.file)?.f_type as u64)))
    }

    /// Data on blocks that were never written would make every sync commit the file system's own journal too.
    fn fill(&self) -> io::Result<()> {
        let zeros = AlignedBytes::zeroed(FILL_BYTES);
        for offset in (0..FILE_BYTES).step_by(FILL_BYTES) {
            self.file.write_all_at(zeros.as_slice(), offset)?;
        }
        self.file.sync_all()
    }

    /// Returns when the bytes are on the disk.
    pub(super) fn write_durably(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.method {
            WriteMethod::DirectDsync => write_direct(&self.file, bytes, offset, ReadWriteFlags::DSYNC),
            WriteMethod::BufferedFdatasync => {
                self.file.write_all_at(bytes, offset)?;
                self.file.sync_data()
            }
        }
    }

    /// Returns when the disk, or the page cache, has taken the bytes.
    pub(super) fn write_unsynced(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
}

/// Nothing where the file system refuses direct I/O: some do so when the file is opened, some at the first write.
fn open_direct(path: &Path) -> io::Result<Option<File>> {
    let tried = OpenOptions::new().write(true).custom_flags(OFlags::DIRECT.bits() as i32).open(path).and_then(|file| {
        let block = AlignedBytes::zeroed(ALIGN_BYTES);
        write_direct(&file, block.as_slice(), 0, ReadWriteFlags::DSYNC).map(|()| file)
    });
    match tried {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS))
}

fn write_direct(file: &File, bytes: &[u8], offset: u64, flags: ReadWriteFlags) -> io::Result<()> {
    let written = rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, flags)?;
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Bytes at an address that direct I/O takes, cut out of an allocation that is larger by the alignment.
pub(super) struct AlignedBytes {
    allocation: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    pub(super) fn zeroed(len: usize) -> Self {
        let allocation = vec![0; len + ALIGN_BYTES];
        // Interpreters such as Miri may answer usize::MAX; a refused write then says so.
        let start = allocation.as_ptr().align_offset(ALIGN_BYTES).min(ALIGN_BYTES);
        Self { allocation, start, len }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.allocation[self.start..self.start + self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.allocation[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_aligned_whatever_the_length() {
        for len in [1, 4095, 4096, 1 << 20] {
            let mut bytes = AlignedBytes::zeroed(len);
            assert_eq!((bytes.as_slice().len(), bytes.as_mut_slice().len()), (len, len));
            assert_eq!(bytes.as_slice().as_ptr().align_offset(ALIGN_BYTES), 0);
        }
    }

    #[test]
    fn the_file_has_no_name_and_takes_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let probe = ProbeFile::create(folder.path()).expect("a probe file");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
        let block = AlignedBytes::zeroed(ALIGN_BYTES);
        probe.write_durably(block.as_slice(), 0).expect("a durable write");
        probe.write_unsynced(block.as_slice(), ALIGN_BYTES as u64).expect("a write");
        assert_eq!(probe.file.metadata().expect("its length").len(), FILE_BYTES);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(ProbeFile::create(&folder.path().join("missing")).is_err());
    }
}
