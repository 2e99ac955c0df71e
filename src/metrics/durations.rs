//! How long things took, in the fixed buckets that Prometheus adds up over servers. Recording allocates nothing and takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets. A journal write on a fast disk takes about 50 us, a hung one is told after 10 s.
pub const BOUNDS_US: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// One for each bound, and one for what took longer.
const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Written by whoever did it, read by whoever asks.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

/// What [`Durations`] held at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    pub buckets: [u64; BUCKETS],
    pub sum_us: u64,
}

fn bucket_of(us: u64) -> usize {
    BOUNDS_US.partition_point(|bound| *bound < us)
}

impl Durations {
    pub fn record(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub fn counted(&self) -> Counted {
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        Counted { buckets, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

impl Counted {
    pub fn record(&mut self, us: u64, count: u64) {
        self.buckets[bucket_of(us)] += count;
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(count));
    }

    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(mine, other)| *mine += other);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub fn sum_seconds(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }

    /// Upper bounds in seconds, and how many fell into each bucket.
    pub fn in_seconds(&self) -> [(f64, u64); BUCKETS] {
        let bound = |n: usize| BOUNDS_US.get(n).map_or(f64::INFINITY, |us| *us as f64 / 1e6);
        std::array::from_fn(|n| (bound(n), self.buckets[n]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_the_last_of_its_bucket() {
        let durations = Durations::default();
        for us in [0, 50, 51, 10_000_000, 10_000_001, u64::MAX / 2] {
            durations.record(Duration::from_micros(us));
        }
        let counted = durations.counted();
        let of = |bound: f64| counted.in_seconds().into_iter().find(|(b, _)| *b == bound).map(|(_, count)| count);
        assert_eq!((of(0.00005), of(0.0001), of(10.0), of(f64::INFINITY)), (Some(2), Some(1), Some(1), Some(2)));
        assert_eq!(counted.count(), 6);
    }

    #[test]
    fn sums_add_up_and_never_wrap() {
        let (mut one, mut other) = (Counted::default(), Counted::default());
        one.record(1_500_000, 2);
        other.record(u64::MAX, 3);
        assert_eq!(one.sum_seconds(), 3.0);
        one.add(&other);
        assert_eq!((one.count(), one.sum_us), (5, u64::MAX));
    }
}
