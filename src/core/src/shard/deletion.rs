//! The end of a stream, in two steps (`s2-semantics.md` E6). Closing accepts nothing more and lets what was accepted become
//! stable; a crash undoes it, so that nothing is lost if the catalog never hears of the deletion. When the catalog has it, a last
//! record tells followers (C16), everyone is sent away, and the shard forgets the stream.

use bytes::Bytes;
use riverrun_protocol::batch::{self, Record};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{AppendConditions, StreamRef};
use riverrun_protocol::types::StreamId;

use super::acks::AckTo;
use super::append::Input;
use super::load::load_error;
use super::reader::{Phase, ReaderKey};
use super::stream::{Stream, StreamKey};
use super::streams::Located;
use super::{Shard, Turn};
use crate::action::{Action, NotClosed};
use crate::event::{BatchBytes, CallId, CloseWhen, LoadFailure};
use crate::limits::CONNECTION_OUTPUT_BYTES_MAX;
use crate::time::Now;

/// How far a stream is on the way to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Open,
    /// Accepts nothing more. The calls are answered when what it had accepted is stable.
    Closed {
        calls: Vec<CallId>,
    },
    /// The catalog holds its deletion. The calls are answered when nothing is left of it here.
    Deleted {
        calls: Vec<CallId>,
        terminal_trim: TerminalTrim,
    },
}

/// The record that ends a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TerminalTrim {
    Accepted,
    Stable,
}

impl Stream {
    pub(super) fn is_open(&self) -> bool {
        self.life == Life::Open
    }

    /// # Errors
    /// That it is being deleted, once that is certain. A closed stream may be opened again, also by a crash, if the catalog does not
    /// take its deletion: until it has, nobody is told of one (`s2-semantics.md` B9), but to come back.
    pub(super) fn check_open(&self) -> Result<(), ErrorFrame> {
        match &self.life {
            Life::Open => Ok(()),
            Life::Closed { .. } if self.entry.deleted_at_ms.is_none() => Err(closed_for_now()),
            Life::Closed { .. } | Life::Deleted { .. } => Err(deletion_pending()),
        }
    }

    /// Its last record is stable: whoever has read that has read everything.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.life, Life::Deleted { terminal_trim: TerminalTrim::Stable, .. })
    }

    /// E8's race rule: no records, nothing on its way, no write for this long.
    fn is_empty_since(&self, min_age_ms: u64, now: Now) -> bool {
        let nothing_inflight = self.stable.seq_num == self.next.seq_num;
        let since_put = self.last_put.map(|at| now.monotonic.saturating_sub(at).as_millis() as u64);
        let is_old = self.last_write_ms.saturating_add(min_age_ms) <= now.wall_ms
            && since_put.is_none_or(|passed| passed >= min_age_ms);
        nothing_inflight && self.start_seq_num >= self.next.seq_num && is_old
    }
}

impl Shard {
    pub(super) fn on_close_stream(&mut self, turn: &mut Turn<'_>, call: CallId, target: StreamRef, when: CloseWhen) {
        if self.failed || self.draining {
            let why = LoadFailure::Unavailable("the server is stopping".to_owned());
            return answer_not_closed(turn, call, NotClosed::Load(why));
        }
        match self.streams.find(&target) {
            Some(Located::Open(stream)) => self.close_stream(turn, stream, call, when),
            Some(Located::Loading(load)) => self.loads.close_when_loaded(load, call, when),
            None => self.load_to_close(turn, target, call, when),
        }
    }

    pub(super) fn close_stream(&mut self, turn: &mut Turn<'_>, key: StreamKey, call: CallId, when: CloseWhen) {
        let is_awaited = self.waiting_appends.iter().any(|append| append.stream == key);
        let stream = &mut self.streams[key];
        let may_close = match when {
            CloseWhen::Always => true,
            CloseWhen::Empty { min_age_ms } => {
                stream.is_open() && !is_awaited && stream.is_empty_since(min_age_ms, turn.now)
            }
        };
        match &mut stream.life {
            Life::Deleted { .. } => {
                return answer_not_closed(turn, call, NotClosed::Load(LoadFailure::StreamDeletionPending));
            }
            _ if !may_close => return answer_not_closed(turn, call, NotClosed::InUse),
            Life::Closed { calls } => calls.push(call),
            life @ Life::Open => *life = Life::Closed { calls: vec![call] },
        }
        self.refuse_waiting_of(turn, key, &closed_for_now());
        self.answer_closed(turn, key);
    }

    /// What was accepted is stable, and acknowledged: the close is complete.
    pub(super) fn answer_closed(&mut self, turn: &mut Turn<'_>, key: StreamKey) {
        let stream = &mut self.streams[key];
        let Life::Closed { calls } = &mut stream.life else { return };
        if stream.stable.seq_num == stream.next.seq_num {
            for call in std::mem::take(calls) {
                turn.actions.push(Action::StreamClosed { call, outcome: Ok(stream.stable) });
            }
        }
    }

    /// The shard failed: what was accepted will not become stable here.
    pub(super) fn fail_closes(&mut self, turn: &mut Turn<'_>, why: &str) {
        for key in self.streams.slab.keys().collect::<Vec<_>>() {
            let Life::Closed { calls } = &mut self.streams[key].life else { continue };
            for call in std::mem::take(calls) {
                answer_not_closed(turn, call, NotClosed::Load(LoadFailure::Unavailable(why.to_owned())));
            }
        }
    }

    pub(super) fn on_stream_reopened(&mut self, turn: &mut Turn<'_>, target: &StreamRef, id: StreamId) {
        let Some(key) = self.find_open(target, id) else { return };
        if let Life::Closed { calls } = &mut self.streams[key].life {
            for call in std::mem::take(calls) {
                let why = LoadFailure::Unavailable("the stream was opened again".to_owned());
                answer_not_closed(turn, call, NotClosed::Load(why));
            }
            self.streams[key].life = Life::Open;
        }
    }

    /// A stream that is not here has nothing that could be left of it: closing it keeps it here, and after a restart only those
    /// with unpublished records are.
    pub(super) fn on_stream_deleted(&mut self, turn: &mut Turn<'_>, call: CallId, target: &StreamRef, id: StreamId) {
        let Some(key) = self.find_open(target, id) else {
            return turn.actions.push(Action::StreamGone { call });
        };
        if self.failed || self.drained {
            return;
        }
        if let Life::Deleted { calls, .. } = &mut self.streams[key].life {
            return calls.push(call);
        }
        let life = Life::Deleted { calls: vec![call], terminal_trim: TerminalTrim::Accepted };
        if let Life::Closed { calls } = std::mem::replace(&mut self.streams[key].life, life) {
            let why = NotClosed::Load(LoadFailure::StreamDeletionPending);
            calls.into_iter().for_each(|call| answer_not_closed(turn, call, why.clone()));
        }
        self.deleted.push(key);
        self.refuse_waiting_of(turn, key, &deletion_pending());
        self.end_append_sessions_of(turn, key, &deletion_pending());
        self.append_terminal_trim(turn, key);
    }

    /// Like any batch, except that nothing can refuse it and that it does not wait for room: there is one per stream.
    fn append_terminal_trim(&mut self, turn: &mut Turn<'_>, key: StreamKey) {
        let earliest = Bytes::copy_from_slice(&u64::MAX.to_be_bytes());
        let trim = Record { headers: vec![(Bytes::new(), "trim".into())], ..Record::new(earliest) };
        let bytes = batch::encode(&[trim]).expect("a trim record is a sound one");
        let facts = batch::check_ingest(&bytes).expect("what was just encoded is sound");
        let input = Input { bytes: BatchBytes::Borrowed(&bytes), conditions: AppendConditions::default(), facts };
        self.put(turn, key, AckTo::TerminalTrim(key), input);
    }

    /// Followers have it before them, and then the end. Everyone else reads what is about to vanish.
    pub(super) fn on_terminal_trim_stable(&mut self, turn: &mut Turn<'_>, stream: StreamKey) {
        if let Life::Deleted { terminal_trim, .. } = &mut self.streams[stream].life {
            *terminal_trim = TerminalTrim::Stable;
        }
        for key in self.readers.keys().collect::<Vec<_>>() {
            let reader = &self.readers[key];
            let follows = reader.is_session() && matches!(reader.phase, Phase::Following { .. });
            if reader.stream == Some(stream) && !follows {
                self.fail_reader(turn, key, deletion_pending());
            }
        }
    }

    /// Streams whose last record is stable, in the end in a chunk, let go of those who hold them, and go.
    pub(super) fn finish_deletions(&mut self, turn: &mut Turn<'_>) {
        if self.deleted.is_empty() {
            return;
        }
        self.fail_stuck_followers(turn);
        for key in std::mem::take(&mut self.deleted) {
            if self.streams[key].is_over() && self.streams[key].users == 0 && self.streams[key].is_published() {
                self.forget_deleted(turn, key);
            } else {
                self.deleted.push(key);
            }
        }
    }

    /// A client that takes nothing must not keep a deleted stream alive.
    fn fail_stuck_followers(&mut self, turn: &mut Turn<'_>) {
        let is_held = |key: &StreamKey| self.streams[*key].is_over() && self.streams[*key].users > 0;
        if !self.deleted.iter().any(is_held) {
            return;
        }
        for key in self.readers.keys().collect::<Vec<_>>() {
            let is_over = self.readers[key].stream.is_some_and(|stream| self.streams[stream].is_over());
            if is_over && !self.goes_on(key) {
                self.fail_reader(turn, key, stream_deleted());
            }
        }
    }

    fn goes_on(&self, key: ReaderKey) -> bool {
        let reader = &self.readers[key];
        reader.is_ready && self.connections[reader.connection].has_output_room(CONNECTION_OUTPUT_BYTES_MAX)
    }

    fn forget_deleted(&mut self, turn: &mut Turn<'_>, key: StreamKey) {
        if let Some(stream) = self.streams.remove(key, &mut self.tail_cache)
            && let Life::Deleted { calls, .. } = stream.life
        {
            turn.actions.extend(calls.into_iter().map(|call| Action::StreamGone { call }));
        }
    }

    /// Whether somebody waits for the chunk that a deleted stream's last record will be in.
    pub(super) fn has_unsealed_deletions(&self) -> bool {
        self.deleted.iter().any(|key| self.streams[*key].has_unsealed())
    }

    pub(super) fn find_open(&self, target: &StreamRef, id: StreamId) -> Option<StreamKey> {
        match self.streams.find(target)? {
            Located::Open(key) => Some(key).filter(|key| self.streams[*key].entry.id == id),
            Located::Loading(_) => None,
        }
    }
}

pub(super) fn answer_not_closed(turn: &mut Turn<'_>, call: CallId, why: NotClosed) {
    turn.actions.push(Action::StreamClosed { call, outcome: Err(why) });
}

fn closed_for_now() -> ErrorFrame {
    let why = "the stream is closed while it is decided whether it is deleted: try again in a moment";
    ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::new(ErrorCode::Unavailable, why) }
}

/// `s2-semantics.md` E6, E11.
pub(super) fn deletion_pending() -> ErrorFrame {
    load_error(LoadFailure::StreamDeletionPending)
}

/// A follower's last word (`s2-semantics.md` C16).
pub(super) fn stream_deleted() -> ErrorFrame {
    ErrorFrame::new(ErrorCode::Unavailable, "the stream was deleted; what it held is gone")
}
