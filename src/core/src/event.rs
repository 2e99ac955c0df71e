//! Facts that a shard is told, in the past tense, each failure included as an outcome.

use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{AppendConditions, GrantCredit, OpenReadSession, Read, StreamRef};
use riverrun_protocol::response::CompressedPage;
use riverrun_protocol::types::StreamId;

use crate::chunk::StreamState;
use crate::chunk::{ChunkId, StoredChunk};
use crate::control::StreamEntry;

/// One connection for as long as it lives on one shard: the home shard in the upper 16 bits, a serial number below. A
/// connection that moves to another shard gets a new id there; it only moves while nothing of it is in progress.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    pub fn new(home_shard: u16, serial: u64) -> Self {
        Self(u64::from(home_shard) << 48 | (serial & ((1 << 48) - 1)))
    }

    pub fn home_shard(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// Correlates `LoadStream` and `LoadPages` with their events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LoadId(pub u64);

/// Correlates what the control plane tells a shard with the shard's answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(pub u64);

/// Which kinds of record the principal behind a connection may append to the stream (`s2-semantics.md` F2: each kind of command
/// record needs its own permission, data records need `append`). Decided where the request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendRights {
    pub append: bool,
    pub trim: bool,
    pub fence: bool,
}

impl AppendRights {
    pub const ALL: Self = Self { append: true, trim: true, fence: true };
}

/// Under which condition a stream is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseWhen {
    Always,
    /// It holds no record, nothing is on its way into it, and nothing was written for this long by the wall clock: delete-on-empty's
    /// race rule (`s2-semantics.md` E8).
    Empty {
        min_age_ms: u64,
    },
}

/// A batch as it came from a client, not yet checked.
#[derive(Debug)]
pub enum BatchBytes<'a> {
    /// Small: will be copied once, into the journal block.
    Borrowed(&'a [u8]),
    /// Large: `frame` is the whole received frame in a buffer of its own, its first byte at an address divisible by 4096 and
    /// its capacity at least its length rounded up to 4096, so that the journal writes it as it lies. `batch` is where the
    /// batch is inside.
    Received { frame: BytesMut, batch: Range<usize> },
}

impl BatchBytes<'_> {
    /// The batch alone.
    pub fn batch(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Received { frame, batch } => &frame[batch.clone()],
        }
    }

    /// What accepting the batch, or keeping it, copies.
    pub fn copied_bytes(&self) -> usize {
        match self {
            Self::Borrowed(bytes) => bytes.len(),
            Self::Received { .. } => 0,
        }
    }
}

/// The data-plane requests, as they reach the shard that owns the stream.
#[derive(Debug)]
pub enum ShardRequest<'a> {
    Append {
        target: StreamRef,
        conditions: AppendConditions,
        rights: AppendRights,
        batch: BatchBytes<'a>,
    },
    OpenAppendSession {
        target: StreamRef,
        rights: AppendRights,
    },
    SessionAppend {
        conditions: AppendConditions,
        batch: BatchBytes<'a>,
    },
    /// An input that could not even be parsed, with what is wrong with it: a refusal like any other (`s2-semantics.md` B10).
    BadSessionAppend(ErrorFrame),
    CloseAppendSession,
    CheckTail(StreamRef),
    Read(Read),
    OpenReadSession(OpenReadSession),
    GrantCredit(GrantCredit),
    CloseReadSession,
}

#[derive(Debug)]
pub enum Event<'a> {
    /// `id` is the frame's. The first request of a connection makes it known to the shard.
    RequestReceived {
        connection: ConnectionId,
        id: u64,
        request: ShardRequest<'a>,
    },
    /// The connection's socket took this many bytes of frame (heads and parts) that `Reply`, `Push` and `Fail` gave it. A driver may
    /// keep the last byte to itself until the socket has room for more: while one is untaken and memory for output is short
    /// (`Shard::is_output_short`), nothing more is given.
    OutputSent {
        connection: ConnectionId,
        bytes: u64,
    },
    /// Nothing can reach the client any more. Its waiting requests and sessions are over.
    ConnectionClosed {
        connection: ConnectionId,
    },
    /// `number` as given by `WriteBlock`. A failure is fatal (reliability.md D8).
    BlockWritten {
        number: u64,
        outcome: Result<(), String>,
    },
    /// A pre-zeroed, synced journal file is this shard's to fill, from offset 0.
    JournalFileReady {
        file: u32,
        bytes: u64,
    },
    /// The chunk is durable in the store AND indexed in the catalog; or could not be stored now (retry policy is the shard's).
    ChunkStored {
        chunk: ChunkId,
        outcome: Result<StoredChunk, StoreFailure>,
    },
    StreamLoaded {
        load: LoadId,
        outcome: Result<LoadedStream, LoadFailure>,
    },
    /// Batches in order of position, first one holding or following the asked-for start, checked (page sums) and parsed; or whole
    /// pages from the start on, checked and not opened, where those were wanted; empty if the chunk holds nothing at or after it.
    PagesLoaded {
        load: LoadId,
        outcome: Result<Vec<Loaded>, LoadFailure>,
    },
    /// The first step of a deletion, which a crash undoes: accept nothing more for this stream (`StreamDeletionPending`), let what
    /// was accepted become stable, then answer `StreamClosed`.
    CloseStream {
        call: CallId,
        target: StreamRef,
        when: CloseWhen,
    },
    /// The catalog did not take the deletion: go on as before `CloseStream`.
    StreamReopened {
        target: StreamRef,
        stream_id: StreamId,
    },
    /// The catalog holds the deletion: write the terminal trim for followers to see, end all sessions and reads, let everything go,
    /// then answer `StreamGone`. Until then requests for the name are refused with `StreamDeletionPending`.
    StreamDeleted {
        call: CallId,
        target: StreamRef,
        stream_id: StreamId,
    },
    /// The catalog holds a new configuration: answered by `StreamConfigured`, at once where the stream is not open.
    StreamReconfigured {
        call: CallId,
        entry: Arc<StreamEntry>,
    },
    /// The catalog holds that records below this number have expired (design.md 6): they are not read any more.
    StartRaised {
        target: StreamRef,
        stream_id: StreamId,
        start_seq_num: u64,
    },
    /// `next_timeout` was reached.
    TimeoutReached,
    /// Stop: refuse what is new, answer what is accepted, publish what is unpublished; then `Action::Drained`. The driver tells its
    /// connections (`Push::Draining`).
    DrainRequested,
}

/// What the store and the catalog know of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedStream {
    pub entry: Arc<StreamEntry>,
    /// As of the newest indexed chunk; for a stream without chunks, all zero.
    pub state: StreamState,
    /// Ordered by position, without overlap.
    pub chunks: Vec<ChunkRange>,
    /// When it was last written to, by the wall clock, where that is known.
    pub quiet_since_ms: Option<u64>,
}

/// The part of one stream that one chunk holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkRange {
    pub chunk: ChunkId,
    pub first_seq_num: u64,
    /// Exclusive.
    pub end_seq_num: u64,
    pub first_timestamp: u64,
    pub last_timestamp: u64,
}

/// A stream brought back by recovery: what the store knows, and the durable batches that are not in any chunk yet, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveredStream {
    pub stream: LoadedStream,
    pub unpublished: Vec<Batch>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFailure {
    /// Worth trying again (the same bytes under the same name).
    Transient(String),
    /// A newer epoch owns the store, or the store refuses for good: stop acknowledging, end the process.
    Fatal(String),
}

/// A piece of history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loaded {
    Batch(Batch),
    /// For a reader that opens it itself.
    Page(CompressedPage),
}

impl Loaded {
    /// `None`: it was not opened.
    pub fn batch(&self) -> Option<&Batch> {
        match self {
            Self::Batch(batch) => Some(batch),
            Self::Page(_) => None,
        }
    }

    pub fn first_seq_num(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.first_seq_num(),
            Self::Page(page) => page.first_seq_num,
        }
    }

    /// Exclusive.
    pub fn end_seq_num(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.end_seq_num(),
            Self::Page(page) => page.end_seq_num,
        }
    }

    /// What it holds in memory.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.bytes().len(),
            Self::Page(page) => page.stored.len(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadFailure {
    BasinNotFound,
    StreamNotFound,
    BasinDeletionPending,
    StreamDeletionPending,
    /// Lost a race with a concurrent creation.
    TransactionConflict,
    /// Stored bytes fail their checksum; the text names object and range (P8).
    Corrupt(String),
    /// The store or the catalog did not answer in time, or with an error.
    Unavailable(String),
}
