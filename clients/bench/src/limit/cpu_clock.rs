//! The CPU time of the calling thread. What another process takes from the core meanwhile is not in it, so what is measured with
//! this clock holds on a busy machine too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Started on a thread, read on the same one.
pub(super) struct CpuClock(Duration);

impl CpuClock {
    pub(super) fn start() -> Self {
        Self(thread_cpu_time())
    }

    pub(super) fn elapsed(&self) -> Duration {
        thread_cpu_time().saturating_sub(self.0)
    }
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
