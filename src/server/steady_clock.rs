//! Time for what must not happen early: the wall clock, but never ahead of what it was at start plus the time that has passed.

use std::sync::Arc;

use super::clock::Clock;
use crate::collection::SteadyClock;

/// A wall clock that is set ahead while the process runs does not move it; one that is set back does, which only delays.
pub fn steady(clock: Clock) -> SteadyClock {
    let start = clock.now();
    Arc::new(move || {
        let now = clock.now();
        let passed = now.monotonic.saturating_sub(start.monotonic).as_millis() as u64;
        now.wall_ms.min(start.wall_ms.saturating_add(passed))
    })
}
