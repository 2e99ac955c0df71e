//! Loading: what shards ask of the store and the catalog that is not a write of records. Streams by name (creating them where
//! a switch says so), pages of chunks for readers of history, and the four calls about basins and streams.
//!
//! Everything here answers within a deadline; nothing here retries for long, because whoever waits can ask again.

mod cache;
mod footers;
mod index;
mod names;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::action::{LoadCause, PagesFrom};
use riverrun_core::chunk::ChunkId;
use riverrun_core::event::{LoadFailure, LoadedStream};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::config::StreamConfig;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{CreateBasin, CreateStream, ListBasins, ListStreams, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::StreamId;
use tokio::time::timeout;

use crate::catalog::Catalog;
use crate::publish::Offload;
use crate::store::Objects;

pub(crate) use footers::{FetchError, fetch_footer};
pub use index::ChunkIndex;
pub use names::WallClock;

use footers::Footers;
use names::Names;
use pages::Pages;

/// How long a load may take.
pub const LOAD_DEADLINE: Duration = Duration::from_secs(10);

/// What a loader is made of.
pub struct LoaderParts {
    pub objects: Arc<dyn Objects>,
    pub catalog: Arc<dyn Catalog>,
    pub index: Arc<ChunkIndex>,
    pub store_id: [u8; 16],
    /// What a stream gets whose creator says nothing.
    pub defaults: StreamConfig,
    /// Milliseconds since the Unix epoch.
    pub clock: WallClock,
    /// Decompressing and checking pages.
    pub offload: Offload,
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
        Self {
            index: parts.index,
            names: Arc::new(Names::new(parts.catalog, parts.defaults, parts.clock)),
            pages: Pages::new(parts.objects, footers, parts.offload),
        }
    }

    /// Carries out one `LoadStream`. A stream that is created here is durable in the catalog when this returns.
    pub async fn load_stream(&self, target: &StreamRef, cause: LoadCause) -> Result<LoadedStream, LoadFailure> {
        let entry = within_deadline(self.names.find_or_create(target, cause)).await?;
        Ok(self.index.load(entry))
    }

    /// Carries out one `LoadPages`: whole pages, at least one if any follows `from`, together at most `bytes_max` unless the
    /// first alone is larger. Empty if the chunk holds nothing of the stream at or after `from`.
    pub async fn load_pages(
        &self,
        stream_id: StreamId,
        chunk: ChunkId,
        from: PagesFrom,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, LoadFailure> {
        within_deadline(self.pages.load(stream_id, chunk, from, bytes_max)).await
    }

    /// `s2-semantics.md` E3, E4: without a token a basin that exists is refused.
    pub async fn create_basin(&self, request: CreateBasin) -> Result<Response, ErrorFrame> {
        self.names.create_basin(request).await
    }

    pub async fn list_basins(&self, request: &ListBasins) -> Result<Response, ErrorFrame> {
        self.names.list_basins(request).await
    }

    pub async fn create_stream(&self, request: CreateStream) -> Result<Response, ErrorFrame> {
        self.names.create_stream(request).await
    }

    pub async fn list_streams(&self, request: &ListStreams) -> Result<Response, ErrorFrame> {
        self.names.list_streams(request).await
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
        f.debug_struct("LoaderParts").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
