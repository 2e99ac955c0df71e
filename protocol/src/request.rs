//! What a client asks for. One file per request under `request/`: layout drawn, parse, write, tests.
//!
//! Every body but a batch's begins with a `u32` of option bits; a bit this version does not know is refused as
//! `Unsupported`, never ignored, so that later versions can add fields without being misunderstood.

use crate::types::{BasinName, StreamName};

/// Which stream a request is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StreamRef {
    pub basin: BasinName,
    pub stream: StreamName,
}

/// A parsed request. Borrows from the frame's body only for batches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    Hello(Hello),
    Ping(Ping),
    Status,
    CreateBasin(CreateBasin),
    ListBasins(ListBasins),
    CreateStream(StreamRef),
    ListStreams(ListStreams),
    Append(Append<'a>),
    OpenAppendSession(StreamRef),
    /// One input of an append session; the frame's id is the session's, the body is the bare batch.
    SessionAppend(&'a [u8]),
    /// No more inputs will come. Answered by `SessionEnded` behind the last ack.
    CloseAppendSession,
    CheckTail(StreamRef),
    Read(Read),
    OpenReadSession(OpenReadSession),
    GrantCredit(GrantCredit),
    /// Ends a read session from the client's side. Answered by `SessionEnded`.
    CloseReadSession,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    pub version_min: u16,
    pub version_max: u16,
    /// Feature bits the client understands. None are defined yet.
    pub features: u64,
    /// Access token; empty where none is given. Never logged, never shown by dump tools unless asked.
    pub token: Vec<u8>,
    /// Free text for the server's log, e.g. `riverrun-client/0.1.0`.
    pub agent: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Comes back unchanged in `Pong`.
    pub nonce: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateBasin {
    pub basin: BasinName,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

/// `limit` 0 or above 1000 means 1000 (`s2-semantics.md` E3). Prefix and start_after are not validated as full names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListBasins {
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListStreams {
    pub basin: BasinName,
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append<'a> {
    pub target: StreamRef,
    /// The batch as sent, not yet checked.
    pub batch: &'a [u8],
}

/// Where a read starts (`s2-semantics.md` C1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadStart {
    SeqNum(u64),
    Timestamp(u64),
    TailOffset(u64),
}

/// Parameters shared by the single-batch read and the read session (`s2-semantics.md` C1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadParams {
    pub start: ReadStart,
    pub clamp: bool,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
    /// Exclusive upper timestamp.
    pub until: Option<u64>,
    pub wait_secs: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    pub target: StreamRef,
    pub params: ReadParams,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReadSession {
    pub target: StreamRef,
    pub params: ReadParams,
    /// Bytes of push frame bodies the reader is ready to take now. A push is sent while credit is above zero and is then
    /// subtracted whole (so credit may go below zero by one push): a small credit never wedges a large record.
    pub credit_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantCredit {
    pub bytes: u64,
}
