//! `riverrun demo`: the main job, end to end, in one process, with a verdict.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use futures::StreamExt;
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, bail, miette};
use riverrun_client::{
    AppendBatch, AppendSessionConfig, BasinOptions, Client, ClientConfig, ReadOptions, Record, StreamHandle,
};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::serve;
use crate::server::Broker;

#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Lines of the generated log.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    lines: u64,
    /// Leave the broker serving afterwards, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Where to listen  [default: a free port]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Seed of the generated log.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const BASIN: &str = "riverrun-demo";
const STREAM: &str = "access-log";
const BATCH_RECORDS: u64 = 100;
/// Followers give up when nothing new came for this long: then the verdict is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the demo.
///
/// # Errors
/// The broker could not start, or a follower saw something else than what was acknowledged.
pub fn run(args: &DemoArgs) -> miette::Result<()> {
    serve::start_logging();
    let folder = tempfile::tempdir().into_diagnostic()?;
    let listen = args.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = Config { listen, data: folder.path().join("data"), ..Config::default() };
    let broker = Broker::start(config).map_err(|error| serve::report(&error))?;
    serve::print_banner(&broker);
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| miette!("cannot start the clients: {error}"))?;
    runtime.block_on(show(&broker, args))?;
    if args.keep {
        println!("left serving on {} until Ctrl-C; its data go with it", broker.addr());
        serve::wait(&broker)?;
    }
    broker.stop().map_err(|reason| miette!("the broker did not stop cleanly: {reason}"))
}

async fn show(broker: &Broker, args: &DemoArgs) -> miette::Result<()> {
    let client = Client::connect(broker.addr().to_string(), ClientConfig::default()).await.into_diagnostic()?;
    client.create_basin(BASIN, BasinOptions::default()).await.into_diagnostic()?;
    client.create_stream(BASIN, STREAM).await.into_diagnostic()?;
    let stream = client.stream(BASIN, STREAM).into_diagnostic()?;

    println!("producing {} log lines; one follower is live from the start", args.lines);
    let live = follow("live", &stream, ReadOptions::from_tail(0), 0, args.lines);
    let mut acks = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("bounds and digits are in range");
    let begun = Instant::now();
    let half = args.lines / 2;
    produce(&stream, args.seed, 0..half, &mut acks).await?;

    // Midway: one replays from the beginning, one starts at the timestamp of a record in the middle of what is there.
    let middle = half / 2;
    let record = read_one(&stream, middle).await?;
    let replay = follow("replay", &stream, ReadOptions::from_seq_num(0), 0, args.lines);
    let first = first_at(&stream, record).await?;
    let timed = follow("by time", &stream, ReadOptions::from_timestamp(record), first, args.lines);
    println!("half is in: another follower replays from 0, a third starts at timestamp {record}");
    produce(&stream, args.seed, half..args.lines, &mut acks).await?;
    let produced = begun.elapsed();

    let mut failures = 0;
    for follower in [live, replay, timed] {
        let seen = follower.await.into_diagnostic()??;
        println!(
            "  {:8} {} records, {}",
            seen.name,
            seen.records,
            if seen.faultless { "in order, none missing" } else { "WRONG" }
        );
        failures += u32::from(!seen.faultless);
    }
    print_acks(&acks, args.lines, produced);
    if failures > 0 {
        bail!("{failures} of 3 followers saw something else than what was acknowledged");
    }
    println!("verdict: every acknowledged record was seen by every follower, once and in order");
    Ok(())
}

/// Line `number` of the log that `seed` generates.
fn line(seed: u64, number: u64) -> String {
    let mix = (number ^ seed.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let path = ["/", "/cart", "/checkout", "/api/v1/items"][(mix >> 60) as usize % 4];
    let status = [200, 200, 200, 301, 404, 500][(mix >> 40) as usize % 6];
    format!(
        "10.0.{}.{} - - \"GET {path} HTTP/1.1\" {status} {} #{number}",
        mix & 255,
        mix >> 8 & 255,
        mix >> 16 & 65535
    )
}

async fn produce(
    stream: &StreamHandle,
    seed: u64,
    lines: std::ops::Range<u64>,
    acks: &mut Histogram<u64>,
) -> miette::Result<()> {
    let session = stream.append_session_with(AppendSessionConfig::default()).await.into_diagnostic()?;
    let progress = progress(lines.end - lines.start);
    let mut waiting = std::collections::VecDeque::new();
    for first in lines.clone().step_by(BATCH_RECORDS as usize) {
        let end = (first + BATCH_RECORDS).min(lines.end);
        let records: Vec<Record> = (first..end).map(|n| Record::new(line(seed, n))).collect();
        let batch = AppendBatch::encode(&records).into_diagnostic()?;
        let submitted = Instant::now();
        waiting.push_back((submitted, session.submit_batch(batch).await.into_diagnostic()?));
        while waiting.len() > 8 || (end == lines.end && !waiting.is_empty()) {
            let Some((submitted, ticket)) = waiting.pop_front() else { break };
            ticket.await.into_diagnostic()?;
            acks.saturating_record(submitted.elapsed().as_micros() as u64);
            progress.inc(BATCH_RECORDS);
        }
    }
    progress.finish_and_clear();
    session.close().await.into_diagnostic()
}

fn progress(records: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} records").expect("a sound template");
    ProgressBar::new(records).with_style(style)
}

/// The timestamp of one record.
async fn read_one(stream: &StreamHandle, seq_num: u64) -> miette::Result<u64> {
    let read = stream.read(ReadOptions::from_seq_num(seq_num).count(1)).await.into_diagnostic()?;
    let record = read.records().next().ok_or_else(|| miette!("record {seq_num} is missing"))?.into_diagnostic()?;
    Ok(record.timestamp)
}

/// The number of the first record with this timestamp, by asking for it alone.
async fn first_at(stream: &StreamHandle, timestamp: u64) -> miette::Result<u64> {
    let read = stream.read(ReadOptions::from_timestamp(timestamp).count(1)).await.into_diagnostic()?;
    let record = read.records().next().ok_or_else(|| miette!("no record at {timestamp}"))?.into_diagnostic()?;
    Ok(record.seq_num)
}

struct Seen {
    name: &'static str,
    records: u64,
    faultless: bool,
}

/// Follows from `start` until record `end - 1`, checking numbers and contents.
fn follow(
    name: &'static str,
    stream: &StreamHandle,
    start: ReadOptions,
    first: u64,
    end: u64,
) -> JoinHandle<miette::Result<Seen>> {
    let stream = stream.clone();
    tokio::spawn(async move {
        let mut session = stream.read_session(start).await.into_diagnostic()?;
        let mut seen = Seen { name, records: 0, faultless: true };
        let mut expected = first;
        while expected < end {
            let next = tokio::time::timeout(PATIENCE, session.next()).await;
            let Ok(Some(record)) = next else { break };
            let record = record.into_diagnostic()?;
            let number = std::str::from_utf8(&record.body).ok().and_then(|body| body.rsplit('#').next()?.parse().ok());
            seen.faultless &= record.seq_num == expected && number == Some(expected);
            seen.records += 1;
            expected += 1;
        }
        seen.faultless &= expected == end;
        Ok(seen)
    })
}

fn print_acks(acks: &Histogram<u64>, lines: u64, took: Duration) {
    let micros = |quantile| acks.value_at_quantile(quantile);
    println!(
        "{lines} records acknowledged in {:.2} s, batches of {BATCH_RECORDS}, up to 9 in flight",
        took.as_secs_f64()
    );
    println!(
        "  ack us   p50 {}  p90 {}  p99 {}  p99.9 {}  max {}",
        micros(0.5),
        micros(0.9),
        micros(0.99),
        micros(0.999),
        acks.max()
    );
}
