//! One connection: the handle that calls and sessions hold.
//!
//! A single task owns the socket (`task`): it writes what was queued (`outbox`), cuts what arrives into frames (`inbound`)
//! and hands each to whoever waits for its id (`registry`). Because one task does both, the moment of the connection's end is
//! one moment: after it nothing more is written, so "was it sent?" has a definite answer for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use riverrun_protocol::frame::FrameHeader;
use riverrun_protocol::limits::{CONNECTION_REQUESTS_MAX, FRAME_HEADER_BYTES};
use riverrun_protocol::request::{FEATURE_PAGES, Request};
use riverrun_protocol::response::{HelloAccepted, Response};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::config::ClientConfig;
use crate::deadline::after;
use crate::error::Error;

use call::{Call, Slot};
use outbox::Outgoing;
pub(crate) use outbox::{Input, Track};
use registry::Registry;
pub(crate) use registry::{Inbound, Next, Session};

mod call;
mod dial;
mod inbound;
mod outbox;
mod registry;
mod task;
mod watch;

/// Ids handed out by this side that the server may answer at the same time: the server's own limit, less a few for pings.
const REQUESTS_INFLIGHT_MAX: usize = CONNECTION_REQUESTS_MAX - 16;

const UNSETTLED: u32 = u32::MAX;

/// A server that throttles says so again every few seconds; one that announces more is not waited for on its word alone.
const THROTTLED_MAX: Duration = Duration::from_secs(30);

/// A handle to a connection; its task ends when the last handle is gone and everything queued is written.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    outbox: mpsc::UnboundedSender<Outgoing>,
}

/// What the handles and the task share.
#[derive(Debug)]
pub(crate) struct Shared {
    hello: HelloAccepted,
    registry: Registry,
    /// Set by the server's `Draining`: no new work.
    draining: AtomicBool,
    /// The shard whose streams it is used for; `UNSETTLED` until an answer names one.
    shard: AtomicU32,
    ids: AtomicU64,
    /// One permit per call in progress, or given up and still in the queue.
    calls: Arc<Semaphore>,
    opened: Instant,
    /// When the last byte arrived, or until when the server reads nothing as it said, in ms since `opened`.
    heard_ms: AtomicU64,
}

impl Shared {
    fn new(hello: HelloAccepted) -> Self {
        Self {
            hello,
            registry: Registry::default(),
            draining: AtomicBool::new(false),
            shard: AtomicU32::new(UNSETTLED),
            ids: AtomicU64::new(1),
            calls: Arc::new(Semaphore::new(REQUESTS_INFLIGHT_MAX)),
            opened: Instant::now(),
            heard_ms: AtomicU64::new(0),
        }
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether `id` was ever given out here; frames for such ids may arrive late, frames for others are lies.
    fn was_issued(&self, id: u64) -> bool {
        (1..self.ids.load(Ordering::Relaxed)).contains(&id)
    }

    fn heard(&self) {
        self.heard_until(Instant::now());
    }

    fn heard_until(&self, at: Instant) {
        let ms = at.saturating_duration_since(self.opened).as_millis() as u64;
        self.heard_ms.fetch_max(ms, Ordering::Relaxed);
    }

    /// The server will read nothing for so long: the time counts as silence no more than it counts against a session's inputs.
    fn on_throttled(&self, retry_after: Duration) {
        let until = Instant::now() + retry_after.min(THROTTLED_MAX);
        self.heard_until(until);
        self.registry.sessions().into_iter().for_each(|(_, session)| session.on_throttled(until));
    }

    fn silence(&self) -> Duration {
        self.opened.elapsed().saturating_sub(Duration::from_millis(self.heard_ms.load(Ordering::Relaxed)))
    }
}

impl Connection {
    /// Connects, says hello, and starts the task.
    pub(crate) async fn dial(address: &str, config: &ClientConfig) -> Result<Self, Error> {
        let dialed = dial::dial(address, config).await?;
        let (outbox, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(dialed.hello));
        let watch = watch::Watch::new(shared.clone(), outbox.downgrade(), config);
        tokio::spawn(task::run(dialed.socket, dialed.unread, shared.clone(), queue, watch));
        Ok(Self { shared, outbox })
    }

    pub(crate) fn hello(&self) -> &HelloAccepted {
        &self.shared.hello
    }

    /// Whether its server sends history compressed to whoever takes it so.
    pub(crate) fn has_pages(&self) -> bool {
        self.hello().features & FEATURE_PAGES != 0
    }

    /// The shard whose streams it is used for, once that is known.
    pub(crate) fn shard(&self) -> Option<u16> {
        u16::try_from(self.shared.shard.load(Ordering::Relaxed)).ok()
    }

    /// An answer over it has named this shard; the first one stays. The one that it is.
    pub(crate) fn settle(&self, shard: u16) -> u16 {
        self.shard().unwrap_or_else(|| {
            let first =
                self.shared.shard.compare_exchange(UNSETTLED, shard.into(), Ordering::Relaxed, Ordering::Relaxed);
            first.err().and_then(|settled| u16::try_from(settled).ok()).unwrap_or(shard)
        })
    }

    /// Neither gone nor draining.
    pub(crate) fn is_usable(&self) -> bool {
        !self.shared.draining.load(Ordering::Relaxed) && self.shared.registry.is_open()
    }

    /// Sends one request and waits for its one answer. `batch` follows the request's own fields.
    ///
    /// Dropping the future before the request's first byte is written takes it back.
    ///
    /// On a connection that the server throttles, a call waits behind the inputs of sessions, and unlike theirs its time goes
    /// on: whoever set it wants to hear by then, and hears whether the request may have been sent. The openings of sessions
    /// are the same.
    pub(crate) async fn call(&self, request: &Request<'_>, batch: Bytes, timeout: Duration) -> Result<Response, Error> {
        let deadline = after(Instant::now(), timeout);
        let permit = timeout_at(deadline, self.shared.calls.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Error::timed_out(false, timeout)) };
        let call = Call::start(self, request, batch, permit)?;
        call.answer(deadline, timeout).await
    }

    /// Registers a session and sends the frame that opens it. The frame's id is the session's.
    pub(crate) fn open_session(&self, request: &Request<'_>, session: Arc<dyn Session>) -> Result<u64, Error> {
        let id = self.register(Slot::Session(session))?;
        self.send(id, request, 0, Track::None);
        Ok(id)
    }

    /// Removes an id: what still arrives for it is ignored.
    pub(crate) fn forget(&self, id: u64) {
        self.shared.registry.remove(id);
    }

    /// Queues a frame; `track` has the batch of so many bytes that belongs behind the request's own fields. It is written in
    /// the order of the calls, or never if the connection ends first.
    pub(crate) fn send(&self, id: u64, request: &Request<'_>, batch_bytes: usize, track: Track) {
        let head = head(id, request, batch_bytes);
        // A send fails only if the task has ended; then it has told, or is telling, everyone in the registry.
        let _ = self.outbox.send(Outgoing { head, track });
    }

    fn register(&self, slot: Slot) -> Result<u64, Error> {
        let id = self.shared.next_id();
        self.shared.registry.insert(id, slot).map_err(|cause| Error::disconnected(false, cause))?;
        Ok(id)
    }
}

/// A frame's header and the body's beginning; `batch_bytes` more of the body are to follow.
fn head(id: u64, request: &Request<'_>, batch_bytes: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(64);
    request.write(id, &mut out);
    if batch_bytes > 0 {
        let body_bytes = out.len() - FRAME_HEADER_BYTES + batch_bytes;
        let mut header = BytesMut::with_capacity(FRAME_HEADER_BYTES);
        FrameHeader::new(request.kind(), id, body_bytes).write(&mut header);
        out[..FRAME_HEADER_BYTES].copy_from_slice(&header);
    }
    out.freeze()
}
