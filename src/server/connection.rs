//! One client connection: its socket, what was received and not yet handled, what waits to be sent.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use foldhash::HashMap;
use riverrun_core::access::Principal;
use riverrun_core::event::ConnectionId;
use riverrun_core::limits::{CONNECTION_FORWARD_BYTES_MAX, DEAD_SESSIONS_MAX, LARGE_FRAME_BYTES_MIN};
use riverrun_protocol::frame::{FrameHeader, FrameKind};
use riverrun_protocol::limits::{self, FRAME_HEADER_BYTES, HELLO_BODY_BYTES_MAX};

use super::large_frame::LargeFrame;
use super::output::Output;
use super::pause::Pause;
use super::requests::Asked;
use crate::access::Rated;
use crate::uring::{OperationId, Socket};

/// From accept to hello, and from a frame's first byte to its last (reliability.md F46: not reset by more bytes).
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
pub const FRAME_DEADLINE: Duration = Duration::from_secs(30);
/// From our last byte to the peer's close.
pub const LINGER_DEADLINE: Duration = Duration::from_secs(2);
/// A peer that takes none of our bytes while this much waits for it is not read from.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;
/// Control calls of one connection side by side: a listing's answer can have half a megabyte. The next ones wait.
pub const CONTROL_CALLS_MAX: usize = 16;
/// What one receive asks for after a large frame: the next one's head, with little of its body, so that the body is received
/// in place.
pub const HEAD_RECEIVE_BYTES: usize = 4096;
/// Before it is known who it is, nobody sends more than a hello, or it waits in the socket.
pub const HELLO_RECEIVE_BYTES: usize = FRAME_HEADER_BYTES + HELLO_BODY_BYTES_MAX;
/// A frame that is not an append is small.
pub const CONTROL_BODY_BYTES_MAX: u32 = limits::CONTROL_BODY_BYTES_MAX as u32;

/// Where the answer to a request comes from, and whether the id lives on as a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    Once(Target, Asked),
    AppendSession {
        shard: u16,
        closing: bool,
        failed: bool,
    },
    ReadSession {
        shard: u16,
    },
    /// An append session that was refused before any shard heard of it, until the client closes it.
    Refused,
}

impl Route {
    /// Its inputs are on their way and reach nobody.
    fn is_dead(&self) -> bool {
        matches!(self, Self::Refused | Self::AppendSession { failed: true, .. })
    }

    /// An append session that its inputs still reach.
    pub fn takes_inputs(&self) -> bool {
        matches!(self, Self::AppendSession { closing: false, failed: false, .. })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Shard(u16),
    Control,
}

/// What is being received.
#[derive(Debug)]
pub enum Receiving {
    /// Nothing is in flight: handling is under way, or the connection is stopped.
    Nothing,
    /// A receive into a buffer of the pool is in flight.
    Some,
    /// A large frame is on its way into a buffer of its own.
    Frame(LargeFrame),
}

#[derive(Debug)]
pub struct Connection {
    pub id: ConnectionId,
    pub socket: Socket,
    pub peer: String,
    pub greeted: bool,
    /// Its hello is being looked at; nothing behind it is, and nothing more is received.
    pub authenticating: bool,
    /// Who it is, once greeted.
    pub principal: Option<Principal>,
    pub rated: Rated,
    /// It has used more than its rate.
    pub pause: Pause,
    /// Its token is dead: whatever is still on its way to it is not for it any more.
    pub cut: bool,
    pub receiving: Receiving,
    /// Received, not yet a whole frame.
    pub received: BytesMut,
    pub receive_bytes_next: usize,
    /// Shards that have no room for this connection's appends now.
    pub stopped_by: BTreeSet<u16>,
    /// Bytes of appends on their way to shards on other cores.
    pub forwarded_bytes: usize,
    /// Calls of the control plane in progress; their answers are not counted before they are there.
    pub control_calls: usize,
    pub output: Output,
    pub sending: bool,
    pub send_in_flight: Option<OperationId>,
    /// It was asked to be given up, so that what it sends can be copied.
    pub giving_up_send: bool,
    /// The shard that has not heard yet that the last byte was taken: it would give more, and the socket has no room for it.
    pub withheld_from: Option<u16>,
    /// Requests in progress and open sessions, by id (bounded by `CONNECTION_REQUESTS_MAX`).
    pub routes: HashMap<u64, Route>,
    /// Append sessions that were refused or failed, in this order; some of them were closed since.
    dead_sessions: VecDeque<u64>,
    /// Shards that know of this connection and want to hear of its end.
    pub known_to: BTreeSet<u16>,
    /// Waits for its output to be sent so that it can move to this shard.
    pub moving_to: Option<u16>,
    /// It was told that the server is about to stop.
    pub told_of_drain: bool,
    /// No more requests are taken; what waits is sent, then the connection ends.
    pub closing: bool,
    /// The peer will send nothing more; what is in progress is finished, then the connection ends.
    pub ended: bool,
    pub deadline: Option<Duration>,
}

impl Connection {
    pub fn new(id: ConnectionId, socket: Socket, peer: String) -> Self {
        Self {
            id,
            socket,
            peer,
            greeted: false,
            authenticating: false,
            principal: None,
            rated: Rated::default(),
            pause: Pause::default(),
            cut: false,
            receiving: Receiving::Nothing,
            received: BytesMut::new(),
            receive_bytes_next: HELLO_RECEIVE_BYTES,
            stopped_by: BTreeSet::new(),
            forwarded_bytes: 0,
            control_calls: 0,
            output: Output::default(),
            sending: false,
            send_in_flight: None,
            giving_up_send: false,
            withheld_from: None,
            routes: HashMap::default(),
            dead_sessions: VecDeque::new(),
            known_to: BTreeSet::new(),
            moving_to: None,
            told_of_drain: false,
            closing: false,
            ended: false,
            deadline: None,
        }
    }

    /// An append session was refused, or has failed. It keeps its id until the client closes it, because inputs are on their way; but
    /// a client need not close it, so that of too many the first is forgotten. Its late inputs are then told that there is none.
    pub fn keep_dead(&mut self, frame_id: u64) {
        self.dead_sessions.push_back(frame_id);
        if self.dead_sessions.len() > DEAD_SESSIONS_MAX
            && let Some(first) = self.dead_sessions.pop_front()
            && self.routes.get(&first).is_some_and(Route::is_dead)
        {
            self.routes.remove(&first);
        }
    }

    /// Nothing of it is in progress anywhere, so that it can go elsewhere.
    pub fn is_quiet(&self) -> bool {
        self.routes.is_empty() && self.output.is_empty() && !self.sending && self.withheld_from.is_none()
    }

    /// The peer has sent all it ever will and got every answer.
    pub fn is_finished(&self) -> bool {
        self.ended && self.output.is_empty() && (self.closing || self.routes.is_empty())
    }

    /// Whether its deadline has passed. While we do not read from it, because a shard has no room or its output is not taken,
    /// the rest of its frame cannot come, and its time begins anew. That of a large frame can: its receive is in flight.
    pub fn is_late(&mut self, now: Duration) -> bool {
        let is_read_from = self.may_receive() || matches!(self.receiving, Receiving::Frame(_));
        if self.greeted && !self.closing && !is_read_from {
            self.deadline = self.deadline.map(|_| now + FRAME_DEADLINE);
        }
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Back-pressure: whether more bytes may be taken from the socket.
    pub fn may_receive(&self) -> bool {
        if self.ended {
            return false;
        }
        self.closing
            || (self.stopped_by.is_empty()
                && self.moving_to.is_none()
                && self.may_take_frames()
                && self.forwarded_bytes < CONNECTION_FORWARD_BYTES_MAX
                && self.output.bytes() < OUTPUT_BYTES_MAX)
    }

    /// The large frame that was being received, if one was: now nothing is.
    pub fn take_large_frame(&mut self) -> Option<LargeFrame> {
        match std::mem::replace(&mut self.receiving, Receiving::Nothing) {
            Receiving::Frame(frame) => Some(frame),
            other => {
                self.receiving = other;
                None
            }
        }
    }

    /// Whether a frame that was received may be handled now.
    pub fn may_take_frames(&self) -> bool {
        self.control_calls < CONTROL_CALLS_MAX && !self.authenticating && !self.pause.is_on()
    }

    /// After received frames were handled: what the next receive asks for.
    pub fn expect_frames(&mut self) {
        self.receive_bytes_next = if self.greeted { usize::MAX } else { HELLO_RECEIVE_BYTES };
    }

    /// After received bytes were handled as far as they go: the time for the rest of a frame that has begun. It is counted from
    /// when that frame's first bytes were seen, so it begins anew whenever a frame before it was used up.
    pub fn await_rest_of_frame(&mut self, used_any: bool, now: Duration) {
        if !self.greeted || self.closing {
            return;
        }
        let since = self.deadline.filter(|_| !used_any).unwrap_or(now + FRAME_DEADLINE);
        let partial = !self.received.is_empty() && self.moving_to.is_none();
        self.deadline = partial.then_some(since);
    }
}

/// Whether a frame is received into a buffer of its own, from which the journal writes it.
pub fn is_large(header: &FrameHeader) -> bool {
    let append = header.kind == FrameKind::Append as u8 || header.kind == FrameKind::SessionAppend as u8;
    append && header.body_bytes as usize + FRAME_HEADER_BYTES >= LARGE_FRAME_BYTES_MIN
}

/// Whether this kind of frame may be this long; before the hello, none may be longer than a hello.
pub fn length_allowed(header: &FrameHeader, greeted: bool) -> bool {
    if !greeted {
        return header.body_bytes as usize <= HELLO_BODY_BYTES_MAX;
    }
    let append = header.kind == FrameKind::Append as u8 || header.kind == FrameKind::SessionAppend as u8;
    append || header.body_bytes <= CONTROL_BODY_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;

    use super::*;
    use crate::server::large_frame::BegunFrames;

    fn connection(greeted: bool) -> Connection {
        let socket: OwnedFd = UnixStream::pair().expect("a pair").0.into();
        let mut connection = Connection::new(ConnectionId::new(0, 1), Rc::new(socket), String::new());
        connection.greeted = greeted;
        connection.deadline = Some(FRAME_DEADLINE);
        connection
    }

    /// A frame that is cut off by our own back-pressure is not the peer's delay.
    #[test]
    fn a_deadline_does_not_run_while_we_do_not_read() {
        let mut connection = connection(true);
        connection.stopped_by.insert(0);
        assert!(!connection.is_late(FRAME_DEADLINE * 3));
        connection.stopped_by.clear();
        assert!(!connection.is_late(FRAME_DEADLINE * 4 - Duration::from_millis(1)));
        assert!(connection.is_late(FRAME_DEADLINE * 4));
    }

    /// D18: it holds memory that others want.
    #[test]
    fn the_deadline_of_a_large_frame_runs_whatever_its_peer_does_not_take() {
        let mut connection = connection(true);
        let share = BegunFrames::default().share().expect("a share");
        connection.receiving = Receiving::Frame(LargeFrame::new(1, Duration::ZERO, share));
        connection.stopped_by.insert(0);
        assert!(!connection.is_late(FRAME_DEADLINE - Duration::from_millis(1)));
        assert!(connection.is_late(FRAME_DEADLINE));
    }

    /// A producer whose socket never runs dry leaves the beginning of a frame behind every receive.
    #[test]
    fn a_frames_time_begins_with_its_own_first_byte() {
        let mut connection = connection(true);
        connection.deadline = None;
        connection.received.extend_from_slice(b"begin");
        for second in 0..120 {
            let now = Duration::from_secs(second);
            connection.await_rest_of_frame(true, now);
            assert!(!connection.is_late(now));
        }
        let last = Duration::from_secs(119);
        connection.await_rest_of_frame(false, last + FRAME_DEADLINE / 2);
        assert!(connection.is_late(last + FRAME_DEADLINE), "more bytes of the same frame win no time");
        connection.received.clear();
        connection.await_rest_of_frame(true, last);
        assert_eq!(connection.deadline, None);
    }

    #[test]
    fn the_hello_and_the_last_goodbye_are_awaited_whatever_waits() {
        let mut not_greeted = connection(false);
        not_greeted.moving_to = Some(1);
        assert!(not_greeted.is_late(FRAME_DEADLINE));
        let mut closing = connection(true);
        (closing.closing, closing.moving_to) = (true, Some(1));
        assert!(closing.is_late(FRAME_DEADLINE));
    }

    #[test]
    fn before_it_is_greeted_it_is_read_from_for_a_hello_only() {
        let mut connection = connection(false);
        assert_eq!(connection.receive_bytes_next, HELLO_RECEIVE_BYTES);
        connection.expect_frames();
        assert_eq!(connection.receive_bytes_next, HELLO_RECEIVE_BYTES);
        connection.greeted = true;
        connection.expect_frames();
        assert_eq!(connection.receive_bytes_next, usize::MAX);
    }

    /// PROTOCOL.md: a client may leave failed sessions unclosed, and takes a new id for every other.
    #[test]
    fn sessions_that_nobody_closes_do_not_use_up_the_connections_ids() {
        let mut connection = connection(true);
        let failed = Route::AppendSession { shard: 0, closing: false, failed: true };
        connection.routes.insert(0, Route::ReadSession { shard: 0 });
        for id in 1..10 * DEAD_SESSIONS_MAX as u64 {
            connection.routes.insert(id, if id % 2 == 0 { Route::Refused } else { failed });
            connection.keep_dead(id);
            assert!(connection.routes.contains_key(&id) && connection.routes.len() <= 1 + DEAD_SESSIONS_MAX);
        }
        assert!(connection.routes.contains_key(&0), "a living session is never forgotten");
    }

    /// An id that was closed and used again is not the dead session that it was.
    #[test]
    fn a_living_session_under_an_old_id_is_kept() {
        let mut connection = connection(true);
        connection.keep_dead(1);
        connection.routes.insert(1, Route::AppendSession { shard: 0, closing: false, failed: false });
        for id in 2..3 * DEAD_SESSIONS_MAX as u64 {
            connection.keep_dead(id);
        }
        assert!(connection.routes.contains_key(&1));
    }

    #[test]
    fn nothing_before_the_hello_is_longer_than_a_hello() {
        let header = |kind: FrameKind, body_bytes| FrameHeader { body_bytes, kind: kind as u8, flags: 0, id: 0 };
        assert!(length_allowed(&header(FrameKind::Hello, HELLO_BODY_BYTES_MAX as u32), false));
        assert!(!length_allowed(&header(FrameKind::Hello, HELLO_BODY_BYTES_MAX as u32 + 1), false));
        assert!(!length_allowed(&header(FrameKind::Append, 1 << 20), false));
        assert!(length_allowed(&header(FrameKind::Append, 1 << 20), true));
        assert!(!length_allowed(&header(FrameKind::Ping, CONTROL_BODY_BYTES_MAX + 1), true));
    }
}
