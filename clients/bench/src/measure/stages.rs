//! How long the stages of the broker's work took during the measured span: where the tail of an append comes from.
//! docs/PROTOCOL.md, "Stages", says from when to when each goes.

use std::fmt::Write;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use miette::miette;
use riverrun_client::{Client, StageHistograms};
use serde::Serializer;

use super::latencies::{Percentiles, percentiles};
use crate::failed;

/// The broker's histograms at one moment, each since its start; none from a broker that does not tell them.
#[derive(Debug, Default)]
pub struct StageTimes(Vec<(String, Histogram<u64>)>);

/// By the stage's name, in the order in which an append goes through them. Stages in which nothing happened are absent.
pub type Stages = Vec<(String, Percentiles)>;

impl StageTimes {
    /// Stages are an explanation, not the result: who may not see them (an issued token) gets the result without.
    pub async fn read(client: &Client) -> miette::Result<Self> {
        match client.stage_histograms().await {
            Ok(told) => Self::decode(told),
            Err(error) if error.refusal().is_some() => Ok(Self::default()),
            Err(error) => Err(failed(error)),
        }
    }

    fn decode(told: StageHistograms) -> miette::Result<Self> {
        let mut deserializer = Deserializer::new();
        let stages = told.stages.into_iter().map(|stage| {
            let histogram = deserializer.deserialize(&mut &stage.histogram[..]);
            let histogram =
                histogram.map_err(|error| miette!("the histogram of the stage `{}`: {error}", stage.name))?;
            Ok((stage.name, histogram))
        });
        stages.collect::<miette::Result<_>>().map(Self)
    }

    /// What came in since `before`.
    pub fn since(&self, before: &Self) -> Stages {
        let spans = self.0.iter().map(|(name, after)| {
            let mut span = after.clone();
            if let Some((_, before)) = before.0.iter().find(|(earlier, _)| earlier == name) {
                // A broker that was started anew in between has fewer: then all that it has is since.
                span.subtract(before).unwrap_or_else(|_| span = after.clone());
            }
            (name.clone(), percentiles(&span))
        });
        spans.filter_map(|(name, percentiles)| Some((name, percentiles?))).collect()
    }
}

/// A JSON object keeps the order in which an append goes through them.
pub fn by_name<S: Serializer>(stages: &Stages, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().map(|(name, percentiles)| (name, percentiles)))
}

pub fn write_stages(out: &mut String, stages: &Stages) -> std::fmt::Result {
    if stages.is_empty() {
        return Ok(());
    }
    writeln!(out, "  stages us            p50       p99     p99.9       max")?;
    for (name, Percentiles { count, p50, p99, p999, max, .. }) in stages {
        writeln!(out, "    {name:<14} {p50:>9} {p99:>9} {p999:>9} {max:>9}  ({count})")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::{Serializer as _, V2Serializer};
    use riverrun_client::StageHistogram;

    use super::*;

    fn times(name: &str, values_us: &[u64]) -> StageTimes {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 2).expect("in range");
        values_us.iter().for_each(|us| histogram.record(*us).expect("in range"));
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&histogram, &mut bytes).expect("memory");
        let stage = StageHistogram { name: name.to_owned(), histogram: bytes.into() };
        StageTimes::decode(StageHistograms { stages: vec![stage] }).expect("as the broker writes them")
    }

    #[test]
    fn only_what_came_in_between_counts() {
        let stages = times("journal_write", &[9000, 100, 100, 200]).since(&times("journal_write", &[9000]));
        let (name, of) = &stages[0];
        assert_eq!((name.as_str(), of.count, of.p50, of.max), ("journal_write", 3, 100, 200));
    }

    #[test]
    fn a_stage_in_which_nothing_happened_is_absent() {
        assert_eq!(times("push_send", &[7]).since(&times("push_send", &[7])), []);
    }

    #[test]
    fn a_broker_that_began_anew_counts_whole() {
        assert_eq!(times("turn", &[5]).since(&times("turn", &[900, 900]))[0].1.count, 1);
    }

    #[test]
    fn a_broker_that_does_not_tell_leaves_the_report_without() {
        let mut text = String::new();
        write_stages(&mut text, &StageTimes::default().since(&times("turn", &[5]))).expect("memory");
        assert_eq!(text, "");
    }

    #[test]
    fn rubbish_is_named() {
        let stage = StageHistogram { name: "turn".to_owned(), histogram: b"rubbish"[..].into() };
        let error = StageTimes::decode(StageHistograms { stages: vec![stage] }).expect_err("no histogram");
        assert!(error.to_string().contains("turn"), "{error}");
    }
}
