//! Ratios of paired blocks, and how far their median can be trusted. Pure.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

const RESAMPLES: usize = 10_000;
/// The same blocks give the same interval.
const SEED: u64 = 1;

#[derive(Debug, Default)]
pub struct Ratios {
    pub throughput: Blocks,
    pub ack_p50: Blocks,
    pub ack_p99: Blocks,
    pub cpu_s_per_gib: Blocks,
}

impl Ratios {
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Blocks)> {
        let Self { throughput, ack_p50, ack_p99, cpu_s_per_gib } = self;
        [("throughput", throughput), ("ack_p50", ack_p50), ("ack_p99", ack_p99), ("cpu_s_per_gib", cpu_s_per_gib)]
            .into_iter()
    }
}

/// One ratio per block.
#[derive(Debug, Default)]
pub struct Blocks(Vec<f64>);

/// The median of the blocks' ratios, and where it would lie in 95 of 100 other drawings of the same blocks.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Ratio {
    pub median: f64,
    pub low: f64,
    pub high: f64,
    pub blocks: usize,
}

impl Blocks {
    /// Left out where one side does not tell, or was 0.
    pub fn add(&mut self, a: Option<f64>, b: Option<f64>) {
        if let Some((a, b)) = a.zip(b).filter(|(a, _)| *a > 0.0) {
            self.0.push(b / a);
        }
    }

    pub fn ratio(&self) -> Option<Ratio> {
        if self.0.is_empty() {
            return None;
        }
        let mut random = StdRng::seed_from_u64(SEED);
        let mut draw = || self.0[random.random_range(0..self.0.len())];
        let mut medians: Vec<f64> =
            (0..RESAMPLES).map(|_| median((0..self.0.len()).map(|_| draw()).collect())).collect();
        medians.sort_by(f64::total_cmp);
        let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share).round() as usize];
        Some(Ratio { median: median(self.0.clone()), low: at(0.025), high: at(0.975), blocks: self.0.len() })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Option<Ratio> {
        let mut blocks = Blocks::default();
        pairs.iter().for_each(|(a, b)| blocks.add(Some(*a), Some(*b)));
        blocks.ratio()
    }

    #[test]
    fn the_median_does_not_mind_one_bad_block() {
        let ratio = of(&[(1.0, 2.0), (1.0, 2.1), (10.0, 1.0), (1.0, 1.9), (2.0, 4.0)]).expect("blocks");
        assert_eq!((ratio.median, ratio.blocks), (2.0, 5));
        assert!(ratio.low <= 2.0 && ratio.high >= 2.0);
    }

    #[test]
    fn equal_blocks_leave_no_doubt() {
        let ratio = of(&[(4.0, 2.0); 10]).expect("blocks");
        assert_eq!((ratio.median, ratio.low, ratio.high), (0.5, 0.5, 0.5));
    }

    #[test]
    fn what_one_side_does_not_tell_is_left_out() {
        let mut blocks = Blocks::default();
        blocks.add(None, Some(1.0));
        blocks.add(Some(0.0), Some(1.0));
        assert_eq!(blocks.ratio(), None);
    }
}
