//! A read session: history, then live, over reconnects, without gap or repeat (`s2-semantics.md` C6, I5).

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures::future::BoxFuture;
use futures::stream::{FusedStream, Stream};
use riverrun_protocol::batch::{Batch, RecordView};
use riverrun_protocol::response::SessionOpened;
use riverrun_protocol::types::{Position, StreamId};
use tokio::time::{Instant, Sleep, sleep};

use crate::batch::{into_records, verified};
use crate::error::Error;
use crate::options::{ReadOptions, ReadSessionConfig};
use crate::retry::Backoff;
use crate::stream::StreamHandle;

use live::{Frame, Live};
use page::PageOpener;
use resume::Resume;

mod inbox;
mod live;
mod page;
mod resume;

/// What a session delivers.
#[derive(Clone, Debug)]
pub enum ReadEvent {
    /// Records, checksums verified down to the producer's.
    Batch(Batch),
    /// Nothing new: everything below this tail has been delivered.
    Heartbeat(Position),
}

/// Reads a stream in order, within the bounds it was opened with, and ends cleanly (`None`) when they are used up.
///
/// Three ways to read, at falling cost per record: as a [`Stream`] of records; with [`ReadSession::next_batch`], which shares
/// the received bytes; with [`ReadSession::next_event`], which tells heartbeats as well. Mixing them skips nothing as long as
/// no batch is half read as a stream.
///
/// The server sends no more than the window ahead of what was picked up. A lost connection, a stopping server or 20 s of
/// silence make the session reconnect and go on behind the last record delivered; it gives up, with the last failure, when the
/// retry policy is used up without a single frame in between. An error is the last item.
///
/// Dropping it ends the session on the server.
pub struct ReadSession {
    stream: StreamHandle,
    config: ReadSessionConfig,
    resume: Resume,
    backoff: Backoff,
    link: Link,
    pages: PageOpener,
    /// Of the push that is being delivered.
    batches: VecDeque<Batch>,
    /// The tail that came with it, true once all its batches are delivered.
    tail: Option<Position>,
    /// Of the batch that is being read as a stream.
    records: vec::IntoIter<Result<RecordView, Error>>,
}

/// A session on the server, and what it said at opening.
type Opened = Result<(Live, SessionOpened), Error>;

enum Link {
    Live(Box<Live>),
    Pausing(Pin<Box<Sleep>>),
    Opening(BoxFuture<'static, Opened>),
    Ended,
}

impl ReadSession {
    pub(crate) async fn open(
        stream: StreamHandle,
        options: ReadOptions,
        config: ReadSessionConfig,
    ) -> Result<Self, Error> {
        let mut resume = Resume::new(options.params);
        let (live, opened) = Live::open_at_home(&stream, &resume.params(Instant::now()), config).await?;
        resume.on_opened(&opened)?;
        let policy = config.retry.unwrap_or(stream.pool.config().retry);
        Ok(Self {
            stream,
            config,
            resume,
            backoff: Backoff::new(policy),
            link: Link::Live(Box::new(live)),
            pages: PageOpener::default(),
            batches: VecDeque::new(),
            tail: None,
            records: Vec::new().into_iter(),
        })
    }

    /// The next batch; heartbeats are skipped.
    ///
    /// ```no_run
    /// # async fn example(mut session: riverrun_client::ReadSession) -> Result<(), riverrun_client::Error> {
    /// while let Some(batch) = session.next_batch().await {
    ///     let batch = batch?;
    ///     println!("{}..{}: {} bytes", batch.first_seq_num(), batch.end_seq_num(), batch.metered_bytes());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn next_batch(&mut self) -> Option<Result<Batch, Error>> {
        loop {
            match self.next_event().await? {
                Ok(ReadEvent::Batch(batch)) => return Some(Ok(batch)),
                Ok(ReadEvent::Heartbeat(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next batch or heartbeat. Cancel-safe: nothing is lost if the future is dropped.
    ///
    /// ```no_run
    /// # async fn example(mut session: riverrun_client::ReadSession) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ReadEvent;
    ///
    /// while let Some(event) = session.next_event().await {
    ///     match event? {
    ///         ReadEvent::Batch(batch) => println!("{} records", batch.record_count()),
    ///         ReadEvent::Heartbeat(tail) => println!("nothing new at {tail}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn next_event(&mut self) -> Option<Result<ReadEvent, Error>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The lowest number that may still come; `None` while a start by timestamp has not met its first record. Where a reader
    /// that stops here has to go on.
    pub fn next_seq_num(&self) -> Option<u64> {
        match self.records.as_slice().first() {
            Some(Ok(record)) => Some(record.seq_num),
            _ => self.resume.next_seq_num(),
        }
    }

    /// The tail as last heard of, if it was.
    pub fn tail(&self) -> Option<Position> {
        self.resume.tail()
    }

    /// Whether everything up to the tail as last heard of has been delivered (`s2-semantics.md` C13). A later batch, or a
    /// reconnect, makes it false again.
    pub fn caught_up(&self) -> bool {
        self.batches.is_empty() && self.records.len() == 0 && self.resume.is_caught_up()
    }

    /// The stream's id: a stream that is deleted and created again has another.
    pub fn stream_id(&self) -> Option<StreamId> {
        self.resume.stream_id()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ReadEvent, Error>>> {
        loop {
            if let Some(batch) = self.batches.pop_front() {
                return Poll::Ready(Some(self.deliver(batch)));
            }
            if matches!(self.link, Link::Ended) {
                return Poll::Ready(None);
            }
            let event = match ready!(self.poll_frame(cx)) {
                Ok(Some(frame)) => self.on_frame(frame),
                Ok(None) => self.end(None),
                Err(error) => self.on_failure(error),
            };
            if event.is_some() {
                return Poll::Ready(event);
            }
        }
    }

    /// The next frame, the clean end (`None`), or what stands in the way.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, Error>> {
        loop {
            match &mut self.link {
                Link::Live(live) => return live.poll_frame(cx),
                Link::Pausing(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.link = self.opening();
                }
                Link::Opening(opening) => {
                    let opened = ready!(opening.as_mut().poll(cx));
                    if let Err(error) = self.on_reopened(opened) {
                        return Poll::Ready(Err(error));
                    }
                }
                Link::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// A heartbeat is an event at once; records become events one batch at a time.
    fn on_frame(&mut self, frame: Frame) -> Option<Result<ReadEvent, Error>> {
        self.backoff.reset();
        match frame {
            Frame::Heartbeat(tail) => {
                self.resume.on_heartbeat(tail, Instant::now());
                Some(Ok(ReadEvent::Heartbeat(tail)))
            }
            Frame::Records(read) => self.on_batches(verified(&read), read.tail),
            Frame::Page(page) => {
                let batches = self.pages.open(&page);
                self.on_batches(batches, None)
            }
        }
    }

    fn on_batches(
        &mut self,
        batches: Result<Vec<Batch>, Error>,
        tail: Option<Position>,
    ) -> Option<Result<ReadEvent, Error>> {
        match batches {
            Ok(batches) => {
                self.batches = batches.into();
                self.tail = tail;
                None
            }
            Err(error) => self.end(Some(error)),
        }
    }

    fn deliver(&mut self, batch: Batch) -> Result<ReadEvent, Error> {
        if let Err(error) = self.resume.on_batch(&batch) {
            self.end(None);
            return Err(error);
        }
        if self.batches.is_empty()
            && let Some(tail) = self.tail.take()
        {
            self.resume.on_tail(tail, Instant::now());
        }
        Ok(ReadEvent::Batch(batch))
    }

    /// Nothing comes behind this: neither behind the clean end nor behind an error that would only come again.
    fn end(&mut self, error: Option<Error>) -> Option<Result<ReadEvent, Error>> {
        self.link = Link::Ended;
        self.batches.clear();
        // Reading changes nothing, so nothing is in doubt.
        error.map(|error| Err(error.without_effect()))
    }

    /// `None`: it goes on, or has come to its clean end after all.
    fn on_failure(&mut self, error: Error) -> Option<Result<ReadEvent, Error>> {
        self.resume.on_lost();
        if self.resume.is_satisfied() || error.unwritten().is_some_and(|tail| self.resume.has_read_up_to(tail)) {
            return self.end(None);
        }
        if !error.is_transient() {
            return self.end(Some(error));
        }
        let Some(wait) = self.backoff.after_failure(error.retry_after()) else { return self.end(Some(error)) };
        tracing::debug!(%error, ?wait, next = ?self.resume.next_seq_num(), "read session reconnects");
        self.link = Link::Pausing(Box::pin(sleep(wait)));
        None
    }

    fn opening(&self) -> Link {
        let (stream, config) = (self.stream.clone(), self.config);
        let params = self.resume.params(Instant::now());
        Link::Opening(Box::pin(async move {
            let (live, opened, _) = Live::open(&stream, &params, config).await?;
            Ok((live, opened))
        }))
    }

    fn on_reopened(&mut self, opened: Opened) -> Result<(), Error> {
        let (live, opened) = opened?;
        self.resume.on_opened(&opened)?;
        self.link = Link::Live(Box::new(live));
        Ok(())
    }
}

/// Record by record. Costs an allocation for each record that has headers; [`ReadSession::next_batch`] costs none.
impl Stream for ReadSession {
    type Item = Result<RecordView, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.records.next() {
                if record.is_err() {
                    self.records = Vec::new().into_iter();
                    self.end(None);
                }
                return Poll::Ready(Some(record));
            }
            match ready!(self.poll_event(cx)) {
                Some(Ok(ReadEvent::Batch(batch))) => self.records = into_records(&batch),
                Some(Ok(ReadEvent::Heartbeat(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl FusedStream for ReadSession {
    fn is_terminated(&self) -> bool {
        matches!(self.link, Link::Ended) && self.batches.is_empty() && self.records.len() == 0
    }
}

impl fmt::Debug for ReadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadSession")
            .field("stream", &self.stream.target)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}
