//! Names: which basins and streams exist, how they are configured, and how they go. The one place that writes their rows, so that a
//! name has one entry however many ask for it at once. What a call comes to is decided in `core::control`; here the decision is
//! carried out, under the locks that make it hold (docs/decisions/0003-names-under-locks.md).
//!
//! Every call answers within a deadline, and goes on to its end without the caller if it must.

mod basins;
mod commit;
mod deletion;
mod end;
mod error;
mod listing;
mod locks;
mod lookup;
#[cfg(test)]
pub mod model;
mod reaper;
mod rows;
mod shards;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use riverrun_protocol::config::StreamConfig;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::catalog::Catalog;
use crate::loader::ChunkIndex;
pub use deletion::StreamDeletion;
pub use error::NameError;
pub use listing::EVERYTHING;
use locks::Locks;
pub use shards::{Shards, ShardsEnded};

/// How long a caller waits for an answer.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// Calls that change something and have not ended: an outage of the catalog must not gather them without end.
const CALLS_MAX: usize = 8192;
/// Streams that are on their way out of their shards. Further deletions wait.
const DELETIONS_MAX: usize = 256;

/// Milliseconds since the Unix epoch.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What names are made of.
pub struct NamesParts {
    pub catalog: Arc<dyn Catalog>,
    pub shards: Arc<dyn Shards>,
    /// Where the streams' records are known; it forgets those of a purged stream.
    pub index: Arc<ChunkIndex>,
    /// What a stream gets of which neither its creator nor its basin says anything.
    pub defaults: StreamConfig,
    pub clock: WallClock,
}

/// Shared by all shards and front doors.
pub struct Names {
    catalog: Arc<dyn Catalog>,
    shards: Arc<dyn Shards>,
    index: Arc<ChunkIndex>,
    defaults: StreamConfig,
    clock: WallClock,
    locks: Locks,
    calls: Arc<Semaphore>,
    deletions: Arc<Semaphore>,
    /// Something is to be done for the reaper.
    reaper: Notify,
}

impl Names {
    pub fn new(parts: NamesParts) -> Self {
        Self {
            catalog: parts.catalog,
            shards: parts.shards,
            index: parts.index,
            defaults: parts.defaults,
            clock: parts.clock,
            locks: Locks::default(),
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            deletions: Arc::new(Semaphore::new(DELETIONS_MAX)),
            reaper: Notify::new(),
        }
    }

    /// For one more call.
    fn place(&self) -> Result<OwnedSemaphorePermit, NameError> {
        Arc::clone(&self.calls).try_acquire_owned().map_err(|_| NameError::Busy)
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NamesParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamesParts").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}
