//! Time as an argument: one reading per turn of the loop, taken by the driver.

use std::time::Duration;

/// What the clocks said at the start of this turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Since some fixed point in this process; never goes back. For every deadline.
    pub monotonic: Duration,
    /// Milliseconds since the Unix epoch; may jump either way. Only ever a record's timestamp or arrival time.
    pub wall_ms: u64,
}
