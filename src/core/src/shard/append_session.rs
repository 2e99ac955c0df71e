//! Append sessions (`s2-semantics.md` B10): pipelined inputs, acks in order, poisoned by the first refusal.

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{AppendConditions, StreamRef};
use riverrun_protocol::response::{Response, SessionOpened};

use super::acks::AckTo;
use super::append::{BadInput, ingest};
use super::connection::{ConnectionKey, InProgress};
use super::load::Deferred;
use super::slab::Key;
use super::stream::StreamKey;
use super::streams::Located;
use super::{Shard, Turn};
use crate::action::LoadCause;
use crate::event::{AppendRights, BatchBytes, LoadId};

pub(super) type AppendSessionKey = Key<AppendSession>;

#[derive(Debug)]
pub(super) struct AppendSession {
    connection: ConnectionKey,
    id: u64,
    /// Of whoever opened it.
    rights: AppendRights,
    /// Its stream, where the rights are not all there are: what is denied is told of by name.
    limited_on: Option<Box<StreamRef>>,
    place: Place,
    /// Inputs that were neither acknowledged nor discarded.
    unanswered: usize,
    end: End,
    /// An input was refused when its turn came: those that wait are behind it. (What waits when one is refused on arrival is
    /// before it.)
    discards_waiting: bool,
}

/// A client may send inputs right behind the opening frame, before the stream is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Loading(LoadId),
    Open(StreamKey),
}

/// How the session will end, once its last unanswered input is.
#[derive(Debug)]
enum End {
    NotYet,
    /// The client sends no more.
    Closed,
    /// An input was refused: no later one may take effect.
    Poisoned(ErrorFrame),
}

impl Shard {
    pub(super) fn on_open_append_session(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        target: &StreamRef,
        rights: AppendRights,
    ) {
        let located = match self.locate(turn, connection, target, LoadCause::Append, 0) {
            Ok(located) => located,
            Err(error) => return self.refuse_session(turn, connection, id, error),
        };
        let place = match located {
            Located::Open(stream) => Place::Open(stream),
            Located::Loading(load) => Place::Loading(load),
        };
        let limited_on = (rights != AppendRights::ALL).then(|| Box::new(target.clone()));
        let (end, discards_waiting) = (End::NotYet, false);
        let session = AppendSession { connection, id, rights, limited_on, place, unanswered: 0, end, discards_waiting };
        let key = self.append_sessions.insert(session);
        self.connections[connection].begin(id, InProgress::AppendSession(key));
        match located {
            Located::Open(stream) => self.append_session_opened(turn, key, stream),
            Located::Loading(load) => self.defer(turn, load, connection, Deferred::AppendSession(key)),
        }
    }

    /// Inputs may be right behind the opening: they are discarded without a word, like those of a session that an error ended.
    pub(super) fn refuse_session(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        error: ErrorFrame,
    ) {
        self.fail(turn, connection, id, error);
        self.connections[connection].end_with_error(id);
    }

    /// The stream is there; so may be inputs, or the client's goodbye.
    pub(super) fn append_session_opened(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey, stream: StreamKey) {
        let Some(session) = self.append_sessions.get_mut(key) else { return };
        session.place = Place::Open(stream);
        let (connection, id) = (session.connection, session.id);
        let stream = &mut self.streams[stream];
        stream.users += 1;
        stream.recently_used = true;
        let opened = SessionOpened { stream_id: stream.entry.id, shard: self.config.shard, tail: stream.stable };
        self.reply(turn, connection, id, Response::AppendSessionOpened(opened));
        self.end_append_session_if_due(turn, key);
    }

    /// The stream could not be had: nothing of the session ever took effect.
    pub(super) fn append_session_not_opened(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey, error: ErrorFrame) {
        let Some(session) = self.append_sessions.remove(key) else { return };
        self.fail(turn, session.connection, session.id, error);
        self.connections[session.connection].end_with_error(session.id);
    }

    pub(super) fn on_session_append(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        conditions: AppendConditions,
        bytes: BatchBytes<'_>,
    ) {
        let Some(key) = self.session_of_input(turn, connection, id) else { return };
        match self.append_sessions[key].end {
            End::Poisoned(_) => {}
            End::Closed => self.refuse_input_unheard(turn, key, bad_session("an input behind the session's close")),
            End::NotYet if self.draining => self.refuse_input_unheard(turn, key, super::drain::draining_error()),
            End::NotYet => self.take_input(turn, key, conditions, bytes),
        }
    }

    /// An input that could not be parsed poisons its session like one that is refused (`s2-semantics.md` B10).
    pub(super) fn on_bad_session_append(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        error: ErrorFrame,
    ) {
        let Some(key) = self.session_of_input(turn, connection, id) else { return };
        if !matches!(self.append_sessions[key].end, End::Poisoned(_)) {
            self.refuse_input_unheard(turn, key, error);
        }
    }

    /// Behind an error, what was on its way is dropped without a word.
    fn session_of_input(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
    ) -> Option<AppendSessionKey> {
        let known = &self.connections[connection];
        if let Some(InProgress::AppendSession(key)) = known.get(id) {
            return Some(key);
        }
        if !known.is_dead_session(id) {
            self.fail(turn, connection, id, bad_session("no append session is open under this id"));
        }
        None
    }

    fn take_input(
        &mut self,
        turn: &mut Turn<'_>,
        key: AppendSessionKey,
        conditions: AppendConditions,
        bytes: BatchBytes<'_>,
    ) {
        let input = match ingest(bytes, conditions, self.append_sessions[key].rights) {
            Ok(input) => input,
            Err(bad) => {
                self.tell_of_denied_input(turn, key, &bad);
                return self.refuse_input_unheard(turn, key, bad.into());
            }
        };
        let session = &mut self.append_sessions[key];
        session.unanswered += 1;
        let connection = session.connection;
        match session.place {
            Place::Open(stream) => self.offer(turn, stream, connection, AckTo::Session(key), input),
            Place::Loading(load) => {
                let input = self.keep(input);
                self.defer(turn, load, connection, Deferred::Input { session: key, input });
            }
        }
    }

    fn tell_of_denied_input(&self, turn: &mut Turn<'_>, key: AppendSessionKey, bad: &BadInput) {
        let session = &self.append_sessions[key];
        if let Some(target) = &session.limited_on {
            self.tell_of_denial(turn, session.connection, bad, target);
        }
    }

    /// Refuses an input that was not yet counted as unanswered.
    fn refuse_input_unheard(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey, error: ErrorFrame) {
        self.append_sessions[key].unanswered += 1;
        self.counters.appends_refused += 1;
        self.refuse_input(turn, key, error);
    }

    /// The first refusal is the session's last word, said behind the acks of what came before it; what comes behind it is
    /// discarded.
    pub(super) fn refuse_input(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey, error: ErrorFrame) {
        let Some(session) = self.append_sessions.get_mut(key) else { return };
        session.unanswered -= 1;
        if !matches!(session.end, End::Poisoned(_)) {
            session.end = End::Poisoned(error);
        }
        self.end_append_session_if_due(turn, key);
    }

    /// As [`Shard::refuse_input`], for the input whose turn it is: it comes before all that wait, and before whatever the session
    /// was to end with. The end itself may have to wait (see `refusals`).
    pub(super) fn poison(&mut self, key: AppendSessionKey, error: ErrorFrame) {
        let Some(session) = self.append_sessions.get_mut(key) else { return };
        session.end = End::Poisoned(error);
        session.discards_waiting = true;
    }

    pub(super) fn discards_waiting(&self, key: AppendSessionKey) -> bool {
        self.append_sessions.get(key).is_some_and(|session| session.discards_waiting)
    }

    /// It was received behind one that was refused: no effect, no answer (`s2-semantics.md` B10).
    pub(super) fn discard_input(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey) {
        let Some(session) = self.append_sessions.get_mut(key) else { return };
        session.unanswered -= 1;
        self.end_append_session_if_due(turn, key);
    }

    /// The stream is deleted: they end behind the acks that they still have to hear.
    pub(super) fn end_append_sessions_of(&mut self, turn: &mut Turn<'_>, stream: StreamKey, error: &ErrorFrame) {
        for key in self.append_sessions.keys().collect::<Vec<_>>() {
            let session = &mut self.append_sessions[key];
            if session.place == Place::Open(stream) {
                if !matches!(session.end, End::Poisoned(_)) {
                    session.end = End::Poisoned(error.clone());
                }
                self.end_append_session_if_due(turn, key);
            }
        }
    }

    /// The connection may be gone, and the session with it: the batch is stable all the same.
    pub(super) fn acknowledge_input(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey, ack: Response) {
        let Some(session) = self.append_sessions.get_mut(key) else { return };
        session.unanswered -= 1;
        let (connection, id) = (session.connection, session.id);
        self.reply(turn, connection, id, ack);
        self.end_append_session_if_due(turn, key);
    }

    pub(super) fn on_close_append_session(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64) {
        let known = &mut self.connections[connection];
        let Some(InProgress::AppendSession(key)) = known.get(id) else {
            if !known.bury(id) {
                self.fail(turn, connection, id, bad_session("no append session is open under this id"));
            }
            return;
        };
        let session = &mut self.append_sessions[key];
        if matches!(session.end, End::NotYet) {
            session.end = End::Closed;
        }
        self.end_append_session_if_due(turn, key);
    }

    fn end_append_session_if_due(&mut self, turn: &mut Turn<'_>, key: AppendSessionKey) {
        let session = &self.append_sessions[key];
        let Place::Open(stream) = session.place else { return };
        if session.unanswered > 0 || matches!(session.end, End::NotYet) {
            return;
        }
        let Some(session) = self.append_sessions.remove(key) else { return };
        self.streams[stream].users -= 1;
        match session.end {
            End::Poisoned(error) => {
                self.fail(turn, session.connection, session.id, error);
                self.connections[session.connection].end_with_error(session.id);
            }
            _ => {
                self.reply(turn, session.connection, session.id, Response::SessionEnded);
                self.end_request(session.connection, session.id);
            }
        }
    }

    /// The connection is closed. What was accepted becomes stable, unheard.
    pub(super) fn drop_append_session(&mut self, key: AppendSessionKey) {
        let session = self.append_sessions.remove(key);
        if let Some(Place::Open(stream)) = session.map(|session| session.place) {
            self.streams[stream].users -= 1;
        }
    }

    /// After a failure: ends every session, oldest place first; those with something accepted cannot know whether it was done.
    pub(super) fn fail_append_sessions(&mut self, turn: &mut Turn<'_>, accepted: &ErrorFrame, idle: &ErrorFrame) {
        for key in self.append_sessions.keys().collect::<Vec<_>>() {
            let Some(session) = self.append_sessions.remove(key) else { continue };
            let error = if session.unanswered > 0 { accepted } else { idle };
            self.fail(turn, session.connection, session.id, error.clone());
            self.connections[session.connection].end_with_error(session.id);
        }
    }
}

fn bad_session(why: &str) -> ErrorFrame {
    ErrorFrame::new(ErrorCode::BadSession, why)
}
