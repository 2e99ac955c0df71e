//! Durable write latency by size and depth (performance.md 3.4 and 4.1: L(S,q), w(S), B_d).

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::LimitError;
use super::cpu_clock::CpuClock;
use super::measured::{Disk, DurableWrite};
use super::probe_file::{AlignedBytes, FILE_BYTES, ProbeFile};

const SIZES_BYTES: [usize; 4] = [4 << 10, 64 << 10, 256 << 10, 1 << 20];
const DEPTHS: [u32; 4] = [1, 2, 4, 8];
const UNSYNCED_BYTES: usize = 1 << 20;
/// Enough that the disk is never without a write.
const UNSYNCED_DEPTH: u32 = 2;
/// Each step is measured in parts, far apart, and the best one kept: what else runs on the machine can only take away.
const ROUNDS: u32 = 4;
const LATENCY_NS_MAX: u64 = 60_000_000_000;

pub(super) fn measure(folder: &Path, step: Duration, say: &mut dyn FnMut(&str)) -> Result<Disk, LimitError> {
    say("writing 256 MiB of zeros");
    let file = ProbeFile::create(folder).map_err(LimitError::disk("prepare the file to measure with", folder))?;
    let mut durable_writes: Vec<DurableWrite> = Vec::new();
    let mut unsynced_bytes_per_s = 0f64;
    for round in 1..=ROUNDS {
        let failed = || LimitError::disk("write", folder);
        for (index, (size_bytes, depth)) in cells().enumerate() {
            let cell = durable(&file, size_bytes, depth, step / ROUNDS).map_err(failed())?;
            say(&line(round, &cell));
            keep_better(&mut durable_writes, index, cell);
        }
        let unsynced = unsynced(&file, step / ROUNDS).map_err(failed())?;
        unsynced_bytes_per_s = unsynced_bytes_per_s.max(unsynced);
    }
    let in_memory = file.is_in_memory().map_err(LimitError::disk("find out the file system", folder))?;
    Ok(Disk { method: file.method(), in_memory, file_bytes: FILE_BYTES, unsynced_bytes_per_s, durable_writes })
}

fn cells() -> impl Iterator<Item = (usize, u32)> {
    SIZES_BYTES.into_iter().flat_map(|size| DEPTHS.into_iter().map(move |depth| (size, depth)))
}

fn line(round: u32, cell: &DurableWrite) -> String {
    let kib = cell.size_bytes >> 10;
    format!("durable writes, round {round} of {ROUNDS}: {kib} KiB, depth {}: p50 {:.0} us", cell.depth, cell.p50_us)
}

fn keep_better(kept: &mut Vec<DurableWrite>, index: usize, cell: DurableWrite) {
    match kept.get_mut(index) {
        Some(earlier) if earlier.bytes_per_s < cell.bytes_per_s => *earlier = cell,
        Some(_) => {}
        None => kept.push(cell),
    }
}

fn durable(file: &ProbeFile, size_bytes: usize, depth: u32, duration: Duration) -> io::Result<DurableWrite> {
    let written = write_for(size_bytes, depth, duration, &|bytes, offset| file.write_durably(bytes, offset))?;
    let micros = |quantile| written.latencies_ns.value_at_quantile(quantile) as f64 / 1e3;
    let writes = written.latencies_ns.len();
    Ok(DurableWrite {
        size_bytes: size_bytes as u64,
        depth,
        writes,
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        bytes_per_s: written.bytes_per_s(size_bytes),
        cpu_us_per_write: written.cpu.as_secs_f64() * 1e6 / writes as f64,
    })
}

fn unsynced(file: &ProbeFile, duration: Duration) -> io::Result<f64> {
    let write = |bytes: &[u8], offset| file.write_unsynced(bytes, offset);
    Ok(write_for(UNSYNCED_BYTES, UNSYNCED_DEPTH, duration, &write)?.bytes_per_s(UNSYNCED_BYTES))
}

struct Written {
    latencies_ns: Histogram<u64>,
    cpu: Duration,
    elapsed: Duration,
}

impl Written {
    fn bytes_per_s(&self, size_bytes: usize) -> f64 {
        self.latencies_ns.len() as f64 * size_bytes as f64 / self.elapsed.as_secs_f64()
    }
}

type Write<'a> = &'a (dyn Fn(&[u8], u64) -> io::Result<()> + Sync);

/// Writes with `depth` threads, one write in flight in each, at offsets that increase over all of them.
fn write_for(size_bytes: usize, depth: u32, duration: Duration, write: Write<'_>) -> io::Result<Written> {
    let data: Vec<AlignedBytes> = (0..depth).map(|seed| incompressible(seed.into(), size_bytes)).collect();
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let writer = |data: &AlignedBytes| write_until(begun + duration, data.as_slice(), &next, write);
    let parts: io::Result<Vec<(Histogram<u64>, Duration)>> = thread::scope(|scope| {
        let threads: Vec<_> = data.iter().map(|data| scope.spawn(move || writer(data))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a writer panicked"))?).collect()
    });
    let mut written = Written { latencies_ns: histogram(), cpu: Duration::ZERO, elapsed: begun.elapsed() };
    for (latencies_ns, cpu) in parts? {
        written.latencies_ns.add(latencies_ns).map_err(io::Error::other)?;
        written.cpu += cpu;
    }
    Ok(written)
}

/// At least one write, so that there is a latency however short the step.
fn write_until(
    end: Instant,
    data: &[u8],
    next: &AtomicU64,
    write: Write<'_>,
) -> io::Result<(Histogram<u64>, Duration)> {
    let (mut latencies_ns, cpu) = (histogram(), CpuClock::start());
    loop {
        let offset = next.fetch_add(data.len() as u64, Ordering::Relaxed) % FILE_BYTES;
        let begun = Instant::now();
        write(data, offset)?;
        let ended = Instant::now();
        latencies_ns.saturating_record((ended - begun).as_nanos() as u64);
        if ended >= end {
            return Ok((latencies_ns, cpu.elapsed()));
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("bounds and digits are in range")
}

/// A disk may treat zeros and repeats in a way of its own.
fn incompressible(seed: u64, len: usize) -> AlignedBytes {
    let mut bytes = AlignedBytes::zeroed(len);
    StdRng::seed_from_u64(seed).fill(bytes.as_mut_slice());
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_write_has_its_own_place_and_stays_within_the_file() {
        let seen = Mutex::new(Vec::new());
        let write = |bytes: &[u8], offset: u64| {
            assert!(offset + bytes.len() as u64 <= FILE_BYTES);
            seen.lock().expect("not poisoned").push(offset);
            Ok(())
        };
        let written = write_for(1 << 20, 4, Duration::ZERO, &write).expect("writes");
        let mut seen = seen.into_inner().expect("not poisoned");
        seen.sort_unstable();
        assert_eq!(seen, [0, 1 << 20, 2 << 20, 3 << 20]);
        assert_eq!(written.latencies_ns.len(), 4);
    }

    #[test]
    fn a_write_that_fails_ends_the_measurement() {
        let refused = |_: &[u8], _| Err(io::ErrorKind::StorageFull.into());
        let error = write_for(4096, 2, Duration::from_secs(3600), &refused).map(|_| ()).expect_err("it fails");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn the_better_round_is_kept() {
        let cell = |bytes_per_s| DurableWrite {
            size_bytes: 4096,
            depth: 1,
            writes: 1,
            p50_us: 1.0,
            p99_us: 1.0,
            bytes_per_s,
            cpu_us_per_write: 1.0,
        };
        let mut kept = Vec::new();
        for bytes_per_s in [2.0, 3.0, 1.0] {
            keep_better(&mut kept, 0, cell(bytes_per_s));
        }
        assert_eq!(kept, [cell(3.0)]);
    }
}
