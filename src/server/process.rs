//! What the system says of this process.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::metrics::snapshot::Process;

/// Where the system does not say, 0.
pub fn look() -> Process {
    Process {
        cpu_seconds: cpu_ms() as f64 / 1e3,
        resident_bytes: resident_bytes().unwrap_or(0),
        descriptors: fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64),
        descriptors_max: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        ring_workers: ring_workers(),
    }
}

/// User and system time of this process, its kernel workers included.
pub fn cpu_ms() -> u64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as u64 * 1000 + spent.tv_nsec as u64 / 1_000_000
}

/// The second number of /proc/self/statm is resident pages (proc(5)).
fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Threads that the kernel has made to carry out what a ring's submission could not do at once. How often it did so only a
/// tracepoint tells.
pub fn ring_workers() -> u64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0 };
    let is_worker =
        |thread: &fs::DirEntry| fs::read(thread.path().join("comm")).is_ok_and(|name| name.starts_with(b"iou-wrk-"));
    threads.flatten().filter(is_worker).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_descriptors() {
        let process = look();
        assert!(process.resident_bytes > 1 << 20, "{process:?}");
        assert!(process.descriptors >= 3 && process.descriptors_max >= process.descriptors, "{process:?}");
    }
}
