//! Chunks: sealed, compressed, immutable objects that hold records of many streams, grouped by stream, indexed in a footer.
//!
//! ```text
//! header 112 | page | page | ... | footer | trailer 40
//! ```
//! A writer makes a [`ChunkInput`] and [`encode()`]s it. A reader knows from the catalog where the footer is
//! ([`FooterRange`]), fetches and decodes it ([`Footer::decode`]), asks it for the pages of a stream
//! ([`Footer::pages_from`]), fetches each ([`PageEntry::range`]), undoes the compression ([`decode_page`]) and splits it into
//! batches ([`PageRun::batches`]). Whoever meets an object under a chunk's name and knows nothing of it reads it whole
//! ([`identify`]) or its end ([`decode_tail`]).
//!
//! Checksums cover every byte: the header its own, each page's in the page table, the page table and all else of the footer
//! in the trailer, the trailer its own. docs/STORAGE.md draws the whole.

mod encode;
mod fence;
mod footer;
mod header;
mod name;
mod object;
mod page;
mod paging;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod trailer;

use std::sync::Arc;

use bytes::Bytes;
use riverrun_protocol::types::{Position, StreamId};

pub use encode::{EncodeError, EncodedChunk, encode};
pub use fence::encode_fence;
pub use footer::{Footer, StreamIndex};
pub use header::{CHUNK_VERSION, HEADER_BYTES, Identity, ObjectHeader, ObjectKind};
pub(crate) use name::parse_hex;
pub use name::{CHUNK_PREFIX, SequenceId};
pub use object::{ChunkObject, Object, TAIL_BYTES, Tail, decode_tail, identify, same_object};
pub use page::{Compressor, Decompressor, PageCodec, PageEntry, check_page, decode_page};
pub use run::PageRun;
pub use trailer::{FooterRange, TRAILER_BYTES, Trailer};

use crate::control::StreamEntry;

/// Which of a shard's two ordered sequences of chunks (design.md 2, lane).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Lane {
    Express,
    Standard,
}

/// A chunk's name: `(epoch, shard, lane)` is a sequence, `number` counts from 0 within it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ChunkId {
    pub epoch: u64,
    pub shard: u16,
    pub lane: Lane,
    pub number: u64,
}

/// The versioned state record of a stream, as of just after the chunk that holds it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamState {
    pub stream_id: StreamId,
    /// The tail: the number the next record gets, and the last record's timestamp.
    pub next: Position,
    /// Empty = none (`s2-semantics.md` B4).
    pub fencing_token: Vec<u8>,
    /// Lowest sequence number to keep.
    pub trim_point: u64,
    /// Records ever written, and their metered bytes (`s2-semantics.md` A4).
    pub record_count: u64,
    pub metered_bytes: u64,
}

/// One stream's share of a chunk to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkStream {
    pub state: StreamState,
    /// Present in the stream's first chunk, so that a store can be understood without its catalog.
    pub entry: Option<Arc<StreamEntry>>,
    /// Whole stamped batches in order of position.
    pub batches: Vec<Bytes>,
}

/// A sealed chunk, not yet encoded. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkInput {
    pub id: ChunkId,
    pub streams: Vec<ChunkStream>,
    /// 1-19 or negative (zstd's levels); falls with the backlog.
    pub compression_level: i32,
}

/// A chunk that is durable in the store and indexed in the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredChunk {
    pub id: ChunkId,
    pub object_bytes: u64,
    /// Bytes of batches before compression.
    pub raw_bytes: u64,
}
