//! Loading: what shards ask of the store and the catalog that is not a write of records. Streams by name, and pages of chunks for
//! readers of history.
//!
//! Everything here answers within a deadline; nothing here retries for long, because whoever waits can ask again.

mod cache;
mod footers;
mod index;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::action::{LoadCause, PagesOrder};
use riverrun_core::event::{LoadFailure, Loaded, LoadedStream};
use riverrun_protocol::request::StreamRef;
use tokio::time::timeout;

use crate::catalog::Catalog;
use crate::names::Names;
use crate::publish::Offload;
use crate::store::Objects;

pub use cache::CacheUse;
pub(crate) use footers::{FetchError, fetch_footer};
pub use index::ChunkIndex;
pub use pages::PAGE_CACHE_BYTES;

use footers::Footers;
use pages::Pages;

/// How long a load may take.
pub const LOAD_DEADLINE: Duration = Duration::from_secs(10);

/// What a loader is made of.
pub struct LoaderParts {
    pub objects: Arc<dyn Objects>,
    pub catalog: Arc<dyn Catalog>,
    pub index: Arc<ChunkIndex>,
    pub store_id: [u8; 16],
    pub names: Arc<Names>,
    /// Decompressing and checking pages.
    pub offload: Offload,
    /// Decompressed pages that stay for the next reader.
    pub page_cache_bytes_max: usize,
}

/// Pages are counted decompressed, footers encoded: these take about twice as much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caches {
    pub pages: CacheUse,
    pub footers: CacheUse,
}

/// Shared by all shards.
#[derive(Debug)]
pub struct Loader {
    index: Arc<ChunkIndex>,
    names: Arc<Names>,
    pages: Pages,
}

impl Loader {
    pub fn new(parts: LoaderParts) -> Self {
        let footers = Footers::new(
            Arc::clone(&parts.objects),
            Arc::clone(&parts.catalog),
            Arc::clone(&parts.index),
            parts.store_id,
        );
        let pages = Pages::new(parts.objects, footers, parts.offload, parts.page_cache_bytes_max);
        Self { index: parts.index, names: parts.names, pages }
    }

    /// What its caches hold now.
    pub fn caches(&self) -> Caches {
        Caches { pages: self.pages.cache_usage(), footers: self.index.recent().usage() }
    }

    /// Carries out one `LoadStream`. A stream that is created here is durable in the catalog when this returns.
    pub async fn load_stream(&self, target: &StreamRef, cause: LoadCause) -> Result<LoadedStream, LoadFailure> {
        let find = async { Ok(self.names.find_or_create(target, cause).await?) };
        let entry = within_deadline(find).await?;
        Ok(self.index.load(entry))
    }

    /// Carries out one `LoadPages`: whole pages, at least one if any follows the start, together at most `bytes_max` unless the
    /// first alone is larger. Empty if the chunk holds nothing of the stream at or after the start.
    pub async fn load_pages(&self, order: PagesOrder) -> Result<Vec<Loaded>, LoadFailure> {
        within_deadline(self.pages.load(order)).await
    }
}

async fn within_deadline<T>(load: impl Future<Output = Result<T, LoadFailure>>) -> Result<T, LoadFailure> {
    match timeout(LOAD_DEADLINE, load).await {
        Ok(loaded) => loaded,
        Err(_) => Err(LoadFailure::Unavailable(format!("no answer from the store in {LOAD_DEADLINE:?}"))),
    }
}

impl std::fmt::Debug for LoaderParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoaderParts").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
