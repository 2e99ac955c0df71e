//! How many calls of one principal are recorded, so that nobody fills the disk by asking (reliability.md 5.1, Audit).

use std::collections::HashMap;
use std::time::Duration;

use riverrun_core::access::{BURST_NS, admit_cost, cost_ns};

/// Principals that are remembered of each kind of call. Beyond them those are forgotten who could begin anew.
const PRINCIPALS_MAX: usize = 4096;

/// Of one principal's calls of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rate {
    per_sec: u64,
    /// May come at once.
    burst: u64,
}

/// Denied calls.
pub(super) const DENIED: Rate = Rate { per_sec: 10, burst: 100 };
/// What changes something is what the audit stream is for: whoever sets up a whole basin at once is recorded whole.
pub(super) const CHANGES: Rate = Rate { per_sec: 20, burst: 10_000 };
/// Listings and questions cost whoever asks almost nothing.
pub(super) const LOOKS: Rate = Rate { per_sec: 1, burst: 100 };

#[derive(Debug, Default)]
struct Used {
    bucket: u64,
    suppressed: u64,
}

#[derive(Debug)]
pub(super) struct Limits {
    rate: Rate,
    by_principal: HashMap<String, Used>,
    /// Left out, of principals that are not remembered.
    dropped: u64,
}

impl Limits {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, by_principal: HashMap::new(), dropped: 0 }
    }

    /// Whether the next call is recorded, and how many were left out before it.
    pub(super) fn admit(&mut self, principal: &str, now: Duration) -> Option<u64> {
        // The cell rate's burst is one second: at a tenth of the speed it holds ten seconds' worth.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) / (self.rate.burst / self.rate.per_sec);
        if !self.has_room(principal, now) {
            self.dropped += 1;
            return None;
        }
        let used = self.by_principal.entry(principal.to_owned()).or_default();
        match admit_cost(used.bucket, now, cost_ns(1, self.rate.burst)) {
            Ok(bucket) => {
                used.bucket = bucket;
                Some(std::mem::take(&mut used.suppressed) + std::mem::take(&mut self.dropped))
            }
            Err(_) => {
                used.suppressed += 1;
                None
            }
        }
    }

    /// Whoever has a full bucket is as good as new, but for what was left out: that is told by somebody else's record.
    fn has_room(&mut self, principal: &str, now: u64) -> bool {
        if self.by_principal.len() >= PRINCIPALS_MAX && !self.by_principal.contains_key(principal) {
            let full = self.by_principal.extract_if(|_, used| used.bucket <= now);
            self.dropped += full.map(|(_, used)| used.suppressed).sum::<u64>();
            return self.by_principal.len() < PRINCIPALS_MAX;
        }
        true
    }
}

const _: () = assert!(BURST_NS == 1_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_what_was_left_out_is_counted() {
        let mut limits = Limits::new(DENIED);
        let at = |ms| Duration::from_millis(ms);
        let burst = (0..150).filter(|_| limits.admit("a", at(0)).is_some()).count();
        assert_eq!(burst as u64, DENIED.burst);
        assert_eq!(limits.admit("b", at(0)), Some(0), "others are not held to it");
        assert_eq!(limits.admit("a", at(100)), Some(50));
        assert_eq!(limits.admit("a", at(100)), None);
        let in_ten_seconds = (100..10_100).filter(|ms| limits.admit("a", at(*ms)).is_some()).count() as u64;
        assert!((99..=101).contains(&in_ten_seconds), "{in_ten_seconds}");
    }

    #[test]
    fn over_an_hour_no_kind_of_call_goes_beyond_its_rate() {
        for rate in [DENIED, CHANGES, LOOKS] {
            let mut limits = Limits::new(rate);
            let hour_ms = 60 * 60 * 1000;
            let recorded =
                (0..hour_ms).step_by(20).filter(|ms| limits.admit("a", Duration::from_millis(*ms)).is_some());
            let most = rate.burst + rate.per_sec * 60 * 60;
            let count = recorded.count() as u64;
            assert!(count <= most && count >= most.min(hour_ms / 20) * 99 / 100, "{rate:?}: {count}");
        }
    }

    #[test]
    fn principals_are_forgotten_when_they_could_begin_anew() {
        let mut limits = Limits::new(DENIED);
        for n in 0..3 * PRINCIPALS_MAX {
            let now = Duration::from_secs(n as u64);
            assert_eq!(limits.admit(&n.to_string(), now), Some(0));
            assert!(limits.by_principal.len() <= PRINCIPALS_MAX);
        }
    }

    #[test]
    fn a_table_full_of_those_who_were_held_back_takes_others_and_loses_no_count() {
        let mut limits = Limits::new(DENIED);
        for n in 0..PRINCIPALS_MAX {
            let recorded = (0..=DENIED.burst).filter(|_| limits.admit(&n.to_string(), Duration::ZERO).is_some());
            assert_eq!(recorded.count() as u64, DENIED.burst);
        }
        assert_eq!(limits.admit("new", Duration::ZERO), None, "nobody can be forgotten yet");
        let later = Duration::from_secs(DENIED.burst / DENIED.per_sec);
        assert_eq!(limits.admit("new", later), Some(PRINCIPALS_MAX as u64 + 1));
        assert_eq!(limits.admit("0", later), Some(0));
    }
}
