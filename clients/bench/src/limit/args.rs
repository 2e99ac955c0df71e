//! The command line of `bench limit`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::shapes::{Compression, Shape};

const STEP_SECONDS_MAX: f64 = 60.0;
const STEP_SECONDS_MIN: f64 = 0.01;

/// What to measure, and for which workload to evaluate the model beside the named ones.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// A folder on the disk to measure. 256 MiB are written there and removed again.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data: PathBuf,
    /// Seconds for each of the 26 measurements.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = step_seconds)]
    pub seconds_per_step: f64,
    /// Evaluates the model from an earlier result instead of measuring.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Prints the result as one JSON object on the last line of standard output.
    #[arg(short = 'o', long, value_name = "json")]
    pub(crate) output: Option<crate::OutputFormat>,
}

/// A workload of one's own. Whatever is not given is as in W3.
#[derive(Clone, Debug, Default, Args)]
pub struct ShapeArgs {
    /// Body bytes of each record.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    record_bytes: Option<u64>,
    /// Records in each batch.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1000))]
    records_per_batch: Option<u64>,
    /// Batches that all producers together have sent without an ack.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    batches_in_flight: Option<u64>,
    /// Durable writes in flight, at most.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    commits_in_flight: Option<u32>,
    /// Cores that the server has.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    server_cores: Option<u32>,
    /// The load generator has other cores than the server.
    #[arg(long)]
    generator_apart: bool,
    /// How often the server copies each byte.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=16))]
    copies: Option<u32>,
    /// Counts the compression of chunks as the server's work.
    #[arg(long, value_enum)]
    compression: Option<Compression>,
}

impl LimitArgs {
    pub(super) fn step(&self) -> Duration {
        Duration::from_secs_f64(self.seconds_per_step)
    }
}

impl ShapeArgs {
    /// The shape, if any of it was given.
    pub(super) fn shape(&self, cores: u32) -> Option<Shape> {
        let w3 = Shape::w3(cores);
        let mut shape = Shape::new(
            self.record_bytes.unwrap_or(w3.record_bytes),
            self.records_per_batch.unwrap_or(w3.records_per_batch),
            self.batches_in_flight.unwrap_or(w3.batches_in_flight),
            self.server_cores.unwrap_or(cores),
        );
        shape.commits_in_flight = self.commits_in_flight.unwrap_or(shape.commits_in_flight);
        shape.copies = self.copies.unwrap_or(shape.copies);
        shape.compression = self.compression.unwrap_or(shape.compression);
        shape.generator_shares_cores = !self.generator_apart;
        (shape != w3).then_some(shape)
    }
}

fn step_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    let range = STEP_SECONDS_MIN..=STEP_SECONDS_MAX;
    if !range.contains(&seconds) {
        return Err(format!("{STEP_SECONDS_MIN} to {STEP_SECONDS_MAX} seconds are possible, not {text}"));
    }
    Ok(seconds)
}
