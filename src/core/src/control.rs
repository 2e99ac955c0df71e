//! The control plane's rules and the catalog's values: basins and streams. One file per kind under `control/`.

mod basin;
mod chunk;
mod epoch;
mod id;
mod journal_loss;
pub mod keys;
mod listing;
mod placement;
mod sequence;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod value;

pub use chunk::ChunkRow;
pub use epoch::{ClosedRow, EpochRow, InheritedJournal, ServingRow};
pub use id::IdRow;
pub use journal_loss::{CutStream, JournalLossRow, LostJournal};
pub use listing::{Listing, Page};
pub use placement::{placement, shard_of};
pub use sequence::SequenceRow;
pub use store::{STORE_FORMAT_VERSION, StoreRow};
pub use stream::CreationDefaults;

use riverrun_protocol::types::{BasinName, StreamId, StreamName};

/// What a stream asks for (design.md 2): express = acknowledged when in the journal, standard = when in the object store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StorageClass {
    Express,
    Standard,
}

/// A basin as the catalog holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinEntry {
    pub name: BasinName,
    pub created_at_ms: u64,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

/// A stream as the catalog holds it; configuration is fixed at creation (`s2-semantics.md` E2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEntry {
    pub id: StreamId,
    pub basin: BasinName,
    pub name: StreamName,
    pub created_at_ms: u64,
    /// Modulo the number of shards running now, this is the shard that owns the stream (design.md 2, partition).
    pub placement: u64,
    pub storage_class: StorageClass,
    /// Seconds; `None` = infinite (`s2-semantics.md` E8). Stamped on each batch as `expires_at_ms`.
    pub retention_age_secs: Option<u64>,
}
