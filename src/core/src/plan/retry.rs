//! When to try again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Exponential backoff with full jitter: the pause is anything between nothing and a bound that doubles. Everybody who met
/// the same failure at the same moment comes back spread out, which equal jitter does only half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetrySchedule {
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound never grows beyond this.
    pub max: Duration,
}

/// For requests to the object store and the catalog.
pub const STORE_RETRY: RetrySchedule = RetrySchedule { first: Duration::from_millis(50), max: Duration::from_secs(10) };

impl RetrySchedule {
    /// The pause before attempt `attempt + 1`, where the first attempt is number 1.
    pub fn pause(&self, attempt: u32, random: &mut impl Rng) -> Duration {
        random.random_range(Duration::ZERO..=self.bound(attempt))
    }

    pub fn bound(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}
