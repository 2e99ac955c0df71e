//! One journal file: open it, or make it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use riverrun_core::buffer::aligned;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;

/// Zeros are written in pieces of this size.
const ZEROS_BYTES: usize = 1 << 20;
/// While nobody waits for the file: a quarter of what the measured disk takes (performance.md 3.4), so that the journal's own
/// writes hardly notice.
const QUIET_BYTES_PER_S: u64 = 256 << 20;

/// How fast zeros are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Somebody waits.
    Unlimited,
    /// Ahead of need, beside the journals' own writes.
    Quiet,
}

/// Opens an existing file as it will be written. Not created here: a file that vanished between listing and opening is an
/// error.
pub(super) fn open(path: &Path, direct: bool) -> io::Result<File> {
    options(direct).open(path)
}

/// Makes a file of zeros under `unnamed`, durable, locked on the descriptor that is returned, and then gives it its name,
/// durably too. On an error the caller removes `unnamed`. `no_space_after` is a fault of tests.
pub(super) fn make(
    unnamed: &Path,
    named: &Path,
    bytes: u64,
    direct: bool,
    pace: Pace,
    no_space_after: Option<u64>,
) -> io::Result<File> {
    let file = options(direct).create_new(true).mode(0o640).open(unnamed)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    write_zeros(&file, bytes, pace, no_space_after)?;
    file.sync_all()?;
    rename(unnamed, named)?;
    let folder = named.parent().map_or_else(|| Err(io::ErrorKind::NotADirectory.into()), File::open);
    if let Err(error) = folder.and_then(|folder| folder.sync_all()) {
        // Its name was made by the line above; with it gone the number can be tried again.
        let _ = fs::remove_file(named);
        return Err(error);
    }
    Ok(file)
}

/// Refuses to replace, although the lock on the folder says that nobody else makes files here.
fn rename(unnamed: &Path, named: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, unnamed, CWD, named, RenameFlags::NOREPLACE) {
        // The file system does not know the flag.
        Err(Errno::INVAL | Errno::NOSYS) if !named.exists() => fs::rename(unnamed, named),
        outcome => outcome.map_err(io::Error::from),
    }
}

/// Writing zeros rather than reserving space: blocks that are reserved only are marked unwritten, and each first write into
/// one changes metadata, which costs a journal commit of the file system (performance.md 3.4: 102 against 190 us).
fn write_zeros(file: &File, bytes: u64, pace: Pace, no_space_after: Option<u64>) -> io::Result<()> {
    let mut zeros = aligned(ZEROS_BYTES);
    zeros.resize(ZEROS_BYTES, 0);
    let started = Instant::now();
    let mut written = 0;
    while written < bytes {
        if no_space_after.is_some_and(|at| written >= at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let piece = (bytes - written).min(ZEROS_BYTES as u64);
        file.write_all_at(&zeros[..piece as usize], written)?;
        written += piece;
        if pace == Pace::Quiet {
            let due = Duration::from_secs_f64(written as f64 / QUIET_BYTES_PER_S as f64);
            std::thread::park_timeout(due.saturating_sub(started.elapsed()));
        }
    }
    Ok(())
}

fn options(direct: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if direct {
        options.custom_flags(OFlags::DIRECT.bits() as i32);
    }
    options
}
