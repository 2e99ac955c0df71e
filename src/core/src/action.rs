//! Orders that a shard gives. Each is complete: the driver looks nothing up and decides nothing, and every failure comes back
//! as an event.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::access::Operation;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::{Push, Response};
use riverrun_protocol::types::{Position, StreamId};

use crate::chunk::{ChunkId, ChunkInput};
use crate::event::{CallId, ConnectionId, LoadFailure, LoadId};

#[derive(Debug)]
pub enum Action {
    Reply {
        connection: ConnectionId,
        id: u64,
        response: Response,
    },
    Push {
        connection: ConnectionId,
        id: u64,
        push: Push,
        /// On the monotonic clock, when the first of its records became stable, if the reader was at the tail and waited for
        /// them; `None` for what it catches up with.
        stable_at: Option<Duration>,
    },
    Fail {
        connection: ConnectionId,
        id: u64,
        error: ErrorFrame,
    },
    /// A batch had records of a kind that whoever sent it may not append. It is refused by a `Fail` of its own: this is for the
    /// audit stream.
    Denied {
        connection: ConnectionId,
        operation: Operation,
        target: StreamRef,
    },
    /// Its socket takes nothing, and the memory is needed: close it at once, and let go of what it was given.
    CloseConnection {
        connection: ConnectionId,
    },
    /// The shard has no room for this connection's appends: take no more bytes from its socket (back-pressure by TCP) until
    /// `ResumeReceiving`. Frames that were already received may still be delivered.
    StopReceiving {
        connection: ConnectionId,
    },
    ResumeReceiving {
        connection: ConnectionId,
    },
    /// One durable write at `offset` of journal file `file`; every buffer's address and length divide by 4096. Several may be in
    /// flight; each is answered by `BlockWritten`.
    WriteBlock {
        number: u64,
        file: u32,
        offset: u64,
        buffers: Vec<Bytes>,
    },
    /// One more journal file is wanted, of at least `BLOCK_BYTES_MAX` (answered by `JournalFileReady`; at most one order outstanding).
    PrepareJournalFile,
    /// Nothing in this file is needed any more and a durable block says so: it may be handed out again.
    ReleaseJournalFile {
        file: u32,
    },
    /// Encode, publish and index; answered by `ChunkStored`. Chunks of a lane are ordered in order of number, several at a time, and
    /// may be answered in any order; after a transient failure the same chunk is ordered again. Shared with the shard: a chunk may
    /// hold tens of thousands of batches.
    StoreChunk {
        chunk: Arc<ChunkInput>,
    },
    /// Everything that recovery handed to this shard is now in indexed chunks: the older journals are not needed for it any more.
    InheritedPublished,
    /// Find the stream in the catalog, creating it if its basin's switch for this cause is on.
    LoadStream {
        load: LoadId,
        target: StreamRef,
        cause: LoadCause,
    },
    /// Fetch and check the stream's records in this chunk; answered by `PagesLoaded`: first what holds or follows the start, then as
    /// much as is allowed, at least one batch or page.
    LoadPages {
        load: LoadId,
        order: PagesOrder,
    },
    /// The shard cannot go on (journal failure, fenced). Nothing more is acknowledged; the process ends, saying why.
    Fatal {
        reason: String,
    },
    /// Answers `CloseStream`: nothing more is accepted, what was accepted is stable and answered. The stream's tail, or why not.
    StreamClosed {
        call: CallId,
        outcome: Result<Position, NotClosed>,
    },
    /// Answers `StreamReconfigured`: what is accepted from now on is under the new configuration.
    StreamConfigured {
        call: CallId,
    },
    /// Answers `StreamDeleted`: nothing of the stream is left in this shard, and nothing of it is on its way to the store.
    StreamGone {
        call: CallId,
    },
    /// After `DrainRequested`: all is answered and published.
    Drained,
}

/// Which pages of a chunk to load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PagesOrder {
    pub stream_id: StreamId,
    pub chunk: ChunkId,
    pub from: PagesFrom,
    pub bytes_max: usize,
    /// Pages that begin at the start or follow it, and hold nothing but this stream's records, are wanted as they are stored.
    pub as_stored: bool,
}

/// Which auto-create switch applies (`s2-semantics.md` E7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadCause {
    Append,
    Read,
    /// So that it can be closed: nothing is created for that.
    Close,
}

/// Why a stream was not closed ([`Action::StreamClosed`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotClosed {
    /// It could not be had.
    Load(LoadFailure),
    /// It was to be closed only if nothing is in it and nothing was written for long enough (`s2-semantics.md` E8).
    InUse,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PagesFrom {
    SeqNum(u64),
    /// The first record with this timestamp or a later one.
    Timestamp(u64),
}
