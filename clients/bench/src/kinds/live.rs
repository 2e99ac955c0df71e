//! Producers and live consumers.

use std::time::Duration;

use crate::measure::report::{Append, Outcome, Read, Report};
use crate::measure::server::{settle, watch_drain};
use crate::run::{Load, RunOptions, load};
use crate::target::{Address, Target};
use crate::verify::verify;
use crate::workload::Workload;

/// What an earlier run left to do is not to be counted as this one's.
const SETTLE_PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(address: &Address, workload: &Workload, options: RunOptions) -> miette::Result<Outcome> {
    let target = Target::fresh(address, workload.storage).await?;
    target.create_streams(workload.streams).await?;
    settle(&target.control, SETTLE_PATIENCE).await?;
    let load = load(&target, workload, options, None).await?;
    let mut outcome = outcome(workload, &load);
    finish(&target, &mut outcome, &load, options).await?;
    target.leave(options.keep).await?;
    Ok(outcome)
}

/// What a load says without anything behind it.
pub fn outcome(workload: &Workload, load: &Load) -> Outcome {
    let mut report = Report::new(workload, load.elapsed, &load.readings, load.appended);
    report.append = Some(Append::new(load.appended, load.elapsed, load.unsent_records, &load.kinds));
    if load.delivered.records > 0 {
        report.read = Some(Read::new(load.delivered, load.elapsed, &load.kinds.read));
    }
    report.add_kinds(&load.kinds);
    Outcome { report, kinds: load.kinds.clone(), elapsed: load.elapsed }
}

/// Watches the backlog, and reads back what was written if that is asked for.
pub async fn finish(target: &Target, outcome: &mut Outcome, load: &Load, options: RunOptions) -> miette::Result<()> {
    if options.drain > Duration::ZERO {
        let drain = watch_drain(&target.control, &load.readings.server_after, options.drain).await?;
        outcome.report.add_drain(&load.readings, &drain, load.appended);
    }
    if options.verify {
        outcome.report.verified_records = Some(verify(target, &load.digests).await?);
    }
    Ok(())
}
