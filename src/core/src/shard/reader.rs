//! A reader: one read session, or one single read. A cursor into a stream, never a queue (design.md 5): when its client takes
//! no more, the cursor waits, and what it waits for is not kept for it.

use std::collections::VecDeque;
use std::time::Duration;

use riverrun_protocol::request::ReadParams;
use riverrun_protocol::types::Position;

use super::connection::ConnectionKey;
use super::slab::Key;
use super::stream::{Stream, StreamKey};
use super::take::{Bounds, Fill, Taken};
use crate::event::{LoadId, Loaded};

pub(super) type ReaderKey = Key<Reader>;

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: ConnectionKey,
    /// The frame that began it.
    pub(super) id: u64,
    pub(super) kind: ReaderKind,
    /// `None` until its stream is found and its start resolved.
    pub(super) stream: Option<StreamKey>,
    /// Its client closed it before that.
    pub(super) closing: bool,
    /// The next sequence number it wants.
    pub(super) cursor: u64,
    /// Set while a timestamp start is not resolved to a number yet: records below it are skipped.
    pub(super) not_before: Option<u64>,
    pub(super) bounds: Bounds,
    pub(super) may_follow: bool,
    /// The tail at admission: where a read ends that may not follow.
    pub(super) admitted_tail: u64,
    /// How long it waits at the tail from one record to the next; `None` = for ever.
    pub(super) wait: Option<Duration>,
    pub(super) wait_until: Option<Duration>,
    pub(super) phase: Phase,
    /// When records became stable that it waited for at the tail and has not been sent any of.
    pub(super) woken_at: Option<Duration>,
    /// Its place in the stream's list of readers at the tail.
    pub(super) at_tail_index: Option<usize>,
    /// Some of history, in order, from the cursor on.
    pub(super) loaded: VecDeque<Loaded>,
    pub(super) loaded_bytes: usize,
    pub(super) load: PageLoad,
    /// It is in its connection's list of readers that can go on.
    pub(super) is_ready: bool,
    /// Its entry in the timers.
    pub(super) timer: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum ReaderKind {
    Session {
        /// Bytes of pushes that the client still takes; a push may take it below zero.
        credit: i64,
        /// Its client opens pages of history itself.
        takes_pages: bool,
    },
    /// What is gathered for the one answer.
    Single(Taken),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Reads what was there before it came, or what it fell behind by. No heartbeats (`s2-semantics.md` C8).
    CatchUp,
    /// Has been at the tail, and is or will soon be there again. `None`: a heartbeat is due when its socket takes something again.
    Following { heartbeat_at: Option<Duration> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PageLoad {
    None,
    /// Waits for one of the places that all readers share.
    Queued,
    InFlight(LoadId),
}

impl Reader {
    /// A reader whose stream is still to be found.
    pub(super) fn new(connection: ConnectionKey, id: u64, kind: ReaderKind, params: &ReadParams) -> Self {
        let wait = params.wait_secs.map(|secs| Duration::from_secs(secs.into()));
        let bounds = Bounds { count: params.count, bytes: params.bytes, until: params.until };
        Self {
            connection,
            id,
            kind,
            stream: None,
            closing: false,
            cursor: 0,
            not_before: None,
            bounds,
            may_follow: may_follow(params),
            admitted_tail: 0,
            wait,
            wait_until: None,
            phase: Phase::CatchUp,
            woken_at: None,
            at_tail_index: None,
            loaded: VecDeque::new(),
            loaded_bytes: 0,
            load: PageLoad::None,
            is_ready: false,
            timer: None,
        }
    }

    pub(super) fn admit(&mut self, stream: StreamKey, cursor: u64, not_before: Option<u64>, tail: Position) {
        self.stream = Some(stream);
        self.cursor = cursor;
        self.not_before = not_before;
        self.admitted_tail = tail.seq_num;
    }

    pub(super) fn is_session(&self) -> bool {
        matches!(self.kind, ReaderKind::Session { .. })
    }

    /// The sequence number that it may not reach now. A read that may not follow never chases later appends (C5); a single read
    /// chases them only when it has found nothing.
    pub(super) fn limit(&self, stream: &Stream) -> u64 {
        let follows = self.may_follow && (self.is_session() || matches!(self.phase, Phase::Following { .. }));
        if follows { stream.stable.seq_num } else { self.admitted_tail }
    }

    /// Whether pages of history may go to it as they are stored. What it follows comes with the tail, and is opened here.
    pub(super) fn takes_pages(&self) -> bool {
        matches!(self.kind, ReaderKind::Session { takes_pages: true, .. }) && matches!(self.phase, Phase::CatchUp)
    }

    pub(super) fn fill(&self, push_bytes_max: u64) -> Fill {
        if self.is_session() { Fill::Whole { metered_bytes_max: push_bytes_max } } else { Fill::Exact }
    }

    pub(super) fn has_credit(&self) -> bool {
        match self.kind {
            ReaderKind::Session { credit, .. } => credit > 0,
            ReaderKind::Single(_) => true,
        }
    }

    /// Where its loaded pages end; the cursor where it has none.
    pub(super) fn loaded_end(&self) -> u64 {
        self.loaded.back().map_or(self.cursor, Loaded::end_seq_num)
    }

    /// Returns the bytes it held.
    pub(super) fn drop_first_loaded(&mut self) -> usize {
        let bytes = self.loaded.pop_front().map_or(0, |piece| piece.held_bytes());
        self.loaded_bytes -= bytes;
        bytes
    }

    /// What is below is removed: lets go of what was loaded of it, and returns the bytes.
    pub(super) fn skip_to(&mut self, seq_num: u64) -> usize {
        (self.cursor, self.not_before) = (seq_num, None);
        let mut bytes = 0;
        while self.loaded.front().is_some_and(|piece| piece.end_seq_num() <= seq_num) {
            bytes += self.drop_first_loaded();
        }
        bytes
    }

    /// What a single read has gathered so far; a session keeps nothing from one push to the next.
    pub(super) fn take_gathered(&mut self) -> Taken {
        match &mut self.kind {
            ReaderKind::Session { .. } => Taken::default(),
            ReaderKind::Single(taken) => std::mem::take(taken),
        }
    }

    /// Its part of the shard's loaded pages.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.kind {
            ReaderKind::Session { .. } => self.loaded_bytes,
            ReaderKind::Single(taken) => self.loaded_bytes + taken.bytes as usize,
        }
    }

    /// Lets go of everything it holds: a single read begins again where it began to gather. Returns the bytes.
    pub(super) fn drop_held(&mut self) -> usize {
        let bytes = self.held_bytes();
        self.loaded.clear();
        self.loaded_bytes = 0;
        let gathered = self.take_gathered();
        if let Some(first) = gathered.first_seq_num {
            self.cursor = first;
            self.bounds.restore(gathered.records, gathered.metered_bytes);
        }
        bytes
    }

    /// The wait is a gap between records, not a total: every delivery pushes it out (C7).
    pub(super) fn on_delivered(&mut self, now: Duration) {
        self.wait_until = self.wait.map(|wait| now + wait);
    }

    pub(super) fn wait_is_over(&self, now: Duration) -> bool {
        self.wait_until.is_some_and(|until| until <= now)
    }
}

/// `s2-semantics.md` C3. A single read always has bounds, so that this means `wait > 0` for it.
fn may_follow(params: &ReadParams) -> bool {
    let bounded = params.count.is_some() || params.bytes.is_some() || params.until.is_some();
    !bounded || params.wait_secs.is_some_and(|wait| wait > 0)
}
