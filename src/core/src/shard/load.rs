//! Streams that are not in memory: asked for once, while the requests for them wait in order of arrival.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{ReadParams, StreamRef};
use riverrun_protocol::types::StreamId;

use super::acks::AckTo;
use super::append::{OwnedInput, overloaded};
use super::append_session::AppendSessionKey;
use super::connection::ConnectionKey;
use super::deletion::answer_not_closed;
use super::history::PagesWanted;
use super::reader::ReaderKey;
use super::stream::{Stream, StreamKey};
use super::streams::Located;
use super::{Shard, Turn};
use crate::action::{Action, LoadCause, NotClosed};
use crate::control::StreamEntry;
use crate::event::{CallId, CloseWhen, LoadFailure, LoadId, LoadedStream};
use crate::limits::LOADS_WAITING_REQUESTS_MAX;

/// Everything that was asked of the driver's loaders and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Loads {
    next: u64,
    in_flight: BTreeMap<LoadId, Load>,
    /// Requests that wait in `StreamLoad`s, without inputs of sessions.
    waiting: usize,
}

#[derive(Debug)]
pub(super) enum Load {
    Stream(StreamLoad),
    Pages(PagesWanted),
}

#[derive(Debug)]
pub(super) struct StreamLoad {
    target: StreamRef,
    cause: LoadCause,
    waiting: VecDeque<Waiting>,
    /// Closes that wait behind all of these. The control plane bounds how many calls it makes.
    closes: Vec<(CallId, CloseWhen)>,
    /// The newest entry that the shard was told of meanwhile.
    reconfigured: Option<Arc<StreamEntry>>,
    /// What has expired meanwhile.
    start_raised: Option<(StreamId, u64)>,
    /// How many of `waiting` were there when it was ordered. What the catalog said no to was asked before the others came, and the
    /// stream may have been created in between (`s2-semantics.md` E3).
    asked_for: usize,
}

impl StreamLoad {
    fn new(target: StreamRef, cause: LoadCause) -> Self {
        Self {
            target,
            cause,
            waiting: VecDeque::new(),
            closes: Vec::new(),
            reconfigured: None,
            start_raised: None,
            asked_for: 1,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    connection: ConnectionKey,
    what: Deferred,
}

/// A request that waits for its stream.
#[derive(Debug)]
pub(super) enum Deferred {
    Append {
        id: u64,
        input: OwnedInput,
    },
    AppendSession(AppendSessionKey),
    /// An input that came before its session was open.
    Input {
        session: AppendSessionKey,
        input: OwnedInput,
    },
    CheckTail {
        id: u64,
    },
    Read {
        reader: ReaderKey,
        params: ReadParams,
    },
}

impl Deferred {
    /// The auto-create switch that applies (`s2-semantics.md` E7).
    fn cause(&self) -> LoadCause {
        match self {
            Self::Append { .. } | Self::AppendSession(_) | Self::Input { .. } => LoadCause::Append,
            Self::CheckTail { .. } | Self::Read { .. } => LoadCause::Read,
        }
    }

    /// The inputs of a session are bounded by their bytes alone: to refuse one is to end its session.
    fn requests(&self) -> usize {
        usize::from(!matches!(self, Self::Input { .. }))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Append { input, .. } | Self::Input { input, .. } => input.bytes(),
            _ => 0,
        }
    }
}

impl Loads {
    pub(super) fn begin(&mut self, load: Load) -> LoadId {
        self.next += 1;
        self.in_flight.insert(LoadId(self.next), load);
        LoadId(self.next)
    }

    /// # Panics
    /// If it was answered already.
    pub(super) fn end(&mut self, load: LoadId) -> Load {
        self.in_flight.remove(&load).expect("every load is answered once")
    }

    fn check_room(&self) -> Result<(), ErrorFrame> {
        if self.waiting < LOADS_WAITING_REQUESTS_MAX {
            return Ok(());
        }
        Err(overloaded("too many requests wait for their streams to be opened; try again later"))
    }

    pub(super) fn close_when_loaded(&mut self, load: LoadId, call: CallId, when: CloseWhen) {
        self.stream_load(load).closes.push((call, when));
    }

    pub(super) fn reconfigure_when_loaded(&mut self, load: LoadId, entry: Arc<StreamEntry>) {
        let known = &mut self.stream_load(load).reconfigured;
        // Versions count within one stream; of two streams of one name the later told is the later created.
        let is_older = |known: &StreamEntry| known.id == entry.id && known.config_version > entry.config_version;
        if !known.as_deref().is_some_and(is_older) {
            *known = Some(entry);
        }
    }

    pub(super) fn raise_start_when_loaded(&mut self, load: LoadId, id: StreamId, start_seq_num: u64) {
        let raised = &mut self.stream_load(load).start_raised;
        let before = raised.filter(|(known, _)| *known == id).map_or(0, |(_, start)| start);
        *raised = Some((id, start_seq_num.max(before)));
    }

    fn stream_load(&mut self, load: LoadId) -> &mut StreamLoad {
        match self.in_flight.get_mut(&load) {
            Some(Load::Stream(load)) => load,
            _ => unreachable!("a name is marked as loading exactly while its load is in flight"),
        }
    }
}

impl Shard {
    /// The stream, or the load that it will come with, which begins now if need be. Loads that are in flight are so bounded by the
    /// requests that may wait for them.
    ///
    /// # Errors
    /// The stream is closed; or it is not in memory, and there is no room for a request with `bytes` of batch to wait for it:
    /// nothing was begun, above all no stream created.
    pub(super) fn locate(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        target: &StreamRef,
        cause: LoadCause,
        bytes: usize,
    ) -> Result<Located, ErrorFrame> {
        let found = self.streams.find(target);
        if let Some(Located::Open(key)) = found {
            return self.streams[key].check_open().map(|()| Located::Open(key));
        }
        self.loads.check_room()?;
        self.check_waiting(connection, bytes)?;
        Ok(found.unwrap_or_else(|| Located::Loading(self.begin_load(turn, StreamLoad::new(target.clone(), cause)))))
    }

    fn begin_load(&mut self, turn: &mut Turn<'_>, load: StreamLoad) -> LoadId {
        let (target, cause) = (load.target.clone(), load.cause);
        let load = self.loads.begin(Load::Stream(load));
        self.streams.set_loading(target.clone(), load);
        turn.actions.push(Action::LoadStream { load, target, cause });
        load
    }

    pub(super) fn load_to_close(&mut self, turn: &mut Turn<'_>, target: StreamRef, call: CallId, when: CloseWhen) {
        let closes = vec![(call, when)];
        self.begin_load(turn, StreamLoad { closes, asked_for: 0, ..StreamLoad::new(target, LoadCause::Close) });
    }

    /// Lets a request wait for its stream; full is an answer.
    pub(super) fn defer(&mut self, turn: &mut Turn<'_>, load: LoadId, connection: ConnectionKey, what: Deferred) {
        match self.count_waiting(connection, what.bytes()) {
            Ok(()) => {
                self.loads.waiting += what.requests();
                self.connections[connection].deferred += 1;
                self.loads.stream_load(load).waiting.push_back(Waiting { connection, what });
            }
            Err(error) => self.refuse_deferred(turn, Waiting { connection, what }, error),
        }
    }

    pub(super) fn on_stream_loaded(
        &mut self,
        turn: &mut Turn<'_>,
        id: LoadId,
        load: StreamLoad,
        outcome: Result<LoadedStream, LoadFailure>,
    ) {
        match outcome {
            Ok(loaded) => self.on_stream_found(turn, load, loaded),
            Err(failure) if is_about_existence(&failure) => self.on_stream_refused(turn, id, load, &failure),
            Err(failure) => self.on_load_failed(turn, load, &load_error(failure.clone()), failure),
        }
    }

    fn on_stream_found(&mut self, turn: &mut Turn<'_>, load: StreamLoad, loaded: LoadedStream) {
        let Some(evicted) = self.streams.make_room(self.config.streams_open_max, &mut self.tail_cache) else {
            let error = overloaded("every open stream is in use; close sessions, or try again later");
            let failure = LoadFailure::Unavailable(error.message.clone());
            return self.on_load_failed(turn, load, &error, failure);
        };
        self.counters.streams_evicted += evicted;
        self.counters.streams_loaded += 1;
        let mut stream = Stream::new(with_last_write(loaded, turn.now.wall_ms));
        load.reconfigured.into_iter().for_each(|entry| stream.reconfigure(entry));
        if let Some((_, start)) = load.start_raised.filter(|(id, _)| *id == stream.entry.id) {
            stream.on_expired(start);
        }
        let key = self.streams.insert(stream);
        // Held until the last of them is served: the ones before it could otherwise make it evictable.
        self.streams[key].users += 1;
        for waiting in load.waiting {
            self.forget_deferred(&waiting);
            self.serve_deferred(turn, key, waiting);
        }
        self.streams[key].users -= 1;
        load.closes.into_iter().for_each(|(call, when)| self.close_stream(turn, key, call, when));
    }

    fn serve_deferred(&mut self, turn: &mut Turn<'_>, stream: StreamKey, waiting: Waiting) {
        let Waiting { connection, what } = waiting;
        match what {
            Deferred::AppendSession(session) => self.append_session_opened(turn, session, stream),
            Deferred::Read { reader, params } => self.admit_read(turn, reader, stream, &params),
            Deferred::Input { session, input } if self.append_sessions.contains(session) => {
                self.offer_owned(turn, stream, connection, AckTo::Session(session), input);
            }
            Deferred::Append { id, input } if self.connections.get(connection).is_some() => {
                self.offer_owned(turn, stream, connection, AckTo::Request(connection, id), input);
            }
            Deferred::CheckTail { id } if self.connections.get(connection).is_some() => {
                self.answer_check_tail(turn, connection, id, stream);
            }
            // Its connection was closed, or its session ended, while it waited.
            Deferred::Input { .. } | Deferred::Append { .. } | Deferred::CheckTail { .. } => {}
        }
    }

    /// The answer is for those who waited when it was asked for, as far as it holds for them: where the basin's switch for the load's
    /// cause is off, it may be on for the cause of others. Who is left asks again.
    fn on_stream_refused(&mut self, turn: &mut Turn<'_>, id: LoadId, load: StreamLoad, failure: &LoadFailure) {
        let StreamLoad { target, cause, mut waiting, mut closes, reconfigured, start_raised, asked_for } = load;
        if cause == LoadCause::Close {
            fail_closes(turn, std::mem::take(&mut closes), failure);
        }
        let mut left = waiting.split_off(asked_for.min(waiting.len()));
        for waiting in waiting.into_iter().rev() {
            if *failure == LoadFailure::StreamNotFound && waiting.what.cause() != cause {
                left.push_front(waiting);
            } else {
                self.forget_deferred(&waiting);
                self.refuse_deferred(turn, waiting, load_error(failure.clone()));
            }
        }
        self.drop_inputs_without_session(&mut left);
        // Whoever closes a stream has seen its row: the catalog was asked before that.
        let to_close = (!closes.is_empty()).then_some(LoadCause::Close);
        let Some(cause) = left.front().map(|waiting| waiting.what.cause()).or(to_close) else {
            return self.streams.set_absent(&target);
        };
        let again = StreamLoad::new(target.clone(), cause);
        let load = StreamLoad { asked_for: left.len(), waiting: left, closes, reconfigured, start_raised, ..again };
        self.loads.in_flight.insert(id, Load::Stream(load));
        turn.actions.push(Action::LoadStream { load: id, target, cause });
    }

    /// The inputs of a session that was refused just now go with it.
    fn drop_inputs_without_session(&mut self, waiting: &mut VecDeque<Waiting>) {
        let is_orphan = |waiting: &Waiting| match waiting.what {
            Deferred::Input { session, .. } => !self.append_sessions.contains(session),
            _ => false,
        };
        let (orphans, left): (VecDeque<Waiting>, _) = std::mem::take(waiting).into_iter().partition(is_orphan);
        *waiting = left;
        orphans.iter().for_each(|waiting| self.forget_deferred(waiting));
    }

    fn on_load_failed(&mut self, turn: &mut Turn<'_>, load: StreamLoad, error: &ErrorFrame, failure: LoadFailure) {
        self.streams.set_absent(&load.target);
        fail_closes(turn, load.closes, &failure);
        for waiting in load.waiting {
            self.forget_deferred(&waiting);
            self.refuse_deferred(turn, waiting, error.clone());
        }
    }

    /// Answers everything that waits for a load; the loads themselves will find nobody.
    pub(super) fn refuse_all_deferred(&mut self, turn: &mut Turn<'_>, error: &ErrorFrame) {
        let (mut waiting, mut closes) = (Vec::new(), Vec::new());
        for load in self.loads.in_flight.values_mut() {
            if let Load::Stream(load) = load {
                waiting.extend(std::mem::take(&mut load.waiting));
                closes.append(&mut load.closes);
            }
        }
        fail_closes(turn, closes, &LoadFailure::Unavailable(error.message.clone()));
        for waiting in waiting {
            self.forget_deferred(&waiting);
            self.refuse_deferred(turn, waiting, error.clone());
        }
    }

    /// Nobody waits for it any more: its place and its bytes are free at once, however long the load takes.
    pub(super) fn drop_deferred_of(&mut self, connection: ConnectionKey) {
        let mut dropped = Vec::new();
        for load in self.loads.in_flight.values_mut() {
            if let Load::Stream(load) = load {
                let asked_for = load.asked_for.min(load.waiting.len());
                let is_gone = |waiting: &Waiting| waiting.connection == connection;
                load.asked_for = load.waiting.iter().take(asked_for).filter(|waiting| !is_gone(waiting)).count();
                let (gone, left) = std::mem::take(&mut load.waiting).into_iter().partition(is_gone);
                load.waiting = left;
                dropped.push(gone);
            }
        }
        let dropped: Vec<VecDeque<Waiting>> = dropped;
        dropped.iter().flatten().for_each(|waiting| self.forget_deferred(waiting));
    }

    fn forget_deferred(&mut self, waiting: &Waiting) {
        self.loads.waiting -= waiting.what.requests();
        if let Some(connection) = self.connections.get_mut(waiting.connection) {
            connection.deferred -= 1;
        }
        self.uncount_waiting(waiting.connection, waiting.what.bytes());
    }

    /// Nothing was done for it, whatever happened to its stream.
    fn refuse_deferred(&mut self, turn: &mut Turn<'_>, waiting: Waiting, error: ErrorFrame) {
        let Waiting { connection, what } = waiting;
        match what {
            Deferred::Append { id, .. } => self.refuse_append(turn, connection, AckTo::Request(connection, id), error),
            Deferred::AppendSession(session) => self.append_session_not_opened(turn, session, error),
            Deferred::Input { session, .. } => self.refuse_append(turn, connection, AckTo::Session(session), error),
            Deferred::Read { reader, .. } => self.fail_reader(turn, reader, error),
            Deferred::CheckTail { id } => {
                self.fail(turn, connection, id, error);
                self.end_request(connection, id);
            }
        }
    }
}

/// What may be otherwise a moment later, because somebody creates, deletes or purges.
fn is_about_existence(failure: &LoadFailure) -> bool {
    match failure {
        LoadFailure::BasinNotFound
        | LoadFailure::StreamNotFound
        | LoadFailure::BasinDeletionPending
        | LoadFailure::StreamDeletionPending => true,
        LoadFailure::TransactionConflict | LoadFailure::Corrupt(_) | LoadFailure::Unavailable(_) => false,
    }
}

/// Where nobody knows when the stream was written to last, only that it was: not before now, so that it is never deleted too early
/// (`s2-semantics.md` E8).
fn with_last_write(loaded: LoadedStream, now_ms: u64) -> LoadedStream {
    let unknown = (loaded.state.next.seq_num > 0).then_some(now_ms);
    LoadedStream { quiet_since_ms: loaded.quiet_since_ms.or(unknown), ..loaded }
}

fn fail_closes(turn: &mut Turn<'_>, closes: Vec<(CallId, CloseWhen)>, failure: &LoadFailure) {
    closes.into_iter().for_each(|(call, _)| answer_not_closed(turn, call, NotClosed::Load(failure.clone())));
}

/// The request did nothing yet, so that even a store that does not answer leaves no doubt: it was not done.
pub(super) fn load_error(failure: LoadFailure) -> ErrorFrame {
    let (code, why) = match failure {
        LoadFailure::BasinNotFound => (ErrorCode::BasinNotFound, "there is no such basin".to_owned()),
        LoadFailure::StreamNotFound => (ErrorCode::StreamNotFound, "there is no such stream".to_owned()),
        LoadFailure::BasinDeletionPending => (ErrorCode::BasinDeletionPending, "the basin is being deleted".to_owned()),
        LoadFailure::StreamDeletionPending => (ErrorCode::StreamDeletionPending, "stream deletion pending".to_owned()),
        LoadFailure::TransactionConflict => {
            (ErrorCode::TransactionConflict, "the stream was being created by someone else; try again".to_owned())
        }
        LoadFailure::Corrupt(why) => (ErrorCode::Corrupt, why),
        LoadFailure::Unavailable(why) => (ErrorCode::Unavailable, why),
    };
    let outcome = if code == ErrorCode::Corrupt { Outcome::Terminal } else { Outcome::NotDone };
    ErrorFrame { outcome, ..ErrorFrame::new(code, why) }
}
