//! The one reading of the clocks per turn.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use riverrun_core::Now;

/// All shards of a broker count from the same instant.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn now(&self) -> Now {
        // A clock set before 1970 reads as 1970: timestamps are raised to the stream's last one anyway (s2-semantics.md B7).
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        Now { monotonic: self.monotonic(), wall_ms }
    }

    pub fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
