//! From whoever decides to the writer. Nobody waits for the audit stream: what finds the queue full is counted and
//! named in the next record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use riverrun_core::Now;
use riverrun_core::access::{AuditRecord, Decision};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::limits::Limits;

/// Records that wait to be written.
const QUEUE_RECORDS_MAX: usize = 4096;

#[derive(Clone, Debug)]
pub struct AuditSender {
    queue: Sender<AuditRecord>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    limits: Mutex<Limits>,
    dropped: AtomicU64,
}

/// The writer's end.
#[derive(Debug)]
pub struct AuditQueue {
    records: Receiver<AuditRecord>,
}

impl AuditQueue {
    /// Waits for a record and takes all that have gathered, up to `count_max`. False: nobody is left to send any.
    pub async fn take(&mut self, into: &mut Vec<AuditRecord>, count_max: usize) -> bool {
        self.records.recv_many(into, count_max).await > 0
    }
}

pub fn queue() -> (AuditSender, AuditQueue) {
    let (sender, records) = channel(QUEUE_RECORDS_MAX);
    (AuditSender { queue: sender, state: Arc::default() }, AuditQueue { records })
}

impl AuditSender {
    pub fn note(
        &self,
        now: Now,
        principal: String,
        operation: &'static str,
        resource: String,
        decision: Decision,
        address: String,
    ) {
        let suppressed = match decision {
            Decision::Allowed => Some(0),
            Decision::Denied => self.state.limits.lock().expect("no holder panics").admit(&principal, now.monotonic),
        };
        let Some(suppressed) = suppressed else { return };
        let suppressed = suppressed + self.state.dropped.swap(0, Ordering::Relaxed);
        let at_ms = now.wall_ms;
        let record = AuditRecord { at_ms, principal, operation, resource, decision, address, suppressed };
        if self.queue.try_send(record).is_err() {
            self.state.dropped.fetch_add(1 + suppressed, Ordering::Relaxed);
        }
    }

    /// These could not be written: the next record tells how many there were.
    pub fn lost(&self, records: &[AuditRecord]) {
        let count: u64 = records.iter().map(|record| 1 + record.suppressed).sum();
        self.state.dropped.fetch_add(count, Ordering::Relaxed);
    }
}
