//! What a server says: one answer per request, and pushes within sessions. One file per kind under `response/`.

use bytes::Bytes;

use crate::types::{BasinName, Level, Position, StreamId, StreamName};

/// The single answer to a request; the frame's id is the request's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    HelloAccepted(HelloAccepted),
    Pong { nonce: u64 },
    Status(StatusReport),
    BasinCreated(BasinInfo),
    BasinList(BasinList),
    StreamCreated(StreamInfo),
    StreamList(StreamList),
    /// Answers `Append`, and every input of an append session in order (then the id is the session's).
    AppendAck(AppendAck),
    AppendSessionOpened(SessionOpened),
    ReadSessionOpened(SessionOpened),
    /// The clean end of a session of either kind; nothing with its id follows.
    SessionEnded,
    Tail(TailReport),
    ReadBatches(ReadBatches),
}

/// Unasked frames within a read session (the frame's id is the session's), or for the whole connection (id 0).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Push {
    Records(ReadBatches),
    /// Everything below `tail` has been delivered (`s2-semantics.md` C8). Never sent during catch-up.
    Heartbeat { tail: Position },
    /// The server is going away: finish what is in flight, then reconnect. Id 0.
    Draining,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelloAccepted {
    pub version: u16,
    pub features: u64,
    pub shards: u16,
    /// The shard that holds this connection now.
    pub shard: u16,
    pub frame_body_bytes_max: u32,
    pub batch_bytes_max: u32,
    pub batch_records_max: u32,
    /// Free text, e.g. `riverrun/0.1.0`.
    pub agent: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusReport {
    pub shards: u16,
    pub uptime_ms: u64,
    pub connections: u64,
    pub streams_open: u64,
    pub epoch: u64,
    /// What an ack on a stream of the default class survives.
    pub level: Level,
    /// `fs:...` or `memory:`, without secrets.
    pub store: String,
    pub version: String,
    /// Named counters for people and benchmarks, sorted by name; docs/PROTOCOL.md lists them.
    pub counters: Vec<(String, u64)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinInfo {
    pub name: BasinName,
    pub created_at_ms: u64,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinList {
    pub basins: Vec<BasinInfo>,
    pub has_more: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    pub name: StreamName,
    pub id: StreamId,
    pub created_at_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamList {
    pub streams: Vec<StreamInfo>,
    pub has_more: bool,
}

/// `s2-semantics.md` B8, and the level reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendAck {
    pub start: Position,
    pub end: Position,
    pub tail: Position,
    pub level: Level,
    /// The stream's shard, so that a client can send later requests over that shard's connection.
    pub shard: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOpened {
    pub stream_id: StreamId,
    pub shard: u16,
    /// The durable tail at the moment of opening.
    pub tail: Position,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TailReport {
    pub tail: Position,
    pub level: Level,
    pub shard: u16,
}

/// Batches or slices of batches, back to back; at most 1000 records and 1 MiB metered in all. Records have consecutive
/// numbers unless trimmed between. In `Push::Records` never empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadBatches {
    /// Present on live batches, and on a unary read's live answer (`s2-semantics.md` C8, C9).
    pub tail: Option<Position>,
    /// The encoded batches as parts to be written one behind the other; where one batch ends and the next begins is told by
    /// the batch headers alone. Shared by reference between all readers of the same bytes.
    pub parts: Vec<Bytes>,
}
