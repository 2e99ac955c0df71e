//! Step 1 of publishing: bytes on their way to a name.
//!
//! Large objects are written past the page cache, a slab at a time. Measured beside a journal of 16 KiB write-through writes on
//! the same disk, both at full speed: through the page cache, however it was paced (a sync every 256 KiB to 16 MiB,
//! sync_file_range with windows of 256 KiB to 1 MiB), half of the journal's writes took between 0.3 and 11 ms; past it, slabs of
//! 1 MiB, 0.08 ms, and the chunks were written no slower. The price: a reader that comes back for a chunk just written
//! reads it from the disk the first time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_core::buffer::{align_up, aligned};
use rustix::fs::{CWD, OFlags, RenameFlags};

use super::{PublishError, PublishMode};

/// Bytes at the disk at once. Objects below this are one buffered write.
const SLAB_BYTES: usize = 1 << 20;

/// Dropped before it got a name, it is removed.
#[derive(Debug)]
pub struct StagedFile {
    file: File,
    pub(super) path: PathBuf,
    way: Way,
    bytes: u64,
    named: bool,
}

#[derive(Debug)]
enum Way {
    Buffered,
    /// `slab` is written when it is full; `past_the_cache` unless the file system does not offer that.
    Slabs {
        slab: BytesMut,
        past_the_cache: bool,
    },
}

impl StagedFile {
    /// `bytes` is what is known so far of the object's length.
    pub(super) fn create(path: PathBuf, bytes: usize) -> io::Result<Self> {
        let (file, way) = match bytes >= SLAB_BYTES {
            true => create_for_slabs(&path)?,
            false => (create(&path, OFlags::empty())?, Way::Buffered),
        };
        Ok(Self { file, path, way, bytes: 0, named: false })
    }

    pub fn append(&mut self, parts: &[Bytes]) -> io::Result<()> {
        for part in parts {
            self.append_part(part)?;
        }
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn append_part(&mut self, mut part: &[u8]) -> io::Result<()> {
        let Way::Slabs { slab, past_the_cache } = &mut self.way else {
            self.file.write_all_at(part, self.bytes)?;
            self.bytes += part.len() as u64;
            return Ok(());
        };
        while !part.is_empty() {
            let (fits, rest) = part.split_at(part.len().min(SLAB_BYTES - slab.len()));
            slab.put_slice(fits);
            self.bytes += fits.len() as u64;
            part = rest;
            if slab.len() == SLAB_BYTES {
                write_slab(&self.file, slab, self.bytes - SLAB_BYTES as u64, *past_the_cache)?;
            }
        }
        Ok(())
    }

    /// Writes what is left, cuts the file to the object's length and makes it durable.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Way::Slabs { slab, past_the_cache } = &mut self.way
            && !slab.is_empty()
        {
            let start = self.bytes - slab.len() as u64;
            slab.put_bytes(0, align_up(slab.len()) - slab.len());
            write_slab(&self.file, slab, start, *past_the_cache)?;
            self.file.set_len(self.bytes)?;
        }
        self.file.sync_data()
    }

    /// Step 3.
    pub(super) fn name(&mut self, target: &Path, mode: PublishMode) -> Result<(), PublishError> {
        match mode {
            PublishMode::Replace => fs::rename(&self.path, target).map_err(PublishError::NotDone)?,
            PublishMode::Create => create_name(&self.path, target)?,
        }
        self.named = true;
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create(path: &Path, flags: OFlags) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).custom_flags(flags.bits() as i32).open(path)
}

fn create_for_slabs(path: &Path) -> io::Result<(File, Way)> {
    let slab = aligned(SLAB_BYTES);
    match create(path, OFlags::DIRECT) {
        Ok(file) => Ok((file, Way::Slabs { slab, past_the_cache: true })),
        // Not offered by the file system. It may have made the file before it noticed.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let _ = fs::remove_file(path);
            Ok((create(path, OFlags::empty())?, Way::Slabs { slab, past_the_cache: false }))
        }
        Err(error) => Err(error),
    }
}

/// Where the page cache cannot be passed, a sync per slab at least bounds what is under way.
fn write_slab(file: &File, slab: &mut BytesMut, offset: u64, past_the_cache: bool) -> io::Result<()> {
    file.write_all_at(slab, offset)?;
    slab.clear();
    match past_the_cache {
        true => Ok(()),
        false => file.sync_data(),
    }
}

/// Gives `staged` the name `target`, atomically, unless it is taken.
fn create_name(staged: &Path, target: &Path) -> Result<(), PublishError> {
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(PublishError::AlreadyExists),
        // File systems without the flag say so in one of these ways; a hard link refuses to replace everywhere.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_name(staged, target),
        Err(error) => Err(PublishError::NotDone(error.into())),
    }
}

pub(super) fn link_name(staged: &Path, target: &Path) -> Result<(), PublishError> {
    match fs::hard_link(staged, target) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(PublishError::AlreadyExists),
        Err(error) => return Err(PublishError::NotDone(error)),
    }
    // A second name in `staging/` does no harm and is removed at the next start.
    let _ = fs::remove_file(staged);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 9] = [
        0,
        1,
        SLAB_BYTES - 1,
        SLAB_BYTES,
        SLAB_BYTES + 1,
        SLAB_BYTES + 4096,
        3 * SLAB_BYTES - 4095,
        3 * SLAB_BYTES,
        3 * SLAB_BYTES + 4095,
    ];

    fn content(bytes: usize) -> Bytes {
        (0..bytes).map(|i| (i * 31 + i / 4096) as u8).collect()
    }

    /// Appends in parts of uneven length, none of them aligned.
    fn append(staged: &mut StagedFile, content: &Bytes) {
        for part in content.chunks(300_007) {
            staged.append(&[Bytes::copy_from_slice(part)]).expect("appended");
        }
        staged.finish().expect("finished");
    }

    #[test]
    fn objects_of_any_length_are_written_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        for bytes in SIZES {
            let path = folder.path().join(bytes.to_string());
            let mut staged = StagedFile::create(path.clone(), bytes).expect("created");
            append(&mut staged, &content(bytes));
            assert_eq!(staged.bytes(), bytes as u64);
            assert!(fs::read(&path).expect("read") == content(bytes), "{bytes} bytes");
        }
    }

    #[test]
    fn and_so_they_are_where_the_page_cache_cannot_be_passed() {
        let folder = tempfile::tempdir().expect("a folder");
        for bytes in SIZES {
            let path = folder.path().join(bytes.to_string());
            let file = create(&path, OFlags::empty()).expect("created");
            let way = Way::Slabs { slab: aligned(SLAB_BYTES), past_the_cache: false };
            let mut staged = StagedFile { file, path: path.clone(), way, bytes: 0, named: false };
            append(&mut staged, &content(bytes));
            assert!(fs::read(&path).expect("read") == content(bytes), "{bytes} bytes");
        }
    }

    #[test]
    fn an_object_that_grows_beyond_what_was_known_is_written_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("object");
        let mut staged = StagedFile::create(path.clone(), 1).expect("created");
        append(&mut staged, &content(2 * SLAB_BYTES + 1));
        assert!(fs::read(&path).expect("read") == content(2 * SLAB_BYTES + 1));
    }
}
