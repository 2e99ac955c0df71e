//! The task behind a producer: sends batches in order, settles them in order, and reconnects.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::response::AppendAck;
use tokio::time::{Instant, sleep, sleep_until};

use super::batcher::{Sealed, Work};
use super::{Line, OnAmbiguous, ProducerConfig};
use crate::append_session::{AckTicket, AppendSession};
use crate::config::RetryPolicy;
use crate::error::Error;
use crate::retry::{Backoff, may_resend};
use crate::stream::StreamHandle;

pub(super) struct Worker {
    stream: StreamHandle,
    config: ProducerConfig,
    line: Arc<Line>,
    session: Option<AppendSession>,
    /// Submitted, oldest first.
    inflight: VecDeque<(Sealed, AckTicket)>,
    /// The producer is closed and has no batch left to submit.
    drained: bool,
    backoff: Backoff,
    /// Before the next session is opened.
    pause: Option<Duration>,
    /// What the first record of the next new batch must get, where the numbers are to match.
    next_match: Option<u64>,
}

impl Worker {
    pub(super) fn new(stream: StreamHandle, config: ProducerConfig, line: Arc<Line>) -> Self {
        let policy = config.retry.unwrap_or(stream.pool.config().retry);
        Self {
            stream,
            next_match: config.match_seq_num,
            config,
            line,
            session: None,
            inflight: VecDeque::new(),
            drained: false,
            backoff: Backoff::new(policy),
            pause: None,
        }
    }

    /// Until the producer is closed and everything is settled, or until it fails.
    pub(super) async fn run(mut self) {
        loop {
            let step = tokio::select! {
                biased;
                acked = oldest(&mut self.inflight), if !self.inflight.is_empty() => self.on_outcome(acked).await,
                next = next_batch(&self.line), if !self.drained => match next {
                    Some(batch) => self.send(batch).await,
                    None => {
                        self.drained = true;
                        Ok(())
                    }
                },
                else => break,
            };
            if let Err(fatal) = step {
                return self.fail(&fatal);
            }
        }
        if let Some(session) = self.session.take() {
            // Every batch has its outcome; how the session ends makes no difference to any of them.
            let _ = session.close().await;
        }
    }

    /// # Errors
    /// What ends the producer.
    async fn send(&mut self, mut batch: Sealed) -> Result<(), Error> {
        match self.submit(&mut batch).await {
            Ok(ticket) => {
                self.inflight.push_back((batch, ticket));
                Ok(())
            }
            Err(error) => {
                let mut failed = self.drain_inflight().await;
                failed.push((batch, error));
                self.recover(failed)
            }
        }
    }

    /// # Errors
    /// What ends the producer.
    async fn on_outcome(&mut self, acked: Result<AppendAck, Error>) -> Result<(), Error> {
        let Some((batch, _)) = self.inflight.pop_front() else { return Ok(()) };
        match acked {
            Ok(ack) => {
                self.on_ack(batch, ack);
                Ok(())
            }
            Err(error) => {
                let mut failed = vec![(batch, error)];
                failed.extend(self.drain_inflight().await);
                self.recover(failed)
            }
        }
    }

    /// Progress was made, whenever it is noticed: the policy counts failures in a row.
    fn on_ack(&mut self, batch: Sealed, ack: AppendAck) {
        self.backoff.reset();
        self.settle(batch, Ok(ack));
    }

    async fn submit(&mut self, batch: &mut Sealed) -> Result<AckTicket, Error> {
        let encoded = batch.encoded()?;
        let match_seq_num = batch.place(&mut self.next_match, encoded.record_count());
        let conditions = AppendConditions { match_seq_num, fencing_token: self.config.fencing_token.clone() };
        let session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        self.session.insert(session).submit_batch_with(encoded, conditions).await
    }

    async fn open(&mut self) -> Result<AppendSession, Error> {
        if let Some(pause) = self.pause.take() {
            sleep(pause).await;
        }
        // One attempt: the producer's own policy counts them. At worst an empty session is opened, so that a failure here
        // never makes the batch look as if it might have been sent.
        AppendSession::open(&self.stream, self.config.inflight, RetryPolicy::NEVER).await
    }

    /// The session has failed, so every ticket has its answer or is about to get it.
    async fn drain_inflight(&mut self) -> Vec<(Sealed, Error)> {
        let mut failed = Vec::new();
        while let Some((batch, ticket)) = self.inflight.pop_front() {
            match ticket.await {
                Ok(ack) => self.on_ack(batch, ack),
                Err(error) => failed.push((batch, error)),
            }
        }
        failed
    }

    /// Sorts the failed batches, which come in order: those known to be without effect are tried again, the others are told.
    ///
    /// # Errors
    /// What ends the producer.
    fn recover(&mut self, failed: Vec<(Sealed, Error)>) -> Result<(), Error> {
        self.session = None;
        self.drained = false;
        let (mut again, mut reason, mut fatal) = (Vec::new(), None, None);
        for (batch, error) in failed {
            reason.get_or_insert_with(|| error.clone());
            if may_resend(&error) {
                again.push(batch);
                continue;
            }
            if !self.goes_on_after(&error) {
                fatal.get_or_insert_with(|| error.clone());
            }
            self.settle(batch, Err(error));
        }
        self.line.batcher().put_back(again);
        if let Some(fatal) = fatal {
            return Err(fatal);
        }
        let Some(reason) = reason else { return Ok(()) };
        match self.backoff.after_failure(reason.retry_after()) {
            Some(pause) => {
                tracing::debug!(%reason, ?pause, "producer reconnects");
                self.pause = Some(pause);
                Ok(())
            }
            None => Err(reason),
        }
    }

    fn goes_on_after(&self, error: &Error) -> bool {
        matches!(error, Error::MaybeDone(_)) && self.config.on_ambiguous == OnAmbiguous::Continue
    }

    /// What was not sent never will be.
    fn fail(self, fatal: &Error) {
        let unsent = self.line.batcher().fail(fatal);
        for batch in unsent {
            self.settle(batch, Err(Error::poisoned(fatal)));
        }
        self.line.room.close();
    }

    fn settle(&self, batch: Sealed, outcome: Result<AppendAck, Error>) {
        if let Err(error) = &outcome {
            self.line.batcher().note_failure(error);
        }
        self.line.room.add_permits(batch.settle(outcome));
    }
}

/// The oldest batch's outcome. The batch stays where it is, so that nothing is lost if the future is dropped.
async fn oldest(inflight: &mut VecDeque<(Sealed, AckTicket)>) -> Result<AppendAck, Error> {
    poll_fn(|cx| match inflight.front_mut() {
        Some((_, ticket)) => Pin::new(ticket).poll(cx),
        None => Poll::Pending,
    })
    .await
}

/// The next batch that is full, has lingered or is flushed; `None` once the producer is closed and has none left.
async fn next_batch(line: &Line) -> Option<Sealed> {
    loop {
        let work = line.batcher().next_work(Instant::now());
        match work {
            Work::Send(batch) => return Some(batch),
            Work::End => return None,
            Work::Wait => line.bell.notified().await,
            Work::WaitUntil(due) => tokio::select! {
                () = line.bell.notified() => {}
                () = sleep_until(due) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riverrun_protocol::batch::Record;
    use tokio::sync::{Notify, Semaphore};

    use crate::producer::batcher::Batcher;

    fn line(linger: Duration) -> Arc<Line> {
        let config = ProducerConfig { linger, ..ProducerConfig::default() };
        let batcher = std::sync::Mutex::new(Batcher::new(&config));
        Arc::new(Line { batcher, bell: Notify::new(), room: Semaphore::new(1000) })
    }

    fn push(line: &Line) {
        let pushed = line.batcher().push(Record::new("x"), 9, Instant::now()).expect("open");
        if pushed.ring {
            line.bell.notify_one();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn i6_the_worker_wakes_exactly_when_the_linger_is_over() {
        let line = line(Duration::from_millis(5));
        let started = Instant::now();
        let worker = tokio::spawn({
            let line = line.clone();
            async move { next_batch(&line).await.map(|_| Instant::now()) }
        });
        sleep(Duration::from_millis(100)).await;
        push(&line);
        sleep(Duration::from_millis(4)).await;
        push(&line);
        let woke = worker.await.expect("no panic").expect("a batch");
        assert_eq!(woke - started, Duration::from_millis(105), "from the first record on, not from the last");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flush_does_not_wait_for_the_linger() {
        let line = line(Duration::from_secs(3600));
        let started = Instant::now();
        push(&line);
        line.batcher().seal();
        line.bell.notify_one();
        assert!(next_batch(&line).await.is_some());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
