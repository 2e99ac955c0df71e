//! The load generator behind `riverrun bench`: workloads as plain data, open and closed loops, latencies on one clock in
//! HdrHistograms, and what broker, generator and machine did meanwhile. How to use it and what the numbers mean:
//! docs/BENCHMARKS.md.
//!
//! The way of a record: a `schedule` says when it is meant to go, a `source` gathers what is due, a `picker` chooses the stream, a
//! `feed` makes the batch, a `producer` sends it and waits for the ack, a `consumer` sees it arrive. A `run` puts them on one
//! clock, `kinds` are the ways to use a run, `measure` is what comes out.
#![forbid(unsafe_code)]

mod catchup;
mod cells;
mod clock;
mod compare;
mod consumer;
mod flags;
mod fraction;
pub mod json_record;
mod kinds;
pub mod limit;
mod measure;
mod own_thread;
mod pick;
pub mod plot;
mod producer;
mod records;
mod report_files;
mod run;
mod schedule;
mod source;
mod stamp;
mod target;
mod verify;
mod workload;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use miette::miette;
use riverrun_client::Token;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use cells::{Kind, cell};
use compare::CompareArgs;
use flags::WorkloadFlags;
use kinds::catch_up::CatchUpArgs;
use limit::Measured;
use measure::report::Outcome;
use run::RunOptions;
use target::Address;
use workload::Workload;

#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum BenchCommand {
    /// Run a named cell; every flag of `workload` changes it.
    Run(RunArgs),
    /// Run a workload made of flags.
    Workload(LoadArgs),
    /// List the named cells.
    Cells,
    /// Run a cell on two brokers in turns, and print ratios with an interval.
    Compare(CompareArgs),
    /// Measures what this machine can do without the broker, and what follows from it for durable appends. Needs no broker.
    Limit(limit::LimitArgs),
    /// Lays the latency curves of two runs over each other. Needs no broker.
    Report(report_files::ReportArgs),
    /// The cell `single`: one producer, pipelined.
    Throughput(LoadArgs),
    /// The cell W0: one record at a time.
    Latency(LoadArgs),
}

#[derive(Clone, Debug, Args)]
struct RunArgs {
    /// Which cell: `riverrun bench cells` lists them.
    cell: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    catch_up: CatchUpArgs,
    /// W12: the broker's process id, to read its memory.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
}

#[derive(Clone, Debug, Args)]
struct LoadArgs {
    #[command(flatten)]
    workload: WorkloadFlags,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct OutputArgs {
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Read everything back afterwards and compare it with what was sent.
    #[arg(long)]
    verify: bool,
    /// Leave the streams in the broker.
    #[arg(long)]
    keep: bool,
    /// How long to watch the backlog drain behind the last ack; 0 does not.
    #[arg(long, default_value_t = 2, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=3600))]
    drain_seconds: u64,
    /// What `bench limit -o json` printed on this machine: the result says which fraction of that it is.
    #[arg(long, value_name = "FILE")]
    limit: Option<PathBuf>,
    /// Writes the histograms (microseconds, one tag per kind) here, in HdrHistogram's interval-log format.
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

impl LoadArgs {
    fn applied(&self, mut workload: Workload) -> miette::Result<Workload> {
        self.workload.apply(&mut workload);
        workload.check()?;
        Ok(workload)
    }
}

impl OutputArgs {
    fn options(&self) -> RunOptions {
        let (threads, drain) = (usize::from(self.threads), Duration::from_secs(self.drain_seconds));
        RunOptions { threads, verify: self.verify, keep: self.keep, drain }
    }

    fn show(&self, mut outcome: Outcome) -> miette::Result<()> {
        if let Some(file) = &self.limit {
            outcome.report.limit.fraction = fraction::of(&outcome.report, &Measured::read(file)?);
        }
        print!("{}", outcome.report.text());
        if let Some(path) = &self.hlog {
            outcome.kinds.write_hlog(path, outcome.elapsed)?;
        }
        if self.output.is_some() {
            println!("{}", outcome.report.json());
        }
        Ok(())
    }
}

/// Runs a workload against the broker at `addr`.
///
/// # Errors
/// The broker cannot be reached, refuses, or acknowledged or delivered something else than what was sent.
pub fn run(addr: &str, token: Option<Token>, args: &BenchArgs) -> miette::Result<()> {
    raise_descriptors();
    let address = Address { addr: addr.to_owned(), token };
    match &args.command {
        BenchCommand::Cells => {
            print!("{}", cells::list());
            Ok(())
        }
        BenchCommand::Limit(args) => limit::run(args),
        BenchCommand::Report(args) => report_files::run(args),
        BenchCommand::Compare(args) => compare::run(address.token.as_ref(), args),
        BenchCommand::Run(args) => run_cell(&address, args),
        BenchCommand::Workload(args) => run_live(&address, Workload::default(), args),
        BenchCommand::Throughput(args) => run_live(&address, cell("single")?.workload(), args),
        BenchCommand::Latency(args) => run_live(&address, cell("W0")?.workload(), args),
    }
}

fn run_cell(address: &Address, args: &RunArgs) -> miette::Result<()> {
    let cell = cell(&args.cell)?;
    let (workload, options) = (args.load.applied(cell.workload())?, args.load.output.options());
    let has_rate = args.load.workload.has_rate();
    let outcome = on_runtime(options.threads, async {
        match cell.kind {
            Kind::Live => kinds::live::run(address, &workload, options).await,
            Kind::Probe => kinds::probe::run(address, &workload, options, has_rate).await,
            Kind::CatchUp => kinds::catch_up::run(address, &workload, &args.catch_up, options).await,
            Kind::UnderCatchUp => {
                kinds::under_catch_up::run(address, &workload, &args.catch_up, options, has_rate).await
            }
            Kind::Idle => kinds::idle::run(address, &workload, options, args.server_pid).await,
            Kind::Creation => kinds::creation::run(address, &workload, options).await,
        }
    })?;
    args.load.output.show(outcome)
}

fn run_live(address: &Address, workload: Workload, args: &LoadArgs) -> miette::Result<()> {
    let (workload, options) = (args.applied(workload)?, args.output.options());
    let outcome = on_runtime(options.threads, kinds::live::run(address, &workload, options))?;
    args.output.show(outcome)
}

/// A connection for each of a thousand consumers is more than most shells allow; where it cannot be raised, connecting says so.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// With one thread it is this one, so that what the generator uses is plain to see.
fn on_runtime<T>(threads: usize, work: impl Future<Output = miette::Result<T>>) -> miette::Result<T> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|error| miette!("cannot start the load generator: {error}"))?;
    runtime.block_on(work)
}

fn failed(error: riverrun_client::Error) -> miette::Report {
    let advice = error.advice();
    miette!(help = advice, "{error}")
}
