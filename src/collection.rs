//! Collection: what nobody needs any more goes. Expired records stop being readable, chunks without a living record are deleted,
//! streams that stay empty are deleted if they are to be (`s2-semantics.md` E8, design.md 9).
//!
//! ```text
//! sweep, now and then
//!   1 expiry    leading chunks of a stream whose records have all expired: state row durable, then nobody reads them
//!   2 chunks    no living record in it: state rows of its streams and a `dead` row durable
//!               after the grace period: the chunk's row goes, then the object, then the `dead` row
//!   3 empty     streams whose `due` row has come: the shard has the last word
//! ```
//! Every step may be interrupted and repeated. A read may still be on its way through a chunk that has just died: that is what the
//! grace period is for. Rewriting chunks that are partly dead is not done here.

mod chunks;
mod empty;
mod expiry;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use riverrun_core::control::StreamEntry;
use riverrun_core::stored::StoredError;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;

use crate::catalog::{Catalog, CatalogError};
use crate::loader::ChunkIndex;
use crate::store::{Objects, StoreError};

/// Rows that are read, or written, at once.
const PAGE_ROWS: usize = 1000;

/// What a collector needs of the rest of the broker.
pub trait Streams: Send + Sync + 'static {
    /// Nobody is to read the stream's records below this number any more.
    fn start_raised(&self, target: StreamRef, stream_id: StreamId, start_seq_num: u64);

    /// Deletes the stream if it is empty and was not written to for `min_age_ms`. False: it is in use.
    fn delete_if_empty(
        &self,
        entry: StreamEntry,
        min_age_ms: u64,
    ) -> BoxFuture<'_, Result<bool, Box<dyn std::error::Error + Send + Sync>>>;
}

/// Milliseconds since the Unix epoch, by a clock that a jump of the wall clock does not move forwards while the process runs: a
/// clock that is set ahead by mistake must not make everything expire at once.
pub type SteadyClock = Arc<dyn Fn() -> u64 + Send + Sync>;

#[derive(Clone)]
pub struct CollectorParts {
    pub objects: Arc<dyn Objects>,
    pub catalog: Arc<dyn Catalog>,
    pub index: Arc<ChunkIndex>,
    pub store_id: [u8; 16],
    pub streams: Arc<dyn Streams>,
    pub clock: SteadyClock,
    /// How long a dead chunk stays for those who still read it.
    pub grace: Duration,
}

/// One per broker.
pub struct Collector {
    parts: CollectorParts,
}

/// Why a sweep did not get to its end. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Chunk(String),
}

/// What one sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    pub streams_expired: u64,
    pub chunks_died: u64,
    pub chunks_deleted: u64,
    pub streams_deleted: u64,
}

impl Collector {
    pub fn new(parts: CollectorParts) -> Self {
        Self { parts }
    }

    /// One round of all steps. One thing that cannot be done keeps nothing else from being done.
    ///
    /// # Errors
    /// The first thing that could not be done; the next sweep tries it again.
    pub async fn sweep(&self) -> (Swept, Result<(), CollectError>) {
        let parts = &self.parts;
        let mut failed = Ok(());
        let mut note = |outcome: Result<Outcome, CollectError>| {
            let Outcome { done, error } = outcome.unwrap_or_else(|error| Outcome { done: 0, error: Some(error) });
            if let (Ok(()), Some(error)) = (&failed, error) {
                failed = Err(error);
            }
            done
        };
        let swept = Swept {
            streams_expired: note(Ok(expiry::expire(parts).await)),
            chunks_died: note(Ok(chunks::bury(parts).await)),
            chunks_deleted: note(chunks::delete(parts).await),
            streams_deleted: note(empty::delete_empty(parts).await),
        };
        (swept, failed)
    }
}

/// Of one step: what was done, and the first thing that was not.
#[derive(Debug, Default)]
struct Outcome {
    done: u64,
    error: Option<CollectError>,
}

impl Outcome {
    fn count(&mut self, one: Result<bool, CollectError>) {
        match one {
            Ok(done) => self.done += u64::from(done),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}

impl CollectorParts {
    fn now_ms(&self) -> u64 {
        (self.clock)()
    }
}

impl std::fmt::Debug for CollectorParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectorParts").field("grace", &self.grace).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("grace", &self.parts.grace).finish_non_exhaustive()
    }
}
