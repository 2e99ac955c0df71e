//! A pipelined append session (`s2-semantics.md` B10, I4).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use riverrun_protocol::batch::Record;
use riverrun_protocol::request::{AppendConditions, Request, SessionAppend};
use riverrun_protocol::response::{AppendAck, SessionOpened};
use riverrun_protocol::types::{Position, StreamId};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::batch::AppendBatch;
use crate::config::RetryPolicy;
use crate::connection::{Connection, Track};
use crate::error::{Disconnect, Error};
use crate::options::AppendSessionConfig;
use crate::retry::{Effect, retrying};
use crate::stream::StreamHandle;

use core::Core;
pub(crate) use core::acks_exactly;

mod core;

/// Appends batches without waiting for the ack of one before sending the next. Acks come in the order of submission.
///
/// The session lives on one connection and dies with it; it does not resend, since what was sent may have been done:
///
/// | what happens | inputs sent and not acked | inputs not sent | later ones |
/// |---|---|---|---|
/// | connection lost, or no ack in time | `MaybeDone` | `NotDone` | `NotDone(Poisoned)` |
/// | an input is refused, without effect | first: the refusal, others: `NotDone(Poisoned)` | `NotDone(Poisoned)` | `NotDone(Poisoned)` |
/// | the stream is fenced against it | `Terminal(FencingTokenMismatch)` | `NotDone(Poisoned)` | `NotDone(Poisoned)` |
/// | an input fails, effect unknown | `MaybeDone` | `NotDone(Poisoned)` | `NotDone(Poisoned)` |
///
/// Dropping it sends what was submitted and then ends it; tickets stay valid.
#[derive(Debug)]
pub struct AppendSession {
    line: Line,
    opened: SessionOpened,
}

impl AppendSession {
    pub(crate) async fn open(
        stream: &StreamHandle,
        config: AppendSessionConfig,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        // Opening has no effect that doing it twice would double.
        let (session, at_home) = retrying(policy, Effect::None, || Self::open_once(stream, config)).await?;
        if at_home {
            return Ok(session);
        }
        // It is on another shard's connection, and would take the detour for as long as it lives.
        drop(session);
        retrying(policy, Effect::None, || Self::open_once(stream, config)).await.map(|(session, _)| session)
    }

    /// A session, and whether it is on the connection of its stream's shard.
    async fn open_once(stream: &StreamHandle, config: AppendSessionConfig) -> Result<(Self, bool), Error> {
        let connection = stream.pool.connection(stream.placement.get()).await?;
        let ack_timeout = stream.pool.config().request_timeout;
        let (opening, opened) = oneshot::channel();
        let core = Arc::new(Core::new(config, ack_timeout, opening));
        let id = connection.open_session(&Request::OpenAppendSession(stream.target.clone()), core.clone())?;
        let line = Line { connection, id, core };
        let opened = wait(opened, ack_timeout).await?;
        let at_home = stream.pool.learn(&stream.placement, &line.connection, opened.shard);
        Ok((Self { line, opened }, at_home))
    }

    /// Sends records as one batch, after waiting for room in the window.
    ///
    /// ```no_run
    /// # async fn example(session: riverrun_client::AppendSession) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::Record;
    ///
    /// let ticket = session.submit(&[Record::new("hello")]).await?;
    /// println!("durable at {}", ticket.await?.start);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone` in any case: nothing was sent.
    pub async fn submit(&self, records: &[Record]) -> Result<AckTicket, Error> {
        self.submit_batch(AppendBatch::encode(records)?).await
    }

    /// [`AppendSession::submit`] for a batch that is already encoded.
    ///
    /// ```no_run
    /// # async fn example(session: riverrun_client::AppendSession) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendBatch, Record};
    ///
    /// let ticket = session.submit_batch(AppendBatch::encode(&[Record::new("hello")])?).await?;
    /// ticket.await?;
    /// # Ok(()) }
    /// ```
    pub async fn submit_batch(&self, batch: AppendBatch) -> Result<AckTicket, Error> {
        self.submit_batch_with(batch, AppendConditions::default()).await
    }

    /// [`AppendSession::submit`] on conditions, which are this input's alone: whoever pipelines with `match_seq_num`
    /// advances it by each batch's records (`s2-semantics.md` B10).
    ///
    /// ```no_run
    /// # async fn example(session: riverrun_client::AppendSession) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendConditions, Record};
    ///
    /// let mut next = session.tail_at_open().seq_num;
    /// for batch in [[Record::new("a"), Record::new("b")], [Record::new("c"), Record::new("d")]] {
    ///     let conditions = AppendConditions { match_seq_num: Some(next), ..AppendConditions::default() };
    ///     let ticket = session.submit_with(&batch, conditions).await?;
    ///     next += batch.len() as u64;
    ///     # drop(ticket);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`AppendSession::submit`]. A condition that does not hold is told by the ticket, and ends the session.
    pub async fn submit_with(&self, records: &[Record], conditions: AppendConditions) -> Result<AckTicket, Error> {
        self.submit_batch_with(AppendBatch::encode(records)?, conditions).await
    }

    /// [`AppendSession::submit_with`] for a batch that is already encoded.
    ///
    /// ```no_run
    /// # async fn example(session: riverrun_client::AppendSession) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendBatch, AppendConditions, FencingToken, Record};
    ///
    /// let as_leader =
    ///     AppendConditions { fencing_token: Some(FencingToken::new("leader-7")?), ..AppendConditions::default() };
    /// let ticket = session.submit_batch_with(AppendBatch::encode(&[Record::new("hello")])?, as_leader).await?;
    /// ticket.await?;
    /// # Ok(()) }
    /// ```
    pub async fn submit_batch_with(
        &self,
        batch: AppendBatch,
        conditions: AppendConditions,
    ) -> Result<AckTicket, Error> {
        let Line { connection, id, core } = &self.line;
        let room = core.room_for(&batch).await?;
        let (ticket, ack) = oneshot::channel();
        let bytes = batch.bytes();
        core.submit(room, bytes.clone(), ticket, |track| {
            let input = Request::SessionAppend(SessionAppend { conditions, batch: &[] });
            connection.send(*id, &input, bytes.len(), track);
        })?;
        Ok(AckTicket { ack, _connection: connection.clone() })
    }

    /// Waits for all acks and ends the session.
    ///
    /// ```no_run
    /// # async fn example(session: riverrun_client::AppendSession) -> Result<(), riverrun_client::Error> {
    /// session.close().await?; // every input was acked
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The first failure, if there was one.
    pub async fn close(self) -> Result<(), Error> {
        let (ending, ended) = oneshot::channel();
        self.line.close(Some(ending));
        ended.await.unwrap_or(Err(Error::disconnected(true, Disconnect::Dropped)))
    }

    /// The stream's id: a stream that is deleted and created again has another.
    pub fn stream_id(&self) -> StreamId {
        self.opened.stream_id
    }

    /// The durable tail when the session was opened.
    pub fn tail_at_open(&self) -> Position {
        self.opened.tail
    }

    /// The failure that ended the session, if one did.
    pub fn failure(&self) -> Option<Error> {
        self.line.core.failure()
    }
}

/// The session's id on its connection. Dropped, it tells the server that no more inputs come.
#[derive(Debug)]
struct Line {
    connection: Connection,
    id: u64,
    core: Arc<Core>,
}

impl Line {
    fn close(&self, ended: Option<oneshot::Sender<Result<(), Error>>>) {
        self.core.close(ended, || {
            self.connection.send(self.id, &Request::CloseAppendSession, 0, Track::None);
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close(None);
    }
}

async fn wait(
    opened: oneshot::Receiver<Result<SessionOpened, Error>>,
    after: Duration,
) -> Result<SessionOpened, Error> {
    match timeout(after, opened).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Error::disconnected(true, Disconnect::Dropped)),
        Err(_) => Err(Error::timed_out(true, after)),
    }
}

/// Resolves to the ack of one submitted batch. Dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "whether the batch was done is known from the ticket only"]
pub struct AckTicket {
    ack: oneshot::Receiver<Result<AppendAck, Error>>,
    /// Keeps the connection alive while somebody waits for an ack.
    _connection: Connection,
}

impl Future for AckTicket {
    type Output = Result<AppendAck, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ack = Pin::new(&mut self.ack).poll(cx);
        ack.map(|ack| ack.unwrap_or(Err(Error::disconnected(true, Disconnect::Dropped))))
    }
}
