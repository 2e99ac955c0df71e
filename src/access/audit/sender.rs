//! From whoever decides to the writer. Nobody waits for the audit stream: what finds the queue full is counted and
//! named in the next record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use riverrun_core::Now;
use riverrun_core::access::{AuditRecord, Decision};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::limits::{CHANGES, DENIED, LOOKS, Limits};

/// Records that wait to be written.
const QUEUE_RECORDS_MAX: usize = 4096;
/// Of these for denied calls alone: whoever may do something must not hide behind it what it may not.
const QUEUE_DENIED_RECORDS: usize = 1024;

/// What was asked, and decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Allowed, and it changes something.
    Change,
    /// Allowed, and it changes nothing.
    Look,
    Denied,
}

/// Who asked for what to be done to what, and from where.
#[derive(Clone, Debug)]
pub struct Call {
    pub principal: String,
    pub operation: &'static str,
    pub resource: String,
    pub kind: Kind,
    pub address: String,
}

#[derive(Clone, Debug)]
pub struct AuditSender {
    queue: Sender<AuditRecord>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    changes: Mutex<Limits>,
    looks: Mutex<Limits>,
    denied: Mutex<Limits>,
    dropped: AtomicU64,
}

impl State {
    fn new() -> Self {
        let limits = |rate| Mutex::new(Limits::new(rate));
        Self { changes: limits(CHANGES), looks: limits(LOOKS), denied: limits(DENIED), dropped: AtomicU64::new(0) }
    }

    fn limits(&self, kind: Kind) -> &Mutex<Limits> {
        match kind {
            Kind::Change => &self.changes,
            Kind::Look => &self.looks,
            Kind::Denied => &self.denied,
        }
    }
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
    (AuditSender { queue: sender, state: Arc::new(State::new()) }, AuditQueue { records })
}

impl AuditSender {
    /// A call of the control plane has ended. One that was refused as it stood had no effect and is nobody's business; what was
    /// denied while it was carried out, because more was asked for than the asker has, is recorded as denied.
    pub fn ended(&self, now: Now, call: Call, outcome: Result<(), &ErrorFrame>) {
        match outcome {
            Err(error) if matches!(error.code, ErrorCode::PermissionDenied | ErrorCode::Authn) => {
                self.note(now, Call { kind: Kind::Denied, ..call });
            }
            Err(error) if error.outcome == Outcome::NotDone => {}
            Ok(()) | Err(_) => self.note(now, call),
        }
    }

    pub fn note(&self, now: Now, call: Call) {
        let Call { principal, operation, resource, kind, address } = call;
        let limits = self.state.limits(kind);
        let admitted = limits.lock().expect("no holder panics").admit(&principal, now.monotonic);
        let Some(suppressed) = admitted else { return };
        let suppressed = suppressed + self.state.dropped.swap(0, Ordering::Relaxed);
        let decision = if kind == Kind::Denied { Decision::Denied } else { Decision::Allowed };
        let at_ms = now.wall_ms;
        let record = AuditRecord { at_ms, principal, operation, resource, decision, address, suppressed };
        let has_room = kind == Kind::Denied || self.queue.capacity() > QUEUE_DENIED_RECORDS;
        if !has_room || self.queue.try_send(record).is_err() {
            self.state.dropped.fetch_add(1 + suppressed, Ordering::Relaxed);
        }
    }

    /// These could not be written: the next record tells how many there were.
    pub fn lost(&self, records: &[AuditRecord]) {
        let count: u64 = records.iter().map(|record| 1 + record.suppressed).sum();
        self.state.dropped.fetch_add(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(sender: &AuditSender, principal: usize, kind: Kind) {
        sender.note(Now::default(), call(principal, kind));
    }

    fn call(principal: usize, kind: Kind) -> Call {
        let (principal, resource) = (principal.to_string(), "the account".to_owned());
        Call { principal, operation: "none", resource, kind, address: String::new() }
    }

    #[tokio::test]
    async fn what_is_recorded_of_a_call_is_what_became_of_it() {
        let (sender, mut queue) = queue();
        let failed = |code, outcome| Err(ErrorFrame { outcome, ..ErrorFrame::new(code, "") });
        for (outcome, recorded) in [
            (Ok(()), Some(Decision::Allowed)),
            (failed(ErrorCode::AlreadyExists, Outcome::NotDone), None),
            (failed(ErrorCode::Overloaded, Outcome::NotDone), None),
            (failed(ErrorCode::Unavailable, Outcome::MaybeDone), Some(Decision::Allowed)),
            (failed(ErrorCode::PermissionDenied, Outcome::NotDone), Some(Decision::Denied)),
            (failed(ErrorCode::Authn, Outcome::NotDone), Some(Decision::Denied)),
        ] {
            sender.ended(Now::default(), call(0, Kind::Change), outcome.as_ref().copied());
            note(&sender, 1, Kind::Look);
            let mut records = Vec::new();
            assert!(queue.take(&mut records, 10).await);
            let of_call = records.iter().find(|record| record.principal == "0").map(|record| record.decision);
            assert_eq!(of_call, recorded, "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_queue_full_of_allowed_calls_has_room_for_denied_ones_and_every_one_left_out_is_counted() {
        let (sender, mut queue) = queue();
        let allowed = 2 * QUEUE_RECORDS_MAX;
        (0..allowed).for_each(|_| note(&sender, 0, Kind::Change));
        (0..QUEUE_DENIED_RECORDS).for_each(|n| note(&sender, n, Kind::Denied));
        let mut records = Vec::new();
        assert!(queue.take(&mut records, QUEUE_RECORDS_MAX).await);
        let denied = records.iter().filter(|record| record.decision == Decision::Denied).count();
        assert_eq!((records.len(), denied), (QUEUE_RECORDS_MAX, QUEUE_DENIED_RECORDS));
        let left_out: u64 = records.iter().map(|record| record.suppressed).sum();
        assert_eq!(left_out as usize, allowed + QUEUE_DENIED_RECORDS - QUEUE_RECORDS_MAX);
    }

    #[tokio::test]
    async fn whoever_lists_without_end_is_recorded_a_hundred_times_and_its_changes_all_the_same() {
        let (sender, mut queue) = queue();
        (0..2000).for_each(|_| note(&sender, 0, Kind::Look));
        note(&sender, 0, Kind::Change);
        let mut records = Vec::new();
        assert!(queue.take(&mut records, QUEUE_RECORDS_MAX).await);
        assert_eq!(records.len(), 101);
    }
}
