//! The tail under catch-up: the same open loop twice, alone, and then while old records are read cold at maximum speed.

use std::sync::Arc;

use futures::FutureExt;

use super::catch_up::{CatchUpArgs, filled};
use super::live::{finish, outcome};
use super::probe::{SETTLE_PATIENCE, half_of_maximum};
use crate::catchup::{Reader, drop_page_cache};
use crate::measure::report::Outcome;
use crate::measure::server::settle;
use crate::own_thread::on_own_thread;
use crate::run::{Beside, BesideDone, Run, RunOptions, load};
use crate::target::{Address, Target};
use crate::workload::Workload;

pub async fn run(
    address: &Address,
    workload: &Workload,
    args: &CatchUpArgs,
    options: RunOptions,
    has_rate: bool,
) -> miette::Result<Outcome> {
    let old = match &args.basin {
        Some(basin) => Target::named(address, workload.storage, basin.clone()).await?,
        None => Target::fresh(address, workload.storage).await?,
    };
    let records = filled(&old, workload, args, options).await?;
    let workload = half_of_maximum(address, workload, options, has_rate).await?;
    let alone = once(address, &workload, options, None).await?;
    let client = address.connect().await?;
    settle(&client, SETTLE_PATIENCE).await?;
    let (reader, basin) = (address.clone(), old.basin().to_owned());
    if args.cold {
        // Not while latencies are measured: it takes this process seconds, which would count as the broker's.
        drop_page_cache()?;
    }
    let reads: Beside =
        Box::new(move |run| on_own_thread("catch-up", move || catch_up_until_end(run, reader, basin, records)).boxed());
    let mut beside = once(address, &workload, options, Some(reads)).await?;
    let before = alone.report.append.as_ref().map(|append| append.ack_us);
    beside.report.extra.insert("ack_us_alone".to_owned(), serde_json::json!(before));
    old.leave(options.keep || args.basin.is_some()).await?;
    Ok(beside)
}

async fn once(
    address: &Address,
    workload: &Workload,
    options: RunOptions,
    beside: Option<Beside>,
) -> miette::Result<Outcome> {
    let target = Target::fresh(address, workload.storage).await?;
    target.create_streams(workload.streams).await?;
    let load = load(&target, workload, options, beside).await?;
    let mut outcome = outcome(workload, &load);
    finish(&target, &mut outcome, &load, options).await?;
    target.leave(options.keep).await?;
    Ok(outcome)
}

async fn catch_up_until_end(
    run: Arc<Run>,
    address: Address,
    basin: String,
    records: u64,
) -> miette::Result<BesideDone> {
    let client = address.connect().await?;
    let mut done = BesideDone::default();
    run.clock.sleep_until(run.from_ns).await;
    while run.clock.now_ns() < run.end_ns {
        let reader = Reader { client: client.clone(), basin: basin.clone(), records, moved: run.moved.clone() };
        tokio::select! {
            outcome = reader.read() => {
                let (read, first_ns) = outcome?;
                done.read.merge(read);
                done.kinds.read.record_ns(first_ns);
            }
            // What is under way at the end is not counted.
            () = run.clock.sleep_until(run.end_ns) => {}
        }
    }
    Ok(done)
}
