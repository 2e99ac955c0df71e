//! The load generator behind `riverrun bench`, first form: how fast one producer's records become durable, and how long one record
//! takes. Closed loop; latencies are from submission to ack, on one clock, in HdrHistograms.
#![forbid(unsafe_code)]

mod latency;
pub mod limit;
pub mod plot;
mod records;
mod report;
mod report_files;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use miette::miette;
use riverrun_client::{BasinOptions, Client, ClientConfig, ErrorCode, StreamHandle, Token};

#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    workload: Workload,
}

#[derive(Clone, Debug, Subcommand)]
enum Workload {
    /// One producer, 1 KiB JSON records (zstd finds about 2.7:1), batches near 1 MiB, pipelined, durable acks.
    Throughput(WorkloadArgs),
    /// One record in one batch at a time; the next when the ack is there.
    Latency(WorkloadArgs),
    /// Measures what this machine can do without the broker, and what follows from it for durable appends. Needs no broker.
    Limit(limit::LimitArgs),
    /// Lays the latency curves of two runs over each other. Needs no broker.
    Report(report_files::ReportArgs),
}

#[derive(Clone, Debug, Args)]
struct WorkloadArgs {
    /// How long to produce.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Body bytes of each record.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..=1_000_000))]
    record_bytes: u32,
    /// Batches in flight (throughput).
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    depth: u32,
    /// Seed of the records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the histogram of ack latencies (microseconds) here, in HdrHistogram's interval-log format.
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Prints the result as one JSON object on the last line of standard output.
    #[arg(short = 'o', long, value_name = "json")]
    output: Option<OutputFormat>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OutputFormat {
    Json,
}

impl WorkloadArgs {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// The basin that benchmarks write to; made if missing.
const BASIN: &str = "riverrun-bench";

/// Runs a workload against the broker at `addr`.
///
/// # Errors
/// The broker cannot be reached, refuses, or acknowledged something else than what was sent.
pub fn run(addr: &str, token: Option<Token>, args: &BenchArgs) -> miette::Result<()> {
    match &args.workload {
        Workload::Limit(args) => return limit::run(args),
        Workload::Report(args) => return report_files::run(args),
        Workload::Throughput(_) | Workload::Latency(_) => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| miette!("cannot start the load generator: {error}"))?;
    runtime.block_on(async {
        let config = ClientConfig { token, ..ClientConfig::default() };
        let client = Client::connect(addr, config).await.map_err(failed)?;
        match &args.workload {
            Workload::Throughput(args) => throughput::run(&client, args).await,
            Workload::Latency(args) => latency::run(&client, args).await,
            Workload::Limit(_) | Workload::Report(_) => Ok(()),
        }
    })
}

/// A fresh stream, so that a run starts at sequence number 0.
async fn fresh_stream(client: &Client, workload: &str) -> miette::Result<StreamHandle> {
    match client.create_basin(BASIN, BasinOptions::default()).await {
        Ok(_) => {}
        Err(error) if error.code() == Some(ErrorCode::AlreadyExists) => {}
        Err(error) => return Err(failed(error)),
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let name = format!("{workload}-{now}");
    client.create_stream(BASIN, &name).await.map_err(failed)?;
    client.stream(BASIN, &name).map_err(failed)
}

fn failed(error: riverrun_client::Error) -> miette::Report {
    let advice = error.advice();
    miette!(help = advice, "{error}")
}
