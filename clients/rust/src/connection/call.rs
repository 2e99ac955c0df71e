//! One request with one answer, from the side that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use tokio::sync::oneshot;
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
pub(crate) struct Progress(AtomicU8);

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Progress {
    /// The writer is about to write it. `false`: it was withdrawn and must not be written.
    pub(super) fn claim(&self) -> bool {
        self.0.compare_exchange(QUEUED, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The writer stopped before its first byte.
    pub(super) fn unclaim(&self) {
        self.0.store(QUEUED, Ordering::Release);
    }

    /// `false`: too late, it may have left.
    fn withdraw(&self) -> bool {
        self.0.compare_exchange(QUEUED, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire) == SENT
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
    pub(super) fn start(connection: &'a Connection, request: &Request<'_>, batch: Bytes) -> Result<Self, Error> {
        let (sender, answer) = oneshot::channel();
        let progress = Arc::new(Progress::default());
        let id = connection.register(Slot::Call(Waiting { answer: sender, progress: progress.clone() }))?;
        connection.send(id, request, batch, Track::Call(progress.clone()));
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
        assert!(!progress.claim());
        let progress = Progress::default();
        assert!(progress.claim());
        assert!(!progress.withdraw());
        assert!(progress.is_sent());
    }

    #[test]
    fn what_the_writer_never_reached_counts_as_not_sent() {
        let progress = Progress::default();
        assert!(progress.claim());
        progress.unclaim();
        assert!(!progress.is_sent());
    }
}
