//! Where the connection's task leaves a read session's frames, and the session picks them up.
//!
//! What can pile up here is bounded by the credit that was granted: every push costs its body, or what it decompresses to, a push
//! without credit ends the connection, and heartbeats on end replace one another. So the connection's task never has to wait
//! for a slow reader, and a server cannot make a reader hold more than it asked for.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use riverrun_protocol::FrameKind;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::{CompressedPage, Push, ReadBatches, Response, SessionOpened};
use riverrun_protocol::types::Position;
use tokio::time::Instant;

use crate::connection::{Inbound, Next, Session};
use crate::error::Disconnect;

/// A frame for the session.
#[derive(Debug)]
pub(super) enum Item {
    Opened(SessionOpened),
    Records {
        read: ReadBatches,
        body_bytes: u64,
    },
    /// Still closed: whoever picks it up opens it.
    Page(CompressedPage),
    Heartbeat(Position),
}

/// Why no more frames come.
#[derive(Clone, Debug)]
pub(super) enum End {
    Clean,
    Refused(ErrorFrame),
    Lost(Disconnect),
}

#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    items: VecDeque<Item>,
    end: Option<End>,
    reader: Option<Waker>,
    opened: bool,
    /// Whether the server was told that it may send pages.
    takes_pages: bool,
    /// As the server counts it, or more where a grant is still on its way to it.
    credit: i64,
    /// Until then the server reads nothing, as it said; so nothing of what was granted.
    throttled_until: Option<Instant>,
    /// Nobody will pick anything up any more.
    abandoned: bool,
}

impl Inbox {
    /// `credit_bytes` and `takes_pages` go out with the frame that opens the session.
    pub(super) fn new(credit_bytes: u64, takes_pages: bool) -> Self {
        let state = State {
            items: VecDeque::new(),
            end: None,
            reader: None,
            opened: false,
            takes_pages,
            credit: credit_bytes.min(i64::MAX as u64) as i64,
            throttled_until: None,
            abandoned: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// The next frame; once all are picked up, the end.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Item, End>> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Ok(item));
        }
        if let Some(end) = &state.end {
            return Poll::Ready(Err(end.clone()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// To be called before the grant is sent.
    pub(super) fn grant(&self, bytes: u64) {
        let mut state = self.lock();
        state.credit = state.credit.saturating_add(bytes.min(i64::MAX as u64) as i64);
    }

    pub(super) fn throttled_until(&self) -> Option<Instant> {
        self.lock().throttled_until
    }

    /// Forgets what is there and whatever may still come. `true`: the server has not ended it yet.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.lock();
        state.abandoned = true;
        state.items.clear();
        state.end.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn on_push(&mut self, push: Push, body_bytes: u64) -> Result<(), String> {
        if !self.opened {
            return Err(format!("{} before the session was opened", push.kind()));
        }
        match push {
            Push::Records(read) => self.on_paid(FrameKind::Records, body_bytes, Item::Records { read, body_bytes }),
            Push::Page(_) if !self.takes_pages => Err("a Page in a session that takes none".to_owned()),
            Push::Page(page) => self.on_paid(FrameKind::Page, page.raw_bytes.into(), Item::Page(page)),
            Push::Heartbeat { tail } => {
                if let Some(Item::Heartbeat(_)) = self.items.back() {
                    self.items.pop_back();
                }
                self.items.push_back(Item::Heartbeat(tail));
                Ok(())
            }
            Push::Draining | Push::Throttled { .. } => Err(format!("{} within a session", push.kind())),
        }
    }

    fn on_paid(&mut self, kind: FrameKind, bytes: u64, item: Item) -> Result<(), String> {
        if self.credit <= 0 {
            return Err(format!("{kind} without credit"));
        }
        self.credit -= bytes as i64;
        self.items.push_back(item);
        Ok(())
    }

    fn on_opened(&mut self, opened: SessionOpened) -> Result<(), String> {
        if self.opened {
            return Err("a read session was opened twice".to_owned());
        }
        self.opened = true;
        self.items.push_back(Item::Opened(opened));
        Ok(())
    }

    fn end(&mut self, end: End) -> Next {
        self.end = Some(end);
        Next::Ended
    }

    fn wake(&mut self) {
        if self.abandoned {
            self.items.clear();
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Session for Inbox {
    fn on_frame(&self, frame: Inbound) -> Result<Next, String> {
        let mut state = self.lock();
        let next = match frame {
            Inbound::Push { push, body_bytes } => state.on_push(push, body_bytes).map(|()| Next::More),
            Inbound::Response(Response::ReadSessionOpened(opened)) => state.on_opened(opened).map(|()| Next::More),
            Inbound::Response(Response::SessionEnded) => Ok(state.end(End::Clean)),
            Inbound::Error(frame) => Ok(state.end(End::Refused(frame))),
            Inbound::Response(other) => Err(format!("{} in a read session", other.kind())),
        };
        state.wake();
        next
    }

    fn on_disconnect(&self, cause: &Disconnect) {
        let mut state = self.lock();
        state.end(End::Lost(cause.clone()));
        state.wake();
    }

    fn on_throttled(&self, until: Instant) {
        let mut state = self.lock();
        state.throttled_until = state.throttled_until.max(Some(until));
    }

    fn on_tick(&self, _now: Instant) -> Next {
        Next::More
    }
}

#[cfg(test)]
mod tests;
