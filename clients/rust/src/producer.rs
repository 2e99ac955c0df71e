//! A producer: single records in, batches out, one ack per record (`s2-semantics.md` I6).

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::Shared;
use riverrun_protocol::batch::{self, Record};
use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX};
use riverrun_protocol::response::AppendAck;
use riverrun_protocol::types::FencingToken;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::RetryPolicy;
use crate::error::{Disconnect, Error};
use crate::options::AppendSessionConfig;
use crate::stream::StreamHandle;

use batcher::{Batcher, Pushed};
use worker::Worker;

mod batcher;
mod worker;

/// How a producer batches, how far it runs ahead, and what it does when it cannot know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerConfig {
    /// How long the first record of a batch waits for others. Zero sends at once whatever is there.
    pub linger: Duration,
    /// 1 to 1000.
    pub batch_records_max: usize,
    /// Metered; up to 1 MiB. A larger record goes alone.
    pub batch_bytes_max: u64,
    /// Batches on their way.
    pub inflight: AppendSessionConfig,
    /// Metered bytes of all records without an ack, on their way or not: what [`Producer::append`] waits for.
    pub buffer_bytes_max: u32,
    pub on_ambiguous: OnAmbiguous,
    /// Must be the stream's for every batch: a producer that is fenced off ends (`s2-semantics.md` B4).
    pub fencing_token: Option<FencingToken>,
    /// The number that the first record of all must get; the producer advances it by each batch's records. A batch that
    /// was done without anybody knowing then cannot be followed by one in the wrong place, nor any other writer's come
    /// between.
    pub match_seq_num: Option<u64>,
    /// For reconnecting; the count starts anew with every ack. `None`: as the client's.
    pub retry: Option<RetryPolicy>,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(5),
            batch_records_max: BATCH_RECORDS_MAX,
            batch_bytes_max: BATCH_METERED_BYTES_MAX,
            inflight: AppendSessionConfig::default(),
            buffer_bytes_max: 16 << 20,
            on_ambiguous: OnAmbiguous::Fail,
            fencing_token: None,
            match_seq_num: None,
            retry: None,
        }
    }
}

/// What becomes of the records behind a batch that may or may not have been done. That batch's own tickets say `MaybeDone` in
/// either case; it is never sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnAmbiguous {
    /// They fail as `NotDone(Poisoned)`, and so does every later one: order is kept, the caller decides.
    #[default]
    Fail,
    /// They are sent after a reconnect: for writers to whom each record stands for itself. With `match_seq_num` they
    /// are accepted only if the batch in doubt was done.
    Continue,
}

/// Collects records into batches and appends them in order over a session of its own.
///
/// After a lost connection it goes on with the batches that are known to be without effect, in order; see [`OnAmbiguous`] for
/// those that are not. A record that the server refuses ends it: later ones fail as `NotDone(Poisoned)`. So does a
/// condition that does not hold.
///
/// ```no_run
/// # async fn example(stream: riverrun_client::StreamHandle) -> Result<(), riverrun_client::Error> {
/// use riverrun_client::{FencingToken, ProducerConfig};
///
/// let as_leader = ProducerConfig {
///     fencing_token: Some(FencingToken::new("leader-7")?),
///     match_seq_num: Some(stream.check_tail().await?.seq_num),
///     ..ProducerConfig::default()
/// };
/// let producer = stream.producer(as_leader);
/// # drop(producer); Ok(()) }
/// ```
///
/// Dropping it sends what it holds; tickets stay valid.
pub struct Producer {
    line: Arc<Line>,
    worker: Option<JoinHandle<()>>,
}

/// What the producer's handle and its worker share.
struct Line {
    batcher: Mutex<Batcher>,
    /// Rung when there is a first record to linger for, a batch to send, or nothing more to come.
    bell: Notify,
    /// Metered bytes that may still be taken in.
    room: Semaphore,
}

impl Line {
    fn batcher(&self) -> MutexGuard<'_, Batcher> {
        self.batcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of a batch, for each of its records.
type BatchAck = Shared<oneshot::Receiver<Result<AppendAck, Error>>>;

impl Producer {
    pub(crate) fn spawn(stream: StreamHandle, config: ProducerConfig) -> Self {
        let line = Arc::new(Line {
            batcher: Mutex::new(Batcher::new(&config)),
            bell: Notify::new(),
            room: Semaphore::new(config.buffer_bytes_max.max(1) as usize),
        });
        let worker = tokio::spawn(Worker::new(stream, config, line.clone()).run());
        Self { line, worker: Some(worker) }
    }

    /// Takes a record in, after waiting for room in the buffer. It is sent when its batch is full or has lingered.
    ///
    /// ```no_run
    /// # async fn example(producer: riverrun_client::Producer) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::Record;
    ///
    /// let mut tickets = Vec::new();
    /// for n in 0..1000 {
    ///     tickets.push(producer.append(Record::new(format!("record {n}"))).await?);
    /// }
    /// for ticket in tickets {
    ///     println!("{}", ticket.await?.seq_num());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotDone` in any case: the record was not taken in.
    pub async fn append(&self, record: Record) -> Result<RecordTicket, Error> {
        check(&record)?;
        let bytes = self.line.batcher().room_for(&record);
        let Ok(room) = self.line.room.acquire_many(bytes).await else { return Err(self.line.batcher().refusal()) };
        let Pushed { ack, index, ring } = self.line.batcher().push(record, bytes, Instant::now())?;
        room.forget();
        if ring {
            self.line.bell.notify_one();
        }
        Ok(RecordTicket { ack, index })
    }

    /// Sends what is there without lingering, and waits until every record taken in so far has its outcome.
    ///
    /// ```no_run
    /// # async fn example(producer: riverrun_client::Producer) -> Result<(), riverrun_client::Error> {
    /// producer.flush().await?; // everything so far is durable
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The first failure since the last flush.
    pub async fn flush(&self) -> Result<(), Error> {
        let latest = self.line.batcher().seal();
        self.line.bell.notify_one();
        if let Some(ack) = latest {
            // Batches get their outcomes in order, so the latest one's is the last.
            let _ = ack.await;
        }
        self.line.batcher().take_failure().map_or(Ok(()), Err)
    }

    /// Flushes and ends.
    ///
    /// ```no_run
    /// # async fn example(producer: riverrun_client::Producer) -> Result<(), riverrun_client::Error> {
    /// producer.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Producer::flush`].
    pub async fn close(mut self) -> Result<(), Error> {
        let flushed = self.flush().await;
        self.stop();
        if let Some(worker) = self.worker.take() {
            // A worker that panicked, or a runtime that is going away, has nothing more to say than the flush did.
            let _ = worker.await;
        }
        flushed
    }

    fn stop(&self) {
        self.line.batcher().close();
        self.line.bell.notify_one();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("batcher", &*self.line.batcher()).finish_non_exhaustive()
    }
}

/// What a batch would be refused for because of this record alone, so that its neighbours do not suffer.
fn check(record: &Record) -> Result<(), Error> {
    let simple = record.headers.iter().all(|(name, _)| !name.is_empty());
    if simple && record.metered_bytes() <= BATCH_METERED_BYTES_MAX {
        return Ok(());
    }
    batch::encode(std::slice::from_ref(record)).map(drop).map_err(|error| Error::invalid(error.what))
}

/// Resolves to one record's ack. Dropping it takes nothing back.
#[derive(Clone, Debug)]
#[must_use = "whether the record was done is known from the ticket only"]
pub struct RecordTicket {
    ack: BatchAck,
    index: u32,
}

impl Future for RecordTicket {
    type Output = Result<RecordAck, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let index = self.index;
        Pin::new(&mut self.ack).poll(cx).map(|ack| match ack {
            Ok(ack) => ack.map(|batch| RecordAck { index, batch }),
            // The worker went away with its runtime; whether it had sent the batch, nobody can say any more.
            Err(_) => Err(Error::disconnected(true, Disconnect::Dropped)),
        })
    }
}

/// Where one record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordAck {
    index: u32,
    batch: AppendAck,
}

impl RecordAck {
    pub fn seq_num(&self) -> u64 {
        self.batch.start.seq_num + u64::from(self.index)
    }

    /// The record's timestamp, where the ack tells it: it names the batch's first and last, and those between are known only
    /// if the two are equal, as they are when the server stamped the batch at one moment.
    pub fn timestamp(&self) -> Option<u64> {
        let AppendAck { start, end, .. } = &self.batch;
        match self.seq_num() {
            seq_num if seq_num == start.seq_num => Some(start.timestamp),
            seq_num if seq_num + 1 == end.seq_num => Some(end.timestamp),
            _ => (start.timestamp == end.timestamp).then_some(start.timestamp),
        }
    }

    /// The whole batch's ack.
    pub fn batch(&self) -> &AppendAck {
        &self.batch
    }
}
