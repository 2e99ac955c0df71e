//! One stream: its calls, and the sessions opened on it.

use std::sync::Arc;
use std::time::Duration;

use riverrun_protocol::batch::Record;
use riverrun_protocol::limits::UNARY_WAIT_SECS_MAX;
use riverrun_protocol::request::{Append, AppendConditions, Read, Request, StreamRef};
use riverrun_protocol::response::{AppendAck, Response};
use riverrun_protocol::types::{BasinName, FencingToken, Position, StreamName};

use crate::append_session::{AppendSession, acks_exactly};
use crate::batch::{AppendBatch, ReadResult, verified};
use crate::error::Error;
use crate::options::{AppendSessionConfig, ReadOptions, ReadSessionConfig};
use crate::pool::{Placement, Pool, unexpected};
use crate::producer::{Producer, ProducerConfig};
use crate::read_session::ReadSession;
use crate::retry::Effect;

/// A handle to one stream. Clones share what the answers tell about the stream's shard, so that later requests take the
/// right connection.
#[derive(Clone, Debug)]
pub struct StreamHandle {
    pub(crate) pool: Arc<Pool>,
    pub(crate) target: StreamRef,
    pub(crate) placement: Placement,
}

impl StreamHandle {
    pub(crate) fn new(pool: Arc<Pool>, target: StreamRef) -> Self {
        Self { pool, target, placement: Placement::default() }
    }

    pub fn basin(&self) -> &BasinName {
        &self.target.basin
    }

    pub fn name(&self) -> &StreamName {
        &self.target.stream
    }

    /// Appends records as one batch: all of them or none, with consecutive sequence numbers. `Ok` means durable to the
    /// level that the ack names.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::Record;
    ///
    /// let ack = stream.append(&[Record::new("hello"), Record::new("world")]).await?;
    /// println!("{}..{}, survives: {}", ack.start.seq_num, ack.end.seq_num, ack.level);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `MaybeDone` where the connection was lost or the time was over after the batch may have left: it is never sent a
    /// second time behind the caller's back (reliability.md F52).
    pub async fn append(&self, records: &[Record]) -> Result<AppendAck, Error> {
        self.append_batch(&AppendBatch::encode(records)?).await
    }

    /// [`StreamHandle::append`] for a batch that is already encoded.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendBatch, Record};
    ///
    /// let batch = AppendBatch::encode(&[Record::new("hello")])?;
    /// stream.append_batch(&batch).await?;
    /// # Ok(()) }
    /// ```
    pub async fn append_batch(&self, batch: &AppendBatch) -> Result<AppendAck, Error> {
        self.append_batch_with(batch, AppendConditions::default()).await
    }

    /// [`StreamHandle::append`] on conditions: the number that the first record must get, the fencing token that must
    /// be the stream's (`s2-semantics.md` B3, B4).
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendConditions, Record};
    ///
    /// let tail = stream.check_tail().await?;
    /// let unless_someone_else_wrote =
    ///     AppendConditions { match_seq_num: Some(tail.seq_num), ..AppendConditions::default() };
    /// match stream.append_with(&[Record::new("hello")], unless_someone_else_wrote).await {
    ///     Ok(ack) => println!("appended at {}", ack.start),
    ///     Err(error) => match error.seq_num_mismatch() {
    ///         Some(next) => println!("somebody did: the next record is {next}"),
    ///         None => return Err(error),
    ///     },
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`StreamHandle::append`]; `Terminal(FencingTokenMismatch)` and `NotDone(SeqNumMismatch)` with what the stream
    /// has now where a condition does not hold.
    pub async fn append_with(&self, records: &[Record], conditions: AppendConditions) -> Result<AppendAck, Error> {
        self.append_batch_with(&AppendBatch::encode(records)?, conditions).await
    }

    /// [`StreamHandle::append_with`] for a batch that is already encoded.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendBatch, AppendConditions, FencingToken, Record};
    ///
    /// let batch = AppendBatch::encode(&[Record::new("hello")])?;
    /// let as_leader =
    ///     AppendConditions { fencing_token: Some(FencingToken::new("leader-7")?), ..AppendConditions::default() };
    /// stream.append_batch_with(&batch, as_leader).await?;
    /// # Ok(()) }
    /// ```
    pub async fn append_batch_with(
        &self,
        batch: &AppendBatch,
        conditions: AppendConditions,
    ) -> Result<AppendAck, Error> {
        let request = Append { target: self.target.clone(), conditions, batch: &[] };
        match self.pool.append(&self.placement, request, batch.bytes()).await? {
            Response::AppendAck(ack) if acks_exactly(&ack, batch.record_count()) => Ok(ack),
            other => Err(unexpected(&other, Effect::Some)),
        }
    }

    /// Makes `token` the stream's fencing token, by a record of its own; from then on, appends that carry another one
    /// are refused. The empty token clears it. The conditions are checked against the token before it
    /// (`s2-semantics.md` B4).
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AppendConditions, FencingToken};
    ///
    /// // Only if nobody holds it: compare and set.
    /// let free = AppendConditions { fencing_token: Some(FencingToken::default()), ..AppendConditions::default() };
    /// stream.fence(&FencingToken::new("leader-7")?, free).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`StreamHandle::append_with`].
    pub async fn fence(&self, token: &FencingToken, conditions: AppendConditions) -> Result<AppendAck, Error> {
        self.append_with(&[Record::fence(token)], conditions).await
    }

    /// Lets the stream forget every record below `earliest`, by a record of its own. They go soon, not at once; the
    /// tail stays where it is (`s2-semantics.md` B5).
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::AppendConditions;
    ///
    /// let tail = stream.check_tail().await?;
    /// stream.trim(tail.seq_num.saturating_sub(1000), AppendConditions::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`StreamHandle::append_with`].
    pub async fn trim(&self, earliest: u64, conditions: AppendConditions) -> Result<AppendAck, Error> {
        self.append_with(&[Record::trim(earliest)], conditions).await
    }

    /// The durable tail: the number the next record will get, and the last record's timestamp. A barrier: whoever has read
    /// up to it has seen every append acked before the call (`s2-semantics.md` D).
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// println!("{}", stream.check_tail().await?.seq_num);
    /// # Ok(()) }
    /// ```
    pub async fn check_tail(&self) -> Result<Position, Error> {
        let request = Request::CheckTail(self.target.clone());
        match self.pool.call(&self.placement, &request, Effect::None, Duration::ZERO).await? {
            Response::Tail(report) => Ok(report.tail),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Reads once: at most 1000 records and 1 MiB, without waiting unless told to.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ReadOptions;
    ///
    /// let result = stream.read(ReadOptions::from_seq_num(0).count(100)).await?;
    /// for record in result.records() {
    ///     let record = record?;
    ///     println!("{} @ {}: {:?}", record.seq_num, record.timestamp, record.body);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone(Unwritten)` with the tail where there is nothing at the start yet (416, `s2-semantics.md` C4).
    pub async fn read(&self, options: ReadOptions) -> Result<ReadResult, Error> {
        let params = options.params;
        let wait = Duration::from_secs(params.wait_secs.unwrap_or(0).min(UNARY_WAIT_SECS_MAX).into());
        let request = Request::Read(Read { target: self.target.clone(), params });
        match self.pool.call(&self.placement, &request, Effect::None, wait).await? {
            Response::ReadBatches(read) => Ok(ReadResult { batches: verified(&read)?, tail: read.tail }),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Opens a pipelined append session with default limits.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::Record;
    ///
    /// let session = stream.append_session().await?;
    /// let first = session.submit(&[Record::new("a")]).await?;
    /// let second = session.submit(&[Record::new("b")]).await?; // without waiting for the first ack
    /// println!("{} {}", first.await?.start, second.await?.start);
    /// session.close().await?;
    /// # Ok(()) }
    /// ```
    pub async fn append_session(&self) -> Result<AppendSession, Error> {
        self.append_session_with(AppendSessionConfig::default()).await
    }

    /// [`StreamHandle::append_session`] with another window.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::AppendSessionConfig;
    ///
    /// let config = AppendSessionConfig { inflight_batches_max: 16, ..AppendSessionConfig::default() };
    /// let session = stream.append_session_with(config).await?;
    /// println!("opened at {}", session.tail_at_open());
    /// # Ok(()) }
    /// ```
    pub async fn append_session_with(&self, config: AppendSessionConfig) -> Result<AppendSession, Error> {
        AppendSession::open(self, config, self.pool.config().retry).await
    }

    /// Reads history, then follows live, within the bounds of `options`.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use futures::TryStreamExt;
    /// use riverrun_client::ReadOptions;
    ///
    /// let mut session = stream.read_session(ReadOptions::default()).await?;
    /// while let Some(record) = session.try_next().await? {
    ///     println!("{}: {:?}", record.seq_num, record.body);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone(Unwritten)` with the tail where the start is beyond it, or at it without permission to wait.
    pub async fn read_session(&self, options: ReadOptions) -> Result<ReadSession, Error> {
        self.read_session_with(options, ReadSessionConfig::default()).await
    }

    /// [`StreamHandle::read_session`] with another window or retry policy.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{ReadOptions, ReadSessionConfig, RetryPolicy};
    ///
    /// // Follows through any restart of the server.
    /// let patient = ReadSessionConfig { retry: Some(RetryPolicy::forever()), ..ReadSessionConfig::default() };
    /// let session = stream.read_session_with(ReadOptions::from_tail(0), patient).await?;
    /// # drop(session); Ok(()) }
    /// ```
    pub async fn read_session_with(
        &self,
        options: ReadOptions,
        config: ReadSessionConfig,
    ) -> Result<ReadSession, Error> {
        ReadSession::open(self.clone(), options, config).await
    }

    /// A producer: takes single records, sends them in batches, and gives each its own ack.
    ///
    /// ```no_run
    /// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{ProducerConfig, Record};
    ///
    /// let producer = stream.producer(ProducerConfig::default());
    /// let ticket = producer.append(Record::new("hello")).await?;
    /// println!("got number {}", ticket.await?.seq_num());
    /// producer.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn producer(&self, config: ProducerConfig) -> Producer {
        Producer::spawn(self.clone(), config)
    }
}
