//! What small questions take while the broker is half busy: check-tail, and the first byte of a read of fresh records.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use miette::miette;
use riverrun_client::{ReadOptions, StreamHandle};
use tokio::task::JoinSet;

use super::live::{finish, outcome};
use crate::clock::{Alarm, Clock};
use crate::failed;
use crate::measure::report::Outcome;
use crate::measure::server::{Tally, settle};
use crate::own_thread::on_own_thread;
use crate::run::{Beside, BesideDone, Run, RunOptions, load};
use crate::target::{Address, Target, handle};
use crate::workload::{Pacing, Workload};

/// Of each of the two questions; few enough to be no load of their own.
const PROBES_PER_S: u64 = 100;
/// How far behind the tail a read begins, at most: what was written within the last seconds.
const BEHIND_TAIL_RECORDS: u64 = 2000;
const CALIBRATION_SECONDS: f64 = 2.0;
pub const SETTLE_PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(
    address: &Address,
    workload: &Workload,
    options: RunOptions,
    has_rate: bool,
) -> miette::Result<Outcome> {
    let workload = half_of_maximum(address, workload, options, has_rate).await?;
    let target = Target::fresh(address, workload.storage).await?;
    target.create_streams(workload.streams).await?;
    let (asker, basin) = (address.clone(), target.basin().to_owned());
    let probing: Beside = Box::new(move |run| on_own_thread("probe", move || ask_until_end(run, asker, basin)).boxed());
    let load = load(&target, &workload, options, Some(probing)).await?;
    let mut outcome = outcome(&workload, &load);
    finish(&target, &mut outcome, &load, options).await?;
    target.leave(options.keep).await?;
    Ok(outcome)
}

/// At the rate that was given, else at half of what a closed loop of the same shape reaches.
pub async fn half_of_maximum(
    address: &Address,
    workload: &Workload,
    options: RunOptions,
    has_rate: bool,
) -> miette::Result<Workload> {
    if has_rate {
        return Ok(workload.clone());
    }
    let closed = Workload {
        pacing: Pacing::Closed,
        seconds: CALIBRATION_SECONDS,
        consumers_per_stream: 0,
        // Deep enough to be the maximum, and no deeper than the window of the open loop.
        depth: workload.depth.min(8),
        ..workload.clone()
    };
    let target = Target::fresh(address, workload.storage).await?;
    target.create_streams(workload.streams).await?;
    let load = load(&target, &closed, RunOptions { verify: false, ..options }, None).await?;
    // What the maximum left behind would take the broker's cores from what is measured next.
    settle(&target.control, SETTLE_PATIENCE).await?;
    target.leave(false).await?;
    let rate = load.appended.records as f64 / load.elapsed.as_secs_f64() / 2.0;
    eprintln!("half of the maximum: {rate:.0} records/s (--rate names another)");
    Ok(Workload { rate, ..workload.clone() })
}

/// An open loop of its own: what a question takes is from when it was meant to be asked, and a slow answer keeps nobody else from
/// asking. In a loop that waits for each answer, one stall of 50 ms would count again and again in all that follow it.
async fn ask_until_end(run: Arc<Run>, address: Address, basin: String) -> miette::Result<BesideDone> {
    let client = address.connect().await?;
    let stream = handle(&client, &basin, 0)?;
    let mut alarm = Alarm::new()?;
    let mut asking = JoinSet::new();
    let interval_ns = 1_000_000_000 / PROBES_PER_S;
    for asked_ns in (run.from_ns..run.end_ns).step_by(interval_ns as usize) {
        alarm.until(run.clock, asked_ns).await;
        asking.spawn(ask(run.clock, asked_ns, stream.clone()));
    }
    let mut done = BesideDone::default();
    for asked in asking.join_all().await {
        let Asked { check_tail_ns, read } = asked?;
        done.kinds.check_tail.record_ns(check_tail_ns);
        if let Some((read_ns, records)) = read {
            done.kinds.read.record_ns(read_ns);
            done.read.merge(Tally { batches: 1, records, bytes: 0 });
        }
    }
    Ok(done)
}

/// What one probe's two questions took, kept until the end: a few numbers, where histograms would be tens of kilobytes.
#[derive(Debug)]
struct Asked {
    check_tail_ns: u64,
    /// And how many records it brought; `None` where nothing was written yet.
    read: Option<(u64, u64)>,
}

async fn ask(clock: Clock, asked_ns: u64, stream: StreamHandle) -> miette::Result<Asked> {
    let tail = stream.check_tail().await.map_err(failed)?.seq_num;
    let check_tail_ns = clock.now_ns() - asked_ns;
    let from = ReadOptions::from_seq_num(tail.saturating_sub(BEHIND_TAIL_RECORDS)).count(1);
    let read_ns = clock.now_ns();
    let read = match stream.read(from.clamp(true)).await {
        Ok(read) => Some((clock.now_ns() - read_ns, read.record_count())),
        Err(_) if tail == 0 => None,
        Err(error) => return Err(miette!("a fresh read failed: {}", failed(error))),
    };
    Ok(Asked { check_tail_ns, read })
}
