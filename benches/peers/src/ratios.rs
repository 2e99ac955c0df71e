//! Ratios within blocks, and their median. Pure.

use serde::Serialize;

/// Riverrun's figure over the peer's, one of each block. The machine's weather falls on both sides of a block alike.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ratios(Vec<f64>);

#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Ratio {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub blocks: usize,
}

impl Ratios {
    /// Left out where the peer did nothing.
    pub fn add(&mut self, riverrun: f64, peer: f64) {
        if peer > 0.0 {
            self.0.push(riverrun / peer);
        }
    }

    pub fn ratio(&self) -> Option<Ratio> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Ratio { median: median(&sorted)?, min, max, blocks: sorted.len() })
    }
}

/// Of sorted figures.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len().is_multiple_of(2) { Some((sorted[middle - 1] + upper) / 2.0) } else { Some(upper) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Option<Ratio> {
        let mut ratios = Ratios::default();
        pairs.iter().for_each(|(riverrun, peer)| ratios.add(*riverrun, *peer));
        ratios.ratio()
    }

    #[test]
    fn the_median_does_not_mind_one_bad_block() {
        let ratio = of(&[(8.0, 2.0), (8.2, 2.0), (1.0, 10.0)]).expect("blocks");
        assert_eq!(ratio, Ratio { median: 4.0, min: 0.1, max: 4.1, blocks: 3 });
        assert_eq!(of(&[(2.0, 1.0), (4.0, 1.0)]).expect("blocks").median, 3.0);
    }

    #[test]
    fn a_peer_that_did_nothing_has_no_ratio() {
        assert_eq!(of(&[(1.0, 0.0)]), None);
    }
}
