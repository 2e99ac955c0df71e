//! An append session's bookkeeping: which inputs wait for their acks, which of them were sent, and what each is told when
//! the session fails. Runs in whoever calls: the submitting task, the connection's task; it never waits under its lock.
//!
//! `sent <= waiting.len()`: inputs are sent in the order they wait in, so a count tells the sent ones from the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::{AppendAck, Response, SessionOpened};
use tokio::sync::{AcquireError, Semaphore, oneshot};
use tokio::time::Instant;

use crate::batch::AppendBatch;
use crate::connection::{Inbound, Input, Next, Session, Track};
use crate::error::{Disconnect, Error, NotDone};
use crate::options::AppendSessionConfig;

type Answer<T> = oneshot::Sender<Result<T, Error>>;

#[derive(Debug)]
pub(super) struct Core {
    state: Mutex<State>,
    room_bytes: Semaphore,
    room_batches: Semaphore,
    inflight_bytes_max: u32,
    ack_timeout: Duration,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    opening: Option<Answer<SessionOpened>>,
    /// Submitted and not acked, oldest first.
    waiting: VecDeque<Waiting>,
    /// So many of `waiting`, from the front, were or are being written.
    sent: usize,
    /// Where the last acked batch ended.
    acked_to: u64,
    /// When the last ack came, or until when the server reads nothing as it said: who waits for an ack has all its time left from
    /// then on. How long an input waits behind others depends on the window and the rate, and says nothing of the server.
    moved: Option<Instant>,
    /// Over, but the server still keeps its id, and does until it hears that no more inputs come.
    abandoned: bool,
}

#[derive(Debug)]
enum Phase {
    Open,
    /// No more inputs; somebody may wait for the end, which is due some time after this moment.
    Closing {
        since: Instant,
        ended: Option<Answer<()>>,
    },
    Ended {
        failure: Option<Error>,
    },
}

#[derive(Debug)]
struct Waiting {
    ticket: Answer<AppendAck>,
    room: Room,
    /// Until the writer takes it. If the session fails first, it is freed at once.
    batch: Bytes,
    submitted: Instant,
}

/// A batch's share of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    bytes: u32,
    records: u32,
}

impl Core {
    pub(super) fn new(config: AppendSessionConfig, ack_timeout: Duration, opening: Answer<SessionOpened>) -> Self {
        let inflight_bytes_max = config.inflight_bytes_max.max(1);
        let state = State {
            phase: Phase::Open,
            opening: Some(opening),
            waiting: VecDeque::new(),
            sent: 0,
            acked_to: 0,
            moved: None,
            abandoned: false,
        };
        Self {
            state: Mutex::new(state),
            room_bytes: Semaphore::new(inflight_bytes_max as usize),
            room_batches: Semaphore::new(config.inflight_batches_max.max(1) as usize),
            inflight_bytes_max,
            ack_timeout,
        }
    }

    /// Waits until the window has room for `batch`.
    pub(super) async fn room_for(&self, batch: &AppendBatch) -> Result<Room, Error> {
        let bytes = batch.metered_bytes().min(self.inflight_bytes_max.into()) as u32;
        let room = Room { bytes, records: batch.record_count() };
        let ended = |_: AcquireError| self.poison();
        let batches = self.room_batches.acquire().await.map_err(ended)?;
        self.room_bytes.acquire_many(bytes).await.map_err(ended)?.forget();
        batches.forget();
        Ok(room)
    }

    /// Queues an input. `send` is called under the lock, so that inputs are written in the order they wait in.
    pub(super) fn submit(
        self: &Arc<Self>,
        room: Room,
        batch: Bytes,
        ticket: Answer<AppendAck>,
        send: impl FnOnce(Track),
    ) -> Result<(), Error> {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Open) {
            return Err(state.poison());
        }
        state.waiting.push_back(Waiting { ticket, room, batch, submitted: Instant::now() });
        send(Track::Input(self.clone()));
        Ok(())
    }

    /// No more inputs. `send` is called if the server has to be told; `ended` hears of the end.
    pub(super) fn close(&self, ended: Option<Answer<()>>, send: impl FnOnce()) {
        let mut state = self.lock();
        match &state.phase {
            Phase::Open => {
                state.phase = Phase::Closing { since: Instant::now(), ended };
                send();
            }
            Phase::Closing { .. } => {}
            Phase::Ended { failure } => {
                if let Some(ended) = ended {
                    let _ = ended.send(failure.clone().map_or(Ok(()), Err));
                }
                if std::mem::take(&mut state.abandoned) {
                    send();
                }
            }
        }
    }

    pub(super) fn failure(&self) -> Option<Error> {
        match &self.lock().phase {
            Phase::Ended { failure } => failure.clone(),
            _ => None,
        }
    }

    fn poison(&self) -> Error {
        self.lock().poison()
    }

    fn on_ack(&self, ack: AppendAck) -> Result<Next, String> {
        let mut state = self.lock();
        if state.sent == 0 {
            return Err("an ack that no input waits for".to_owned());
        }
        let Some(first) = state.waiting.front() else { return Err("an ack that no input waits for".to_owned()) };
        if !acks_exactly(&ack, first.room.records) || ack.start.seq_num < state.acked_to {
            let (start, end, records) = (ack.start.seq_num, ack.end.seq_num, first.room.records);
            return Err(format!("an ack of {start}..{end} for {records} records behind {}", state.acked_to));
        }
        state.acked_to = ack.end.seq_num;
        state.moved = state.moved.max(Some(Instant::now()));
        state.sent -= 1;
        if let Some(done) = state.waiting.pop_front() {
            self.room_bytes.add_permits(done.room.bytes as usize);
            self.room_batches.add_permits(1);
            let _ = done.ticket.send(Ok(ack));
        }
        Ok(Next::More)
    }

    /// The first input that was not acked is the one that failed. Those behind it were discarded (`s2-semantics.md` B10) if
    /// the server is sure that it had no effect; if it is not, they may be in the same broken block.
    fn on_refusal(&self, frame: &ErrorFrame) -> Next {
        let first = Error::answered(frame);
        let mut state = self.lock();
        state.abandoned = true;
        self.fail(state, first.clone(), |n, sent| match &first {
            Error::NotDone(_) if n == 0 => first.clone(),
            Error::MaybeDone(_) | Error::Terminal(_) if sent => first.clone(),
            _ => Error::poisoned(&first),
        });
        Next::Ended
    }

    fn on_end(&self) -> Next {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.end(None);
            self.close_window();
        } else {
            // With inputs in flight, an end that looks clean is none: nobody said what became of them.
            self.lose(state, &Disconnect::Violation("the session ended with inputs in flight".to_owned()));
        }
        Next::Ended
    }

    fn lose(&self, state: MutexGuard<'_, State>, cause: &Disconnect) {
        let failure = Error::disconnected(state.sent > 0, cause.clone());
        self.fail(state, failure, |_, sent| Error::disconnected(sent, cause.clone()));
    }

    /// Ends the session; `answer(n, sent)` is what the n-th waiting input is told.
    fn fail(&self, mut state: MutexGuard<'_, State>, failure: Error, answer: impl Fn(usize, bool) -> Error) {
        let sent = std::mem::take(&mut state.sent);
        for (n, waiting) in state.waiting.drain(..).enumerate() {
            let _ = waiting.ticket.send(Err(answer(n, n < sent)));
        }
        if let Some(opening) = state.opening.take() {
            let _ = opening.send(Err(failure.clone()));
        }
        state.end(Some(failure));
        self.close_window();
    }

    /// Wakes whoever waits for room; they find out why.
    fn close_window(&self) {
        self.room_bytes.close();
        self.room_batches.close();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poison(&self) -> Error {
        match &self.phase {
            Phase::Ended { failure: Some(failure) } => Error::poisoned(failure),
            _ => Error::NotDone(NotDone::Closed),
        }
    }

    fn end(&mut self, failure: Option<Error>) {
        let outcome = failure.clone().map_or(Ok(()), Err);
        if let Phase::Closing { ended: Some(ended), .. } = std::mem::replace(&mut self.phase, Phase::Ended { failure })
        {
            let _ = ended.send(outcome);
        }
    }

    /// Whether something is due, and nothing has come for longer than `limit`.
    fn is_overdue(&self, now: Instant, limit: Duration) -> bool {
        let since = match (&self.phase, self.waiting.front()) {
            (_, Some(oldest)) => oldest.submitted,
            (Phase::Closing { since, .. }, None) => *since,
            (Phase::Open | Phase::Ended { .. }, None) => return false,
        };
        let since = self.moved.map_or(since, |moved| moved.max(since));
        now.saturating_duration_since(since) > limit
    }
}

impl Session for Core {
    fn on_frame(&self, frame: Inbound) -> Result<Next, String> {
        match frame {
            Inbound::Response(Response::AppendAck(ack)) => self.on_ack(ack),
            Inbound::Response(Response::AppendSessionOpened(opened)) => match self.lock().opening.take() {
                Some(opening) => {
                    let _ = opening.send(Ok(opened));
                    Ok(Next::More)
                }
                None => Err("an append session was opened twice".to_owned()),
            },
            Inbound::Response(Response::SessionEnded) => Ok(self.on_end()),
            Inbound::Error(frame) => Ok(self.on_refusal(&frame)),
            Inbound::Response(other) => Err(format!("{} in an append session", other.kind())),
            Inbound::Push { push, .. } => Err(format!("{} in an append session", push.kind())),
        }
    }

    fn on_disconnect(&self, cause: &Disconnect) {
        self.lose(self.lock(), cause);
    }

    fn on_throttled(&self, until: Instant) {
        let mut state = self.lock();
        state.moved = state.moved.max(Some(until));
    }

    fn on_tick(&self, now: Instant) -> Next {
        let mut state = self.lock();
        if !state.is_overdue(now, self.ack_timeout) {
            return Next::More;
        }
        state.abandoned = true;
        let failure = Error::timed_out(state.sent > 0, self.ack_timeout);
        self.fail(state, failure, |_, sent| Error::timed_out(sent, self.ack_timeout));
        Next::Ended
    }
}

impl Input for Core {
    fn claim(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let next = state.sent;
        let batch = std::mem::take(&mut state.waiting.get_mut(next)?.batch);
        state.sent += 1;
        Some(batch)
    }

    fn unclaim(&self) {
        let mut state = self.lock();
        state.sent = state.sent.saturating_sub(1);
    }
}

/// Whether an ack is for as many records as the batch had.
pub(crate) fn acks_exactly(ack: &AppendAck, records: u32) -> bool {
    ack.end.seq_num.checked_sub(ack.start.seq_num) == Some(records.into())
}

#[cfg(test)]
mod tests;
