//! The outcomes of the appended lines, in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use riverrun_client::{Error, Outcome, RecordAck, RecordTicket};
use riverrun_protocol::response::AppendAck;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::progress::Progress;

/// Acks take milliseconds once their batch is sent; longer than this is worth a word.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Consecutive lines that the producer has taken in.
#[derive(Debug, Default)]
pub(super) struct Fed {
    pub(super) tickets: Vec<RecordTicket>,
    pub(super) input_bytes: u64,
}

/// What became of the lines: the first `stored` ones are durable; the next `maybe` ones may be; later ones are not.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Outcomes {
    pub(super) stored: u64,
    pub(super) maybe: u64,
    /// The batch of the last stored line.
    pub(super) last: Option<AppendAck>,
    /// The first failure.
    pub(super) error: Option<Error>,
    /// Not waited for to the end: whatever lies behind the stored lines may be stored too.
    pub(super) given_up: bool,
}

impl Outcomes {
    /// Takes in the next line's outcome. Returns the batch's ack if it is the first line of one.
    fn note(&mut self, outcome: Result<RecordAck, Error>) -> Option<AppendAck> {
        match outcome {
            Ok(ack) => {
                let batch = *ack.batch();
                self.stored += 1;
                let is_new = self.last != Some(batch);
                self.last = Some(batch);
                is_new.then_some(batch)
            }
            Err(error) => {
                self.maybe += u64::from(error.outcome() == Outcome::MaybeDone);
                self.error.get_or_insert(error);
                None
            }
        }
    }
}

/// The task that awaits the tickets and prints the acks.
#[derive(Debug)]
pub(super) struct Acks {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    outcomes: Mutex<Outcomes>,
    failed: Notify,
}

impl Acks {
    pub(super) fn start(fed: mpsc::Receiver<Fed>, progress: Progress, linger: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(collect(fed, progress, linger, shared.clone()));
        Self { shared, task }
    }

    /// Resolves at the first failure, to one caller.
    pub(super) async fn failed(&self) {
        self.shared.failed.notified().await;
    }

    /// All outcomes, once the feeding side is closed; those so far if `given_up`.
    pub(super) async fn outcomes(self, given_up: bool) -> Outcomes {
        if !given_up {
            // The task only ends early by panicking; what it had noted by then is still true.
            let _ = self.task.await;
        }
        Outcomes { given_up, ..self.shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}

async fn collect(mut fed: mpsc::Receiver<Fed>, mut progress: Progress, linger: Duration, shared: Arc<Shared>) {
    while let Some(Fed { tickets, input_bytes }) = fed.recv().await {
        let lines = tickets.len() as u64;
        for ticket in tickets {
            let outcome = outcome_of(ticket, linger, &progress).await;
            let failed = outcome.is_err();
            let acked = shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner).note(outcome);
            if failed {
                shared.failed.notify_one();
            }
            if let Some(ack) = acked {
                progress.line(&ack_line(&ack));
            }
        }
        progress.add(lines, input_bytes);
    }
    progress.finish();
}

/// The producer reconnects by itself; whoever waits for acks should know that it does.
async fn outcome_of(mut ticket: RecordTicket, linger: Duration, progress: &Progress) -> Result<RecordAck, Error> {
    // Most tickets have their outcome with their batch's first: no clock is read for those.
    if let Some(outcome) = (&mut ticket).now_or_never() {
        return outcome;
    }
    if let Ok(outcome) = timeout(linger + SILENCE_MAX, &mut ticket).await {
        return outcome;
    }
    progress.line(&format!("no ack has come for {SILENCE_MAX:?}; still waiting"));
    ticket.await
}

/// S2's form (`s2-semantics.md` J2): the numbers of the batch, its end exclusive, and the stream's tail.
fn ack_line(ack: &AppendAck) -> String {
    format!("[APPENDED] {}..{} // tail: {}", ack.start.seq_num, ack.end.seq_num, ack.tail)
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::{Level, Position};

    use super::*;

    #[test]
    fn j2_acks_are_told_in_s2_s_form() {
        let at = |seq_num| Position { seq_num, timestamp: 1_771_390_606_217 };
        let ack = AppendAck { start: at(0), end: at(3), tail: at(3), level: Level::Journal, shard: 0 };
        insta::assert_snapshot!(ack_line(&ack), @"[APPENDED] 0..3 // tail: 3 @ 1771390606217");
    }
}
