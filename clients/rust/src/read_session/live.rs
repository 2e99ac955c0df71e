//! One server-side session: opened, fed with credit, closed when dropped.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use riverrun_protocol::request::{GrantCredit, OpenReadSession, ReadParams, Request};
use riverrun_protocol::response::{CompressedPage, ReadBatches, SessionOpened};
use riverrun_protocol::types::Position;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::inbox::{End, Inbox, Item};
use crate::connection::{Connection, Track};
use crate::deadline::after;
use crate::error::{Disconnect, Error};
use crate::options::ReadSessionConfig;
use crate::retry::{Effect, retrying};
use crate::stream::StreamHandle;

#[derive(Debug)]
pub(super) struct Live {
    line: Line,
    window_bytes: u64,
    /// Picked up and not yet granted again.
    taken_bytes: u64,
    silence_max: Duration,
    /// When the last frame was picked up. Time during which nobody asked for frames is no silence of the server.
    heard: Instant,
    silence: Pin<Box<Sleep>>,
}

/// What the server said.
#[derive(Debug)]
pub(super) enum Frame {
    Records(ReadBatches),
    Page(CompressedPage),
    Heartbeat(Position),
}

/// The session's id on its connection. Dropped, it tells the server that nobody reads any more.
#[derive(Debug)]
struct Line {
    connection: Connection,
    id: u64,
    inbox: Arc<Inbox>,
}

impl Live {
    /// Opens a session on the connection of the stream's shard, retrying as the client's policy says.
    pub(super) async fn open_at_home(
        stream: &StreamHandle,
        params: &ReadParams,
        config: ReadSessionConfig,
    ) -> Result<(Self, SessionOpened), Error> {
        let policy = config.retry.unwrap_or(stream.pool.config().retry);
        let (live, opened, at_home) = retrying(policy, Effect::None, || Self::open(stream, params, config)).await?;
        if at_home {
            return Ok((live, opened));
        }
        // It is on another shard's connection, and every push would take the detour.
        drop(live);
        let again = retrying(policy, Effect::None, || Self::open(stream, params, config)).await?;
        Ok((again.0, again.1))
    }

    /// Opens a session once; whether it is on the connection of its stream's shard.
    pub(super) async fn open(
        stream: &StreamHandle,
        params: &ReadParams,
        config: ReadSessionConfig,
    ) -> Result<(Self, SessionOpened, bool), Error> {
        let connection = stream.pool.connection(stream.placement.get()).await?;
        let (credit_bytes, takes_pages) = (config.window(), connection.has_pages());
        let inbox = Arc::new(Inbox::new(credit_bytes, takes_pages));
        let request =
            OpenReadSession { target: stream.target.clone(), params: params.clone(), credit_bytes, takes_pages };
        let id = connection.open_session(&Request::OpenReadSession(request), inbox.clone())?;
        let line = Line { connection, id, inbox };
        let opened = line.opened(stream.pool.config().request_timeout).await?;
        let at_home = stream.pool.learn(&stream.placement, &line.connection, opened.shard);
        Ok((Self::new(line, config), opened, at_home))
    }

    fn new(line: Line, config: ReadSessionConfig) -> Self {
        let heard = Instant::now();
        Self {
            line,
            window_bytes: config.window(),
            taken_bytes: 0,
            silence_max: config.silence_max,
            heard,
            silence: Box::pin(sleep_until(after(heard, config.silence_max))),
        }
    }

    /// The next frame, or why there is none: `Ok(None)` is the clean end.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, Error>> {
        let polled = self.line.inbox.poll(cx);
        let Poll::Ready(received) = polled else { return self.poll_silence(cx).map(Err) };
        self.heard = Instant::now();
        Poll::Ready(match received {
            Ok(Item::Records { read, body_bytes }) => {
                self.take(body_bytes);
                Ok(Some(Frame::Records(read)))
            }
            Ok(Item::Page(page)) => {
                self.take(page.raw_bytes.into());
                Ok(Some(Frame::Page(page)))
            }
            Ok(Item::Heartbeat(tail)) => Ok(Some(Frame::Heartbeat(tail))),
            Ok(Item::Opened(_)) => Err(Error::violation("a read session was opened twice")),
            Err(End::Clean) => Ok(None),
            Err(end) => Err(end.into()),
        })
    }

    /// Gives credit back in quarters of the window: often enough that the server never runs dry while the reader keeps up,
    /// seldom enough that small pushes do not cost a frame each.
    fn take(&mut self, bytes: u64) {
        self.taken_bytes += bytes;
        if self.taken_bytes < self.window_bytes.div_ceil(4) {
            return;
        }
        let bytes = std::mem::take(&mut self.taken_bytes);
        let Line { connection, id, inbox } = &self.line;
        inbox.grant(bytes);
        connection.send(*id, &Request::GrantCredit(GrantCredit { bytes }), 0, Track::None);
    }

    /// A server that reads nothing, as it said, does not know of the credit that it was granted, and may have none left.
    fn heard_at(&self) -> Instant {
        self.line.inbox.throttled_until().map_or(self.heard, |until| until.max(self.heard))
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        while self.silence.as_mut().poll(cx).is_ready() {
            // Set anew only when it rings, not with each frame.
            let due = after(self.heard_at(), self.silence_max);
            if due <= Instant::now() {
                return Poll::Ready(Error::disconnected(true, Disconnect::Silent(self.silence_max)));
            }
            self.silence.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl Line {
    async fn opened(&self, limit: Duration) -> Result<SessionOpened, Error> {
        let first = poll_fn(|cx| self.inbox.poll(cx));
        match timeout(limit, first).await {
            Ok(Ok(Item::Opened(opened))) => Ok(opened),
            Ok(Ok(_)) => Err(Error::violation("a push before the session was opened")),
            Ok(Err(End::Clean)) => Err(Error::violation("the session ended before it was opened")),
            Ok(Err(end)) => Err(end.into()),
            Err(_) => Err(Error::timed_out(true, limit)),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.inbox.abandon() {
            self.connection.send(self.id, &Request::CloseReadSession, 0, Track::None);
        }
    }
}

impl From<End> for Error {
    fn from(end: End) -> Self {
        match end {
            End::Clean => Self::violation("the session ended"),
            End::Refused(frame) => Self::answered(&frame),
            End::Lost(cause) => Self::disconnected(true, cause),
        }
    }
}
