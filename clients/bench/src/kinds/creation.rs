//! Create, open and first append on streams that are not there: one call each, as many at a time as the producers' windows allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use miette::miette;
use riverrun_client::{AppendBatch, Client};

use crate::clock::Clock;
use crate::failed;
use crate::measure::latencies::Kinds;
use crate::measure::meters::Meters;
use crate::measure::pressure::cpu_some_avg10;
use crate::measure::progress::{Moved, Progress};
use crate::measure::report::{Append, Outcome, Report};
use crate::measure::server::Tally;
use crate::records::{Feed, Pool};
use crate::run::RunOptions;
use crate::target::{Address, Target, handle};
use crate::workload::{Pick, Workload};

pub async fn run(address: &Address, workload: &Workload, options: RunOptions) -> miette::Result<Outcome> {
    let target = Target::fresh(address, workload.storage).await?;
    let clients = address.connect_all(workload.producers as usize).await?;
    let one = Workload { batch_records: 1, pick: Pick::Uniform, consumers_per_stream: 0, ..workload.clone() };
    let pool = Arc::new(Pool::new(&one)?);
    let batch = Feed::of_producer(&pool, 0, 1).next(&[0])?;
    let meters = Meters::start(&target.control, cpu_some_avg10()).await?;
    let moved = Arc::new(Moved::default());
    let progress = Progress::show(workload.duration(), moved.clone());
    let (clock, next) = (Clock::start(), Arc::new(AtomicU32::new(0)));
    let callers = clients.into_iter().flat_map(|client| (0..workload.depth).map(move |_| client.clone()));
    let tasks = callers.map(|client| {
        let (batch, bytes) = (batch.batch.clone(), batch.body_bytes);
        let caller = Caller { client, basin: target.basin().to_owned(), batch, bytes, clock, moved: moved.clone() };
        tokio::spawn(caller.create_until(next.clone(), workload.streams))
    });
    let done = try_join_all(tasks).await.map_err(|error| miette!("a caller failed: {error}"))?;
    let elapsed = Duration::from_nanos(clock.now_ns());
    drop(progress);
    let mut kinds = Kinds::default();
    for outcome in done {
        kinds.merge(&outcome?);
    }
    let readings = meters.finish(&target.control, options.threads, 0).await?;
    let streams = u64::from(workload.streams);
    let tally = Tally { batches: streams, records: streams, bytes: streams * batch.body_bytes };
    let mut report = Report::new(workload, elapsed, &readings, tally);
    report.append = Some(Append::new(tally, elapsed, 0, &kinds));
    report.extra.insert("streams_per_s".to_owned(), serde_json::json!(streams as f64 / elapsed.as_secs_f64()));
    target.leave(options.keep).await?;
    Ok(Outcome { report, kinds, elapsed })
}

#[derive(Debug)]
struct Caller {
    client: Client,
    basin: String,
    batch: AppendBatch,
    bytes: u64,
    clock: Clock,
    moved: Arc<Moved>,
}

impl Caller {
    /// Takes one number after the other, for as long as there are any.
    async fn create_until(self, next: Arc<AtomicU32>, streams: u32) -> miette::Result<Kinds> {
        let mut kinds = Kinds::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= streams {
                return Ok(kinds);
            }
            let asked_ns = self.clock.now_ns();
            let stream = handle(&self.client, &self.basin, number)?;
            let ack = stream.append_batch(&self.batch).await.map_err(failed)?;
            if ack.start.seq_num != 0 {
                return Err(miette!("stream {number} is new, and its first record's number is {}", ack.start.seq_num));
            }
            kinds.ack.record_ns(self.clock.now_ns() - asked_ns);
            self.moved.appended_bytes.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }
}
