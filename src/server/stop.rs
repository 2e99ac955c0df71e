//! Stopping gracefully.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use riverrun_core::Event;

use super::Broker;
use super::mail::Mail;
use crate::gateway::Gateway;

/// How often somebody who waits for the stop is told what is left.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// How often a failure is looked for meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

pub(super) fn stop(broker: &mut Broker) -> Result<(), String> {
    broker.gateway.iter().for_each(Gateway::drain);
    broker.shards.iter().for_each(|shard| shard.post(Mail::Happened(Event::DrainRequested)));
    wait_until_drained(broker)?;
    broker.shards.iter().for_each(|shard| shard.post(Mail::Stop));
    for thread in broker.threads.drain(..) {
        thread.join().map_err(|_| "a shard's thread panicked".to_owned())?;
    }
    broker.end_journal_helper();
    broker.gateway.iter_mut().for_each(Gateway::end);
    let runtime = broker.runtime.take().expect("a broker is stopped once");
    let closed = runtime.block_on(broker.ownership.close());
    runtime.shutdown_background();
    match broker.failure.get() {
        Some(reason) => Err(reason),
        None => closed,
    }
}

fn wait_until_drained(broker: &Broker) -> Result<(), String> {
    let mut left = broker.shards.len();
    let mut said = Instant::now();
    while left > 0 {
        if let Some(reason) = broker.failure.get() {
            return Err(reason);
        }
        match broker.drained.recv_timeout(LOOK_INTERVAL) {
            Ok(_) => left -= 1,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("the shards ended before they were drained".to_owned()),
        }
        if said.elapsed() >= PROGRESS_INTERVAL {
            said = Instant::now();
            tracing::info!(unpublished_bytes = broker.shared.counter("unpublished_bytes"), "publishing before the end");
        }
    }
    Ok(())
}
