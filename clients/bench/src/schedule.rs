//! When records are meant to be sent: fixed in advance and never moved, whatever happens meanwhile. A generator that put off
//! what is due behind a stall would leave out the very samples that the stall made slow. Pure.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::workload::{Pacing, Workload};

const NS_PER_S: f64 = 1e9;

/// One producer's intended send times, in ns since the run began, up to the run's end.
#[derive(Debug)]
pub struct Schedule {
    spacing: Spacing,
    interval_ns: f64,
    end_ns: u64,
    next_ns: u64,
    sent: u64,
}

#[derive(Debug)]
enum Spacing {
    /// From the count, not from the time before: no rounding piles up.
    Even {
        first_ns: f64,
    },
    Exponential {
        random: Box<StdRng>,
        at_ns: f64,
    },
}

impl Schedule {
    /// Producer `index`'s share of the rate. Producers take turns, so that together they are evenly spaced as well.
    pub fn of_producer(workload: &Workload, index: u32, end_ns: u64) -> Self {
        let interval_ns = NS_PER_S * f64::from(workload.producers) / workload.rate;
        let spacing = match workload.pacing {
            Pacing::Poisson => {
                let seed = workload.seed.wrapping_add(u64::from(index) << 32);
                let random = Box::new(StdRng::seed_from_u64(seed));
                Spacing::Exponential { random, at_ns: 0.0 }
            }
            Pacing::Constant | Pacing::Closed => {
                Spacing::Even { first_ns: interval_ns * f64::from(index) / f64::from(workload.producers) }
            }
        };
        let mut schedule = Self { spacing, interval_ns, end_ns, next_ns: 0, sent: 0 };
        schedule.next_ns = schedule.time();
        schedule
    }

    /// The next record's time; `None` behind the end.
    pub fn next(&self) -> Option<u64> {
        (self.next_ns < self.end_ns).then_some(self.next_ns)
    }

    /// Takes the next record if it is due.
    pub fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due = self.next().filter(|at| *at <= now_ns)?;
        self.sent += 1;
        self.next_ns = self.time();
        Some(due)
    }

    fn time(&mut self) -> u64 {
        match &mut self.spacing {
            Spacing::Even { first_ns } => (*first_ns + self.sent as f64 * self.interval_ns) as u64,
            Spacing::Exponential { random, at_ns } => {
                // 1 - [0, 1) is never 0.
                *at_ns -= (1.0 - random.random::<f64>()).ln() * self.interval_ns;
                *at_ns as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn workload(pacing: Pacing, producers: u32, rate: f64) -> Workload {
        Workload { pacing, producers, rate, ..Workload::default() }
    }

    fn all(schedule: &mut Schedule) -> Vec<u64> {
        std::iter::from_fn(|| schedule.take_due(u64::MAX)).collect()
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_over_all_producers() {
        let workload = workload(Pacing::Constant, 4, 1000.0);
        let mut times: Vec<u64> = (0..4).flat_map(|i| all(&mut Schedule::of_producer(&workload, i, SECOND))).collect();
        times.sort_unstable();
        assert_eq!(times.len(), 1000);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 1_000_000), "{times:?}");
    }

    #[test]
    fn a_stall_moves_nothing() {
        let workload = workload(Pacing::Constant, 1, 1000.0);
        let mut schedule = Schedule::of_producer(&workload, 0, SECOND);
        assert_eq!(schedule.take_due(0), Some(0));
        assert_eq!(schedule.take_due(999_999), None);
        // Half a second during which nobody looked: everything of it is due at its own time.
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take_due(500_000_000)).collect();
        assert_eq!(late.len(), 500);
        assert_eq!((late[0], late[499]), (1_000_000, 500_000_000));
        assert_eq!(schedule.next(), Some(501_000_000));
    }

    #[test]
    fn poisson_times_have_the_rate_and_its_spread() {
        let workload = workload(Pacing::Poisson, 1, 10_000.0);
        let times = all(&mut Schedule::of_producer(&workload, 0, 10 * SECOND));
        assert!((98_000..102_000).contains(&times.len()), "{}", times.len());
        assert!(times.is_sorted());
        // An exponential's share beyond its mean is 1/e.
        let beyond = times.windows(2).filter(|pair| pair[1] - pair[0] > 100_000).count() as f64;
        assert!((0.35..0.39).contains(&(beyond / times.len() as f64)), "{beyond}");
    }

    #[test]
    fn a_seed_gives_the_same_times_and_each_producer_its_own() {
        let workload = workload(Pacing::Poisson, 2, 100.0);
        let of = |index| all(&mut Schedule::of_producer(&workload, index, SECOND));
        assert_eq!(of(0), of(0));
        assert_ne!(of(0), of(1));
    }
}
