//! Which stream a batch goes to, from a seed. Pure.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::workload::{Pick, Workload};

/// One producer's choices.
#[derive(Debug)]
pub enum Picker {
    Own(u32),
    Uniform { random: StdRng, streams: u32 },
    Zipf { random: StdRng, shares: Arc<ZipfShares> },
}

/// Zipf with exponent 1.0: stream k of n has a share of 1/(k+1), over the sum of all. One table for all producers.
#[derive(Debug)]
pub struct ZipfShares {
    /// Sums of the shares up to and including each stream; the last is 1.
    cumulative: Vec<f64>,
}

impl ZipfShares {
    pub fn new(streams: u32) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=streams)
            .map(|rank| {
                sum += 1.0 / f64::from(rank);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= sum);
        Self { cumulative }
    }

    fn stream_at(&self, share: f64) -> u32 {
        let stream = self.cumulative.partition_point(|cumulative| *cumulative <= share);
        stream.min(self.cumulative.len() - 1) as u32
    }
}

impl Picker {
    /// One for each producer.
    pub fn of_producers(workload: &Workload) -> Vec<Self> {
        let shares = (workload.pick == Pick::Zipf).then(|| Arc::new(ZipfShares::new(workload.streams)));
        (0..workload.producers)
            .map(|index| {
                let random = StdRng::seed_from_u64(workload.seed ^ (u64::from(index) << 40));
                match (workload.pick, &shares) {
                    (Pick::Zipf, Some(shares)) => Self::Zipf { random, shares: shares.clone() },
                    (Pick::Uniform, _) => Self::Uniform { random, streams: workload.streams },
                    _ => Self::Own(index % workload.streams),
                }
            })
            .collect()
    }

    pub fn pick(&mut self) -> u32 {
        match self {
            Self::Own(stream) => *stream,
            Self::Uniform { random, streams } => random.random_range(0..*streams),
            Self::Zipf { random, shares } => shares.stream_at(random.random()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    fn counts(pick: Pick, streams: u32, producer: usize) -> Vec<usize> {
        let workload = Workload { pick, streams, producers: 4, ..Workload::default() };
        let mut picker = Picker::of_producers(&workload).swap_remove(producer);
        let mut counts = vec![0; streams as usize];
        (0..DRAWS).for_each(|_| counts[picker.pick() as usize] += 1);
        counts
    }

    #[test]
    fn own_streams_wrap_around() {
        let workload = Workload { streams: 3, producers: 4, ..Workload::default() };
        let streams: Vec<u32> = Picker::of_producers(&workload).iter_mut().map(Picker::pick).collect();
        assert_eq!(streams, [0, 1, 2, 0]);
    }

    #[test]
    fn uniform_choices_are_even() {
        let counts = counts(Pick::Uniform, 10, 0);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn zipf_choices_fall_with_the_rank() {
        let counts = counts(Pick::Zipf, 1000, 0);
        let share = |rank: usize| DRAWS as f64 / rank as f64 / 7.4855;
        for rank in [1, 2, 10] {
            let off = counts[rank - 1] as f64 / share(rank);
            assert!((0.9..1.1).contains(&off), "rank {rank}: {} of {}", counts[rank - 1], share(rank));
        }
    }

    #[test]
    fn a_seed_gives_the_same_choices_and_each_producer_its_own() {
        assert_eq!(counts(Pick::Zipf, 50, 1), counts(Pick::Zipf, 50, 1));
        assert_ne!(counts(Pick::Zipf, 50, 1), counts(Pick::Zipf, 50, 2));
    }
}
