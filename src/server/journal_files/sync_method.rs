//! How this disk is best told to write through: measured once per data directory.
//!
//! Neither way is best everywhere. On the disks that were measured a write-through write (`RWF_DSYNC`) is the fastest and one
//! operation instead of two; a consumer SSD took 4.0 ms for it and 1.67 ms for a write and a flush (performance.md 0, 2 and 3).

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use riverrun_core::buffer::{ALIGN_BYTES, aligned};
use rustix::fs::OFlags;
use rustix::io::ReadWriteFlags;
use serde::{Deserialize, Serialize};

use super::JournalFilesError;

/// How a block is made durable. All of them write to files that were filled with zeros before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncMethod {
    /// `O_DIRECT`, each write with `RWF_DSYNC`.
    DirectDsync,
    /// `O_DIRECT`, each write followed by `fdatasync` on the same descriptor.
    DirectFdatasync,
    /// Through the page cache, each write followed by `fdatasync`: where the file system has no direct I/O.
    BufferedFdatasync,
}

impl SyncMethod {
    const ALL: [Self; 3] = [Self::DirectDsync, Self::DirectFdatasync, Self::BufferedFdatasync];

    /// Whether the files are opened with `O_DIRECT`.
    pub fn is_direct(self) -> bool {
        self != Self::BufferedFdatasync
    }

    /// Whether a completed write is durable; otherwise it takes a sync after it.
    pub fn syncs_with_the_write(self) -> bool {
        self == Self::DirectDsync
    }
}

/// What is remembered, in `<data>/journal/sync-method.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Remembered {
    method: SyncMethod,
    /// Another disk, or another kernel, is another question.
    device: u64,
    kernel: String,
    /// For people: the median of a durable 4 KiB write, for each method that works.
    measured_us: Vec<(SyncMethod, u64)>,
}

const REMEMBERED_IN: &str = "sync-method.json";
const SCRATCH: &str = "sync-method.scratch";
const SCRATCH_BYTES: usize = 256 << 10;
const ROUNDS_MIN: usize = 3;
const ROUNDS_MAX: usize = 12;
/// After this no further round is begun. A few milliseconds on a fast disk, where the rounds end first.
const PROBE_MAX: Duration = Duration::from_millis(150);

/// Takes what is remembered, or measures and remembers it. `directory` is the store's own folder, below the locked one.
pub(super) fn choose(root: &Path, directory: &Path) -> Result<SyncMethod, JournalFilesError> {
    let failed = |error| JournalFilesError::path("measure the disk in", directory, error);
    let device = fs::metadata(directory).map_err(failed)?.dev();
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let path = root.join(REMEMBERED_IN);
    if let Some(known) = remembered(&path).filter(|known| known.device == device && known.kernel == kernel) {
        return Ok(known.method);
    }
    let measured = measure(&directory.join(SCRATCH)).map_err(failed)?;
    let known = Remembered { method: fastest(&measured), device, kernel, measured_us: micros(&measured) };
    if let Err(error) = remember(&path, &directory.join(REMEMBERED_IN), &known) {
        tracing::warn!(%error, "cannot remember how to sync; the next start measures again");
    }
    tracing::info!(method = ?known.method, measured_us = ?known.measured_us, "measured how to make journal writes durable");
    Ok(known.method)
}

fn remembered(path: &Path) -> Option<Remembered> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Under another name first, so that a reader never sees half of it. Not synced: it can be measured again.
fn remember(path: &Path, beside: &Path, known: &Remembered) -> io::Result<()> {
    fs::write(beside, serde_json::to_vec_pretty(known)?)?;
    fs::rename(beside, path)
}

type Medians = Vec<(SyncMethod, Duration)>;

fn measure(scratch: &Path) -> io::Result<Medians> {
    let outcome = make_scratch(scratch).and_then(|()| measure_in(scratch));
    let removed = fs::remove_file(scratch);
    outcome.and_then(|medians| removed.map(|()| medians))
}

/// Rounds over all methods, so that a disturbance hits each alike.
fn measure_in(scratch: &Path) -> io::Result<Medians> {
    let mut candidates: Vec<(SyncMethod, File, Vec<Duration>)> = Vec::new();
    for method in SyncMethod::ALL {
        match open_scratch(scratch, method).and_then(|file| write_durably(&file, method, 0).map(|()| file)) {
            Ok(file) => candidates.push((method, file, Vec::new())),
            // Page cache and fdatasync must work; the others need not exist here.
            Err(error) if method == SyncMethod::BufferedFdatasync => return Err(error),
            Err(_) => {}
        }
    }
    let started = Instant::now();
    for round in 1..=ROUNDS_MAX {
        if round > ROUNDS_MIN && started.elapsed() > PROBE_MAX {
            break;
        }
        for (method, file, took) in &mut candidates {
            let begun = Instant::now();
            write_durably(file, *method, (round * ALIGN_BYTES) as u64)?;
            took.push(begun.elapsed());
        }
    }
    Ok(candidates.into_iter().map(|(method, _, took)| (method, median(took))).collect())
}

fn make_scratch(scratch: &Path) -> io::Result<()> {
    let file = File::create(scratch)?;
    file.write_all_at(&[0; SCRATCH_BYTES], 0)?;
    file.sync_all()
}

fn open_scratch(scratch: &Path, method: SyncMethod) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if method.is_direct() {
        options.custom_flags(OFlags::DIRECT.bits() as i32);
    }
    options.open(scratch)
}

fn write_durably(file: &File, method: SyncMethod, offset: u64) -> io::Result<()> {
    let mut page = aligned(ALIGN_BYTES);
    page.resize(ALIGN_BYTES, 0x5a);
    if method == SyncMethod::DirectDsync {
        let written = rustix::io::pwritev2(file, &[IoSlice::new(&page)], offset, ReadWriteFlags::DSYNC)?;
        return if written == page.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) };
    }
    file.write_all_at(&page, offset)?;
    file.sync_data()
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

/// The first in [`SyncMethod::ALL`]'s order, unless a later one takes less than four fifths of its time: an operation saved
/// and the page cache avoided are worth more than the noise of a dozen writes.
fn fastest(medians: &[(SyncMethod, Duration)]) -> SyncMethod {
    let better = |best: &'_ (SyncMethod, Duration), next: &(SyncMethod, Duration)| next.1 * 5 < best.1 * 4;
    let best = medians.iter().copied().reduce(|best, next| if better(&best, &next) { next } else { best });
    best.map_or(SyncMethod::BufferedFdatasync, |(method, _)| method)
}

fn micros(medians: &[(SyncMethod, Duration)]) -> Vec<(SyncMethod, u64)> {
    medians.iter().map(|(method, took)| (*method, took.as_micros() as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::SyncMethod::*;
    use super::*;

    fn chosen(dsync_us: u64, fdatasync_us: u64, buffered_us: u64) -> SyncMethod {
        let us = Duration::from_micros;
        fastest(&[
            (DirectDsync, us(dsync_us)),
            (DirectFdatasync, us(fdatasync_us)),
            (BufferedFdatasync, us(buffered_us)),
        ])
    }

    #[test]
    fn one_operation_is_preferred_unless_it_is_clearly_slower() {
        assert_eq!(chosen(83, 88, 100), DirectDsync);
        assert_eq!(chosen(100, 85, 95), DirectDsync);
        // The consumer SSD.
        assert_eq!(chosen(4000, 1670, 1700), DirectFdatasync);
        assert_eq!(chosen(4000, 1670, 900), BufferedFdatasync);
        assert_eq!(fastest(&[(BufferedFdatasync, Duration::ZERO)]), BufferedFdatasync);
    }

    #[test]
    fn measured_once_remembered_and_measured_again_on_another_disk_or_kernel() {
        let data = tempfile::tempdir().expect("a folder");
        let path = data.path().join(REMEMBERED_IN);
        let choose = || choose(data.path(), data.path()).expect("a writable folder");
        let method = choose();
        let first = remembered(&path).expect("remembered");
        assert_eq!((first.method, fs::read_dir(data.path()).unwrap().count()), (method, 1), "no scratch is left");

        let told = Remembered { method: BufferedFdatasync, ..first.clone() };
        fs::write(&path, serde_json::to_vec(&told).unwrap()).unwrap();
        assert_eq!(choose(), BufferedFdatasync, "taken as it is");

        for stale in [Remembered { kernel: "1.2.13".into(), ..told.clone() }, Remembered { device: 1, ..told }] {
            fs::write(&path, serde_json::to_vec(&stale).unwrap()).unwrap();
            choose();
            let again = remembered(&path).expect("remembered");
            assert_eq!((again.device, &again.kernel), (first.device, &first.kernel));
        }
        fs::write(&path, b"{ not json").unwrap();
        choose();
        assert!(remembered(&path).is_some());
    }
}
