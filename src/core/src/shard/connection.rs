//! What a shard knows of a connection: what is in progress on it, what it waits for, and how much output its socket has not
//! taken yet.

use std::collections::{BTreeMap, VecDeque};

use foldhash::HashMap;
use riverrun_protocol::limits::CONNECTION_REQUESTS_MAX;

use super::append_session::AppendSessionKey;
use super::reader::ReaderKey;
use super::slab::{Key, Slab};
use super::untaken::Untaken;
use crate::event::ConnectionId;
use crate::limits::{
    ANSWER_BYTES_MIN, ANSWER_BYTES_PER_SHARE_BYTE, CONNECTION_OUTPUT_BYTES_STOP, CONNECTION_WAITING_BYTES_STOP,
    DEAD_SESSIONS_MAX,
};

pub(super) type ConnectionKey = Key<Connection>;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// By the id of the frame that began it.
    in_progress: BTreeMap<u64, InProgress>,
    /// Sessions that ended with an error while their client may still be sending inputs; oldest first. Remembered, so that each
    /// late input is dropped silently instead of being answered as one without a session. A client need not say goodbye to a
    /// session that an error ended, so the list is short and forgets.
    dead_sessions: VecDeque<u64>,
    /// The highest of those forgotten. Clients count their ids up, so that what comes under a lower one, where nothing is in
    /// progress, comes too late for something that there was.
    forgotten_session: u64,
    /// Frames given and not yet reported by `OutputSent`.
    pub(super) output: Untaken,
    /// Requests that wait for their streams to be loaded.
    pub(super) deferred: usize,
    /// Appends that wait for room; and the bytes of these and of those that wait for their stream to be loaded.
    pub(super) waiting_appends: usize,
    pub(super) waiting_bytes: usize,
    /// What the driver was told.
    pub(super) stopped: bool,
    /// It is in the shard's list of connections whose flow may have to change.
    pub(super) flow_noted: bool,
    /// Readers that can go on, served in turn; and whether this connection itself is in the shard's round.
    pub(super) ready: VecDeque<ReaderKey>,
    /// Followers whose heartbeat was due while its socket took nothing.
    pub(super) silent: Vec<ReaderKey>,
    pub(super) in_round: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InProgress {
    /// Waits for a load, for room, or for its block.
    Request,
    AppendSession(AppendSessionKey),
    /// A read session, or a single read.
    Reader(ReaderKey),
}

impl Connection {
    fn new(id: ConnectionId) -> Self {
        Self {
            id,
            in_progress: BTreeMap::new(),
            dead_sessions: VecDeque::new(),
            forgotten_session: 0,
            output: Untaken::default(),
            deferred: 0,
            waiting_appends: 0,
            waiting_bytes: 0,
            stopped: false,
            flow_noted: false,
            ready: VecDeque::new(),
            silent: Vec::new(),
            in_round: false,
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<InProgress> {
        self.in_progress.get(&id).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_progress.len() >= CONNECTION_REQUESTS_MAX
    }

    pub(super) fn begin(&mut self, id: u64, what: InProgress) {
        self.dead_sessions.retain(|dead| *dead != id);
        self.in_progress.insert(id, what);
    }

    pub(super) fn end(&mut self, id: u64) {
        self.in_progress.remove(&id);
    }

    pub(super) fn end_all(&mut self) -> impl Iterator<Item = InProgress> {
        std::mem::take(&mut self.in_progress).into_values()
    }

    pub(super) fn end_with_error(&mut self, session: u64) {
        self.end(session);
        self.dead_sessions.retain(|dead| *dead != session);
        if self.dead_sessions.len() >= DEAD_SESSIONS_MAX
            && let Some(forgotten) = self.dead_sessions.pop_front()
        {
            self.forgotten_session = self.forgotten_session.max(forgotten);
        }
        self.dead_sessions.push_back(session);
    }

    /// True if an error ended this session a while ago.
    pub(super) fn is_dead_session(&self, id: u64) -> bool {
        id <= self.forgotten_session || self.dead_sessions.contains(&id)
    }

    /// The client says goodbye to a session. True if an error had ended it.
    pub(super) fn bury(&mut self, session: u64) -> bool {
        let was_dead = self.is_dead_session(session);
        self.dead_sessions.retain(|dead| *dead != session);
        was_dead
    }

    /// Whether pushes may be given to it while each connection may let `share` bytes wait ([`super::Shard::output_share`]). To one that
    /// has taken everything, always.
    pub(super) fn has_output_room(&self, share: u64) -> bool {
        self.output.bytes() < share.max(1)
    }

    /// Whether its socket should be left unread. While it is, a little room does not open it again: it takes no waiting appends
    /// at all, and half of the output. Where output is short (`share` as in [`Self::has_output_room`]) a few dozen clients that ask
    /// and take the answers slowly would leave nothing for anybody's pushes otherwise.
    pub(super) fn wants_stop(&self, share: u64) -> bool {
        let part = if self.stopped { 2 } else { 1 };
        let answers_max = (share * ANSWER_BYTES_PER_SHARE_BYTE).clamp(ANSWER_BYTES_MIN, CONNECTION_OUTPUT_BYTES_STOP);
        self.waiting_appends > 0
            || self.waiting_bytes > CONNECTION_WAITING_BYTES_STOP / part
            || self.output.bytes() > CONNECTION_OUTPUT_BYTES_STOP / part as u64
            || self.output.answers() > answers_max / part as u64
    }
}

/// All connections; one comes to be with its first request.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slab: Slab<Connection>,
    /// Never iterated: its order depends on chance.
    by_id: HashMap<ConnectionId, ConnectionKey>,
}

impl Connections {
    pub(super) fn find(&self, id: ConnectionId) -> Option<ConnectionKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn find_or_open(&mut self, id: ConnectionId) -> ConnectionKey {
        *self.by_id.entry(id).or_insert_with(|| self.slab.insert(Connection::new(id)))
    }

    pub(super) fn get(&self, key: ConnectionKey) -> Option<&Connection> {
        self.slab.get(key)
    }

    pub(super) fn get_mut(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.slab.get_mut(key)
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<(ConnectionKey, Connection)> {
        let key = self.by_id.remove(&id)?;
        self.slab.remove(key).map(|connection| (key, connection))
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slab.iter()
    }
}

impl std::ops::Index<ConnectionKey> for Connections {
    type Output = Connection;

    fn index(&self, key: ConnectionKey) -> &Connection {
        &self.slab[key]
    }
}

impl std::ops::IndexMut<ConnectionKey> for Connections {
    fn index_mut(&mut self, key: ConnectionKey) -> &mut Connection {
        &mut self.slab[key]
    }
}
