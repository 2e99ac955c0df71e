//! One process per local store. The journals have locks of their own, on the descriptors that write them; this one exists
//! because the catalog is opened before the journals are known, and opening it would fence, and so end, a live owner.
//!
//! A lock file is safe here, where it is not for the journals: the store is only written by ordinary system calls, and the
//! kernel closes a killed process's descriptors after the last of those has returned.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;

const LOCK_FILE: &str = "lock";
/// A bounded wait, because a killed predecessor may need a moment to be gone (reliability.md F20).
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// Held for as long as it lives; whatever a killed process leaves behind is an unlocked file.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

impl StoreLock {
    pub fn take(root: &Path, wait: Duration) -> Result<Self, StoreError> {
        let path = root.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::failed("open", &path.to_string_lossy(), error))?;
        let deadline = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::park_timeout(LOCK_RETRY),
                Err(TryLockError::WouldBlock) => return Err(in_use(root, &mut file)),
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::failed("lock", &path.to_string_lossy(), error));
                }
            }
        }
        name_holder(&mut file).map_err(|error| StoreError::failed("write", &path.to_string_lossy(), error))?;
        Ok(Self { _file: file })
    }
}

/// For the person who reads the refusal; nothing depends on it, so it is not synced.
fn name_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}", std::process::id())
}

fn in_use(root: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    let _ = file.take(64).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        named => named.to_owned(),
    };
    StoreError::InUse { place: root.display().to_string(), holder }
}
