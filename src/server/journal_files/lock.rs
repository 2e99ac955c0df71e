//! Waiting, within bounds, for the locks on folder and files.

use std::fmt::{Debug, Display, Formatter};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::JournalFilesError;

const RETRY: Duration = Duration::from_millis(20);
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A lock that is not to be had yet.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub path: PathBuf,
    pub holder: String,
    pub waited: Duration,
}

impl Display for Waiting {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { path, holder, waited } = self;
        write!(f, "waiting for {}, held by {holder}; {} s so far", path.display(), waited.as_secs())
    }
}

/// One deadline over all locks of a pool.
pub(super) struct Wait<'a> {
    started: Instant,
    reported: Instant,
    limit: Duration,
    progress: &'a mut dyn FnMut(&Waiting),
}

impl Debug for Wait<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("started", &self.started).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<'a> Wait<'a> {
    pub fn new(limit: Duration, progress: &'a mut dyn FnMut(&Waiting)) -> Self {
        let now = Instant::now();
        Self { started: now, reported: now, limit, progress }
    }

    /// Locks `file`, which is `path`, for this process alone.
    pub fn lock(&mut self, file: &File, path: &Path) -> Result<(), JournalFilesError> {
        loop {
            match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::WOULDBLOCK) => self.wait(file, path)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(JournalFilesError::path("lock", path, errno.into())),
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "flock tells nobody when it is free, and waiting in it has no deadline"
    )]
    fn wait(&mut self, file: &File, path: &Path) -> Result<(), JournalFilesError> {
        let waited = self.started.elapsed();
        if waited >= self.limit {
            return Err(JournalFilesError::InUse { path: path.to_owned(), holder: holder(file), waited });
        }
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            (self.progress)(&Waiting { path: path.to_owned(), holder: holder(file), waited });
        }
        std::thread::sleep(RETRY.min(self.limit - waited));
        Ok(())
    }
}

/// Who holds the lock, as far as the kernel tells. For people; nothing depends on it.
fn holder(file: &File) -> String {
    let pid =
        file.metadata().ok().and_then(|of| holder_pid(&fs::read_to_string("/proc/locks").ok()?, of.dev(), of.ino()));
    let Some(pid) = pid else { return "another process".to_owned() };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}, which is gone but whose last writes may still be landing"),
    }
}

/// Finds `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131074 0 EOF`. Lines with `->` are waiters.
fn holder_pid(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let place = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let mut lines = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find(|fields| fields.contains(&place.as_str()) && !fields.contains(&"->"))?.get(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_kernels_list() {
        let locks = "1: POSIX  ADVISORY  WRITE 12 fe:00:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 fe:00:131074 0 EOF\n";
        let device = rustix::fs::makedev(0xfe, 0);
        assert_eq!(holder_pid(locks, device, 131_074), Some(4711));
        assert_eq!(holder_pid(locks, device, 131_075), None);
        assert_eq!(holder_pid("", device, 1), None);
    }
}
