//! One client connection: its socket, what was received and not yet handled, what waits to be sent.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::BytesMut;
use riverrun_core::event::ConnectionId;
use riverrun_core::limits::LARGE_FRAME_BYTES_MIN;
use riverrun_protocol::frame::{FrameHeader, FrameKind};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;

use super::output::Output;
use crate::uring::Socket;

/// From accept to hello, and from a frame's first byte to its last (reliability.md F46: not reset by more bytes).
pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
pub const FRAME_DEADLINE: Duration = Duration::from_secs(30);
/// From our last byte to the peer's close.
pub const LINGER_DEADLINE: Duration = Duration::from_secs(2);
/// A peer that takes none of our bytes while this much waits for it is not read from.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;
/// What one receive asks for after a large frame: the next one's head, with little of its body, so that the body is received
/// in place.
pub const HEAD_RECEIVE_BYTES: usize = 4096;
/// A frame that is not an append is small.
pub const CONTROL_BODY_BYTES_MAX: u32 = 8 << 10;

/// Where the answer to a request comes from, and whether the id lives on as a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    Once(Target),
    AppendSession { shard: u16, closing: bool, failed: bool },
    ReadSession { shard: u16 },
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
    Frame { frame_bytes: usize },
}

#[derive(Debug)]
pub struct Connection {
    pub id: ConnectionId,
    pub socket: Socket,
    pub peer: String,
    pub greeted: bool,
    pub receiving: Receiving,
    /// Received, not yet a whole frame.
    pub received: BytesMut,
    pub receive_bytes_next: usize,
    /// Shards that have no room for this connection's appends now.
    pub stopped_by: BTreeSet<u16>,
    pub output: Output,
    pub sending: bool,
    /// Requests in progress and open sessions, by id (bounded by `CONNECTION_REQUESTS_MAX`).
    pub routes: HashMap<u64, Route>,
    /// Shards that know of this connection and want to hear of its end.
    pub known_to: BTreeSet<u16>,
    /// Waits for its output to be sent so that it can move to this shard.
    pub moving_to: Option<u16>,
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
            receiving: Receiving::Nothing,
            received: BytesMut::new(),
            receive_bytes_next: usize::MAX,
            stopped_by: BTreeSet::new(),
            output: Output::default(),
            sending: false,
            routes: HashMap::new(),
            known_to: BTreeSet::new(),
            moving_to: None,
            closing: false,
            ended: false,
            deadline: None,
        }
    }

    /// Nothing of it is in progress anywhere, so that it can go elsewhere.
    pub fn is_quiet(&self) -> bool {
        self.routes.is_empty() && self.output.is_empty() && !self.sending
    }

    /// The peer has sent all it ever will and got every answer.
    pub fn is_finished(&self) -> bool {
        self.ended && self.output.is_empty() && (self.closing || self.routes.is_empty())
    }

    /// Back-pressure: whether more bytes may be taken from the socket.
    pub fn may_receive(&self) -> bool {
        if self.ended {
            return false;
        }
        self.closing
            || (self.stopped_by.is_empty() && self.moving_to.is_none() && self.output.bytes() < OUTPUT_BYTES_MAX)
    }
}

/// Whether a frame is received into a buffer of its own, from which the journal writes it.
pub fn is_large(header: &FrameHeader) -> bool {
    let append = header.kind == FrameKind::Append as u8 || header.kind == FrameKind::SessionAppend as u8;
    append && header.body_bytes as usize + FRAME_HEADER_BYTES >= LARGE_FRAME_BYTES_MIN
}

/// Whether this kind of frame may be this long.
pub fn length_allowed(header: &FrameHeader) -> bool {
    let append = header.kind == FrameKind::Append as u8 || header.kind == FrameKind::SessionAppend as u8;
    append || header.body_bytes <= CONTROL_BODY_BYTES_MAX
}
