//! Catch-up reads: a stream is filled, moved into chunks, and read from 0 by 1, 8 and 32 readers.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use miette::miette;

use crate::catchup::{Readers, drop_page_cache, read_all};
use crate::measure::latencies::Kinds;
use crate::measure::meters::Meters;
use crate::measure::pressure::cpu_some_avg10;
use crate::measure::progress::{Moved, Progress};
use crate::measure::report::{Outcome, Read, Report};
use crate::measure::server::{ServerUse, watch_drain};
use crate::run::{RunOptions, load};
use crate::target::{Address, Target};
use crate::workload::{Pacing, Workload};

/// No fill takes longer.
const FILL_SECONDS_MAX: f64 = 3600.0;

#[derive(Clone, Debug, Args)]
pub struct CatchUpArgs {
    /// Catch-up cells: MiB to write before reading.
    #[arg(long, default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub mib: u64,
    /// Catch-up cells: how many readers at once, one round after the other.
    #[arg(long, default_values_t = [1, 8, 32], value_delimiter = ',', value_name = "N,..")]
    pub readers: Vec<usize>,
    /// Catch-up cells: drop the kernel's caches before each round (root only); for the broker's own, restart it before.
    #[arg(long)]
    pub cold: bool,
    /// Catch-up cells: how long to wait until all is in chunks; what is not by then is read from where it is.
    #[arg(long, default_value_t = 120, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub chunks_within: u64,
    /// Catch-up cells: read this basin's stream if it is there; else fill it and leave it there, for a later run.
    #[arg(long, value_name = "NAME")]
    pub basin: Option<String>,
}

pub async fn run(
    address: &Address,
    workload: &Workload,
    args: &CatchUpArgs,
    options: RunOptions,
) -> miette::Result<Outcome> {
    let target = match &args.basin {
        Some(basin) => Target::named(address, workload.storage, basin.clone()).await?,
        None => Target::fresh(address, workload.storage).await?,
    };
    let records = filled(&target, workload, args, options).await?;
    let pressure = cpu_some_avg10();
    let meters = Meters::start(&target.control, pressure).await?;
    let moved = Arc::new(Moved::default());
    let progress = Progress::show(workload.duration(), moved.clone());
    let mut rounds = Vec::new();
    for readers in &args.readers {
        if args.cold {
            drop_page_cache()?;
        }
        rounds.push(read_all(&target, *readers, records, &moved).await?);
    }
    drop(progress);
    let outcome = outcome(&target, workload, meters, rounds, options).await?;
    target.leave(options.keep || args.basin.is_some()).await?;
    Ok(outcome)
}

/// Writes until stream 0 has `mib`, unless something is there already; waits until it is in chunks. How many records it has.
pub async fn filled(
    target: &Target,
    workload: &Workload,
    args: &CatchUpArgs,
    options: RunOptions,
) -> miette::Result<u64> {
    target.create_streams(1).await?;
    let stream = target.stream(&target.control, 0)?;
    if stream.check_tail().await.map_err(crate::failed)?.seq_num == 0 {
        load(target, &fill(workload, args.mib), options, None).await?;
    }
    let start = ServerUse::read(&target.control).await?;
    let drain = watch_drain(&target.control, &start, Duration::from_secs(args.chunks_within)).await?;
    if !drain.is_complete {
        let left = drain.end.backlog_bytes().unwrap_or(0) >> 20;
        eprintln!("{left} MiB are not in chunks after {} s; they are read from where they are", args.chunks_within);
    }
    Ok(stream.check_tail().await.map_err(crate::failed)?.seq_num)
}

fn fill(workload: &Workload, mib: u64) -> Workload {
    let record_bytes = workload.record_bytes.max(1);
    Workload {
        streams: 1,
        producers: 1,
        depth: 8,
        batch_records: ((1 << 20) / (record_bytes + 8)).clamp(1, 1000),
        pacing: Pacing::Closed,
        consumers_per_stream: 0,
        warmup_seconds: 0.0,
        seconds: FILL_SECONDS_MAX,
        bytes_max: Some(mib << 20),
        ..workload.clone()
    }
}

/// `read` is the first round's; all of them are in `rounds`.
async fn outcome(
    target: &Target,
    workload: &Workload,
    meters: Meters,
    rounds: Vec<Readers>,
    options: RunOptions,
) -> miette::Result<Outcome> {
    let readings = meters.finish(&target.control, options.threads, 0).await?;
    let first = rounds.first().ok_or_else(|| miette!("no readers: --readers names at least one number"))?;
    let (mut kinds, mut all) = (Kinds::default(), crate::measure::server::Tally::default());
    for round in &rounds {
        kinds.read.merge(&round.first);
        all.merge(round.tally);
    }
    let mut report = Report::new(workload, first.elapsed, &readings, all);
    report.read = Some(Read::new(first.tally, first.elapsed, &kinds.read));
    report.extra.insert("rounds".to_owned(), serde_json::json!(rounds));
    Ok(Outcome { report, kinds, elapsed: rounds.iter().map(|round| round.elapsed).sum() })
}
