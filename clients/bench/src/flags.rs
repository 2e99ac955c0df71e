//! Every field of a workload as a flag. What is not given stays as the named cell has it.

use std::path::PathBuf;

use clap::Args;

use crate::workload::{Pacing, Payload, Pick, Storage, Workload};

#[derive(Clone, Debug, Default, Args)]
pub struct WorkloadFlags {
    /// How many streams.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    streams: Option<u32>,
    /// How a producer chooses the stream of its next batch.
    #[arg(long, value_enum)]
    pick: Option<Pick>,
    /// Producers, each on a connection of its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    producers: Option<u32>,
    /// Batches in flight per producer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4000))]
    depth: Option<u32>,
    /// Records per batch; in an open loop the most that go into one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch_records: Option<u32>,
    /// Body bytes of each record.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    record_bytes: Option<u32>,
    /// What the bodies are made of.
    #[arg(long, value_enum)]
    payload: Option<Payload>,
    /// Where lines come from; makes the payload class `lines`.
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// When a record is acknowledged: in the journal, or in the object store.
    #[arg(long, value_enum)]
    storage: Option<Storage>,
    /// Closed loop, or an open one with constant or Poisson spacing.
    #[arg(long, value_enum)]
    pacing: Option<Pacing>,
    /// Records per second over all producers; makes a closed loop an open one with constant spacing.
    #[arg(long, value_name = "RECORDS_PER_S")]
    rate: Option<f64>,
    /// How long a producer waits behind the first due record for more of them.
    #[arg(long, value_name = "US")]
    linger_us: Option<u32>,
    /// Live consumers per stream.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    consumers: Option<u32>,
    /// Consumers that share a connection.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4000))]
    consumers_per_connection: Option<u32>,
    /// Seconds of load before anything is measured.
    #[arg(long, value_name = "S", value_parser = seconds)]
    warmup: Option<f64>,
    /// Seconds that are measured.
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<f64>,
    /// Seed of bodies, choices and Poisson times.
    #[arg(long)]
    seed: Option<u64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("0 to 86400 seconds".to_owned()) }
}

impl WorkloadFlags {
    pub fn apply(&self, workload: &mut Workload) {
        let flags = self.clone();
        set(&mut workload.streams, flags.streams);
        set(&mut workload.pick, flags.pick);
        set(&mut workload.producers, flags.producers);
        set(&mut workload.depth, flags.depth);
        set(&mut workload.batch_records, flags.batch_records);
        set(&mut workload.record_bytes, flags.record_bytes);
        set(&mut workload.payload, flags.lines.is_some().then_some(Payload::Lines));
        set(&mut workload.payload, flags.payload);
        workload.lines = flags.lines.or(workload.lines.take());
        set(&mut workload.storage, flags.storage);
        let is_closed = workload.pacing == Pacing::Closed;
        set(&mut workload.pacing, flags.rate.filter(|_| is_closed).map(|_| Pacing::Constant));
        set(&mut workload.pacing, flags.pacing);
        set(&mut workload.rate, flags.rate);
        set(&mut workload.linger_us, flags.linger_us);
        set(&mut workload.consumers_per_stream, flags.consumers);
        set(&mut workload.consumers_per_connection, flags.consumers_per_connection);
        set(&mut workload.warmup_seconds, flags.warmup);
        set(&mut workload.seconds, flags.seconds);
        set(&mut workload.seed, flags.seed);
    }

    /// Whether the rate is left to the cell.
    pub fn has_rate(&self) -> bool {
        self.rate.is_some()
    }
}

fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_stays() {
        let mut workload = Workload { streams: 7, depth: 3, ..Workload::default() };
        WorkloadFlags { depth: Some(9), ..WorkloadFlags::default() }.apply(&mut workload);
        assert_eq!(workload, Workload { streams: 7, depth: 9, ..Workload::default() });
    }

    #[test]
    fn a_rate_opens_the_loop_and_a_file_makes_lines() {
        let mut workload = Workload::default();
        let flags = WorkloadFlags { rate: Some(50.0), lines: Some("log".into()), ..WorkloadFlags::default() };
        flags.apply(&mut workload);
        assert_eq!((workload.pacing, workload.rate, workload.payload), (Pacing::Constant, 50.0, Payload::Lines));
        let mut poisson = Workload { pacing: Pacing::Poisson, ..Workload::default() };
        flags.apply(&mut poisson);
        assert_eq!(poisson.pacing, Pacing::Poisson);
    }
}
