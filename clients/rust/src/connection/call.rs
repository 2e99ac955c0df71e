//! One request with one answer, from the side that waits.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};

use super::outbox::Track;
use super::{Connection, Inbound, Session};
use crate::error::{Disconnect, Error};

/// Who waits for an id.
#[derive(Debug)]
pub(crate) enum Slot {
    Call(Waiting),
    Session(Arc<dyn Session>),
}

impl Slot {
    /// A call that nobody can withdraw.
    pub(super) fn call(answer: oneshot::Sender<Result<Response, Error>>) -> Self {
        Self::Call(Waiting { answer, progress: Arc::default() })
    }
}

/// A call's end on the connection's side.
#[derive(Debug)]
pub(crate) struct Waiting {
    answer: oneshot::Sender<Result<Response, Error>>,
    progress: Arc<Progress>,
}

impl Waiting {
    /// # Errors
    /// A frame that no call can be answered with.
    pub(super) fn on_frame(self, frame: Inbound) -> Result<(), String> {
        let answer = match frame {
            Inbound::Response(response) => Ok(response),
            Inbound::Error(error) => Err(Error::answered(&error)),
            Inbound::Push { push, .. } => {
                let why = format!("{} answers a single request", push.kind());
                self.on_disconnect(&Disconnect::Violation(why.clone()));
                return Err(why);
            }
        };
        // Nobody waits any more if the call was given up in this very moment.
        let _ = self.answer.send(answer);
        Ok(())
    }

    pub(super) fn on_disconnect(self, cause: &Disconnect) {
        let _ = self.answer.send(Err(Error::disconnected(self.progress.is_sent(), cause.clone())));
    }
}

/// How far a request has got. The writer and whoever gives up race for it; exactly one of them wins, so a request that was
/// given up as not sent is never sent afterwards.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: AtomicU8,
    /// Of an append: until it is written or withdrawn.
    batch: Mutex<Bytes>,
    /// Held until the call has ended and its frame has left the queue, so that the queue has a limit as well.
    _permit: Option<OwnedSemaphorePermit>,
}

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Progress {
    pub(super) fn new(batch: Bytes, permit: OwnedSemaphorePermit) -> Self {
        Self { state: AtomicU8::new(QUEUED), batch: Mutex::new(batch), _permit: Some(permit) }
    }

    /// The writer is about to write it, with this batch behind its head. `None`: it was withdrawn and must not be written.
    pub(super) fn claim(&self) -> Option<Bytes> {
        self.change(QUEUED, SENT).then(|| self.take_batch())
    }

    /// The writer stopped before its first byte.
    pub(super) fn unclaim(&self) {
        self.state.store(QUEUED, Ordering::Release);
    }

    /// `false`: too late, it may have left.
    pub(super) fn withdraw(&self) -> bool {
        let withdrawn = self.change(QUEUED, WITHDRAWN);
        if withdrawn {
            drop(self.take_batch());
        }
        withdrawn
    }

    pub(super) fn is_sent(&self) -> bool {
        self.state.load(Ordering::Acquire) == SENT
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn take_batch(&self) -> Bytes {
        std::mem::take(&mut *self.batch.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A call in progress. Dropped before its end, it is withdrawn if it can be, and its answer is ignored otherwise.
#[derive(Debug)]
pub(super) struct Call<'a> {
    connection: &'a Connection,
    id: u64,
    progress: Arc<Progress>,
    answer: oneshot::Receiver<Result<Response, Error>>,
}

impl<'a> Call<'a> {
    pub(super) fn start(
        connection: &'a Connection,
        request: &Request<'_>,
        batch: Bytes,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Error> {
        let (sender, answer) = oneshot::channel();
        let batch_bytes = batch.len();
        let progress = Arc::new(Progress::new(batch, permit));
        let id = connection.register(Slot::Call(Waiting { answer: sender, progress: progress.clone() }))?;
        connection.send(id, request, batch_bytes, Track::Call(progress.clone()));
        Ok(Self { connection, id, progress, answer })
    }

    pub(super) async fn answer(mut self, deadline: Instant, timeout: Duration) -> Result<Response, Error> {
        match timeout_at(deadline, &mut self.answer).await {
            Ok(Ok(answer)) => answer,
            // The connection's task was dropped in mid-flight: its runtime is shutting down.
            Ok(Err(_)) => Err(Error::disconnected(self.progress.is_sent(), Disconnect::Dropped)),
            Err(_) => Err(Error::timed_out(!self.progress.withdraw(), timeout)),
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.progress.withdraw();
        self.connection.forget(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_what_was_withdrawn_is_never_written_and_what_was_written_is_never_withdrawn() {
        let progress = Progress::default();
        assert!(progress.withdraw());
        assert_eq!(progress.claim(), None);
        let progress = Progress::default();
        assert_eq!(progress.claim(), Some(Bytes::new()));
        assert!(!progress.withdraw());
        assert!(progress.is_sent());
    }

    #[test]
    fn what_the_writer_never_reached_counts_as_not_sent() {
        let progress = Progress::default();
        assert!(progress.claim().is_some());
        progress.unclaim();
        assert!(!progress.is_sent());
    }
}
