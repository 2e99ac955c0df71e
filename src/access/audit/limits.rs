//! How many denied calls of one principal are recorded, so that nobody fills the disk by asking for what it may not
//! have (reliability.md 5.1, Audit).

use std::collections::HashMap;
use std::time::Duration;

use riverrun_core::access::{BURST_NS, admit_cost, cost_ns};

/// Per principal; ten seconds' worth may come at once.
const DENIED_PER_SEC: u64 = 10;
const BURST_RECORDS: u64 = 100;
/// Principals that are remembered. Beyond them those are forgotten that have nothing to remember.
const PRINCIPALS_MAX: usize = 4096;

#[derive(Debug, Default)]
struct Used {
    bucket: u64,
    suppressed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Limits {
    by_principal: HashMap<String, Used>,
}

impl Limits {
    /// Whether the next denied call is recorded, and how many were left out before it.
    pub(super) fn admit(&mut self, principal: &str, now: Duration) -> Option<u64> {
        // The rate's burst is one second: at a tenth of the speed it holds ten seconds' worth.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) / (BURST_RECORDS / DENIED_PER_SEC);
        if self.by_principal.len() >= PRINCIPALS_MAX && !self.by_principal.contains_key(principal) {
            self.by_principal.retain(|_, used| used.bucket > now || used.suppressed > 0);
            if self.by_principal.len() >= PRINCIPALS_MAX {
                return None;
            }
        }
        let used = self.by_principal.entry(principal.to_owned()).or_default();
        match admit_cost(used.bucket, now, cost_ns(1, BURST_RECORDS)) {
            Ok(bucket) => {
                used.bucket = bucket;
                Some(std::mem::take(&mut used.suppressed))
            }
            Err(_) => {
                used.suppressed += 1;
                None
            }
        }
    }
}

const _: () = assert!(BURST_NS == 1_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_what_was_left_out_is_counted() {
        let mut limits = Limits::default();
        let at = |ms| Duration::from_millis(ms);
        let burst = (0..150).filter(|_| limits.admit("a", at(0)).is_some()).count();
        assert_eq!(burst as u64, BURST_RECORDS);
        assert_eq!(limits.admit("b", at(0)), Some(0), "others are not held to it");
        assert_eq!(limits.admit("a", at(100)), Some(50));
        assert_eq!(limits.admit("a", at(100)), None);
        let in_ten_seconds = (100..10_100).filter(|ms| limits.admit("a", at(*ms)).is_some()).count() as u64;
        assert!((99..=101).contains(&in_ten_seconds), "{in_ten_seconds}");
    }

    #[test]
    fn principals_are_forgotten_when_there_is_nothing_to_remember() {
        let mut limits = Limits::default();
        for n in 0..3 * PRINCIPALS_MAX {
            let now = Duration::from_secs(n as u64);
            assert_eq!(limits.admit(&n.to_string(), now), Some(0));
            assert!(limits.by_principal.len() <= PRINCIPALS_MAX);
        }
    }
}
