//! Moments to wait for.

use std::time::Duration;

use tokio::time::Instant;

/// Nobody waits for longer.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The moment so long after `at`; a very late one where the clock has none, as for `Duration::MAX`, by which people mean "no
/// limit".
pub(crate) fn after(at: Instant, wait: Duration) -> Instant {
    at.checked_add(wait.min(FAR)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_a_very_late_moment() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_millis(5)), now + Duration::from_millis(5));
        assert_eq!(after(now, Duration::MAX), now + FAR);
    }
}
