//! HdrHistograms of 3 significant digits, in microseconds. Each task records into one of its own; they are merged, never
//! averaged: an average of percentiles is no percentile.

use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use miette::miette;
use serde::Serialize;

const SIGNIFICANT_DIGITS: u8 = 3;
/// Latencies above an hour count as an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// In microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        // It grows with what is recorded: a thousand consumers have one each.
        Self(Histogram::new(SIGNIFICANT_DIGITS).expect("3 digits are in range"))
    }
}

impl Latencies {
    pub fn record_ns(&mut self, latency_ns: u64) {
        let latency_us = (latency_ns / 1000).min(LATENCY_US_MAX);
        self.0.record(latency_us).expect("it grows up to the highest latency there is");
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows as it needs to");
    }

    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    pub fn percentiles(&self) -> Option<Percentiles> {
        percentiles(&self.0)
    }
}

/// `None` where nothing was recorded: no latency is not a latency of 0.
pub fn percentiles(histogram_us: &Histogram<u64>) -> Option<Percentiles> {
    let at = |quantile| histogram_us.value_at_quantile(quantile);
    (!histogram_us.is_empty()).then(|| Percentiles {
        count: histogram_us.len(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        p9999: at(0.9999),
        max: histogram_us.max(),
    })
}

/// All that a run recorded, by kind.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    /// From the intended time to the ack: response time.
    pub ack: Latencies,
    /// From the real sending to the ack: service time.
    pub ack_service: Latencies,
    /// From the intended time to a consumer.
    pub e2e: Latencies,
    /// From asking to the first records.
    pub read: Latencies,
    pub check_tail: Latencies,
}

impl Kinds {
    pub fn merge(&mut self, other: &Self) {
        self.ack.merge(&other.ack);
        self.ack_service.merge(&other.ack_service);
        self.e2e.merge(&other.e2e);
        self.read.merge(&other.read);
        self.check_tail.merge(&other.check_tail);
    }

    fn tagged(&self) -> [(&'static str, &Latencies); 5] {
        [
            ("ack", &self.ack),
            ("ack_service", &self.ack_service),
            ("e2e", &self.e2e),
            ("read", &self.read),
            ("check_tail", &self.check_tail),
        ]
    }

    /// For HdrHistogram's own tools: one tagged line for each kind that was recorded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_hlog(&self, path: &Path, elapsed: Duration) -> miette::Result<()> {
        let write = || -> Result<(), Box<dyn std::error::Error>> {
            let mut file = std::fs::File::create(path)?;
            let mut serializer = V2Serializer::new();
            let begun = SystemTime::now().checked_sub(elapsed).unwrap_or(SystemTime::UNIX_EPOCH);
            let mut log =
                IntervalLogWriterBuilder::new().with_start_time(begun).begin_log_with(&mut file, &mut serializer)?;
            for (tag, latencies) in self.tagged().into_iter().filter(|(_, latencies)| !latencies.0.is_empty()) {
                log.write_histogram(&latencies.0, Duration::ZERO, elapsed, Tag::new(tag))
                    .map_err(|error| format!("{error:?}"))?;
            }
            Ok(())
        };
        write().map_err(|error| miette!("cannot write the histograms to {}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    fn of(latencies_ms: &[u64]) -> Latencies {
        let mut latencies = Latencies::default();
        latencies_ms.iter().for_each(|ms| latencies.record_ns(ms * 1_000_000));
        latencies
    }

    #[test]
    fn merged_percentiles_are_those_of_all_samples() {
        // Nine tasks of 1 ms and one of 100 ms: the average of their medians would say 11 ms.
        let mut merged = Latencies::default();
        (0..9).for_each(|_| merged.merge(&of(&[1; 10])));
        merged.merge(&of(&[100; 10]));
        let percentiles = merged.percentiles().expect("some");
        assert_eq!((percentiles.count, percentiles.p50, percentiles.p90), (100, 1000, 1000));
        assert!((99_900..=100_100).contains(&percentiles.p99), "{percentiles:?}");
    }

    #[test]
    fn a_histogram_grows_up_to_an_hour() {
        let percentiles = of(&[1, 1000, 10_000_000_000]).percentiles().expect("some");
        assert!((999_000..=1_001_000).contains(&percentiles.p50), "{percentiles:?}");
        assert!(percentiles.max >= LATENCY_US_MAX && percentiles.max < LATENCY_US_MAX / 100 * 101, "{percentiles:?}");
    }

    #[test]
    fn nothing_recorded_is_not_zero() {
        assert_eq!(Latencies::default().percentiles(), None);
    }

    #[test]
    fn the_log_has_a_tag_for_each_kind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.hlog");
        let kinds = Kinds { ack: of(&[1]), e2e: of(&[2]), ..Kinds::default() };
        kinds.write_hlog(&path, Duration::from_secs(1)).expect("written");
        let text = std::fs::read(&path).expect("readable");
        let tags: Vec<String> = IntervalLogIterator::new(&text)
            .filter_map(|entry| match entry.expect("sound") {
                LogEntry::Interval(interval) => interval.tag().map(|tag| tag.as_str().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(tags, ["ack", "e2e"]);
    }
}
