//! Footers of chunks: kept for a while after they were read or written, fetched by the catalog's row otherwise.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::chunk::{ChunkId, Footer};
use riverrun_core::control::{ChunkRow, keys};
use riverrun_core::event::LoadFailure;
use riverrun_core::stored::StoredError;

use super::ChunkIndex;
use super::cache::{Cache, CacheUse};
use crate::catalog::{Catalog, CatalogError};
use crate::store::{Objects, StoreError};

/// Encoded bytes; in memory a footer takes about as much again.
const FOOTER_CACHE_BYTES: usize = 32 << 20;

/// Written by publishing and recovery, read by loads.
#[derive(Debug)]
pub struct RecentFooters(Cache<ChunkId, Arc<Footer>>);

impl Default for RecentFooters {
    fn default() -> Self {
        Self(Cache::new(FOOTER_CACHE_BYTES))
    }
}

impl RecentFooters {
    pub fn insert(&self, id: ChunkId, footer: Arc<Footer>, footer_bytes: u32) {
        self.0.insert(id, footer, footer_bytes as usize);
    }

    pub fn get(&self, id: ChunkId) -> Option<Arc<Footer>> {
        self.0.get(&id)
    }

    /// Its chunk is gone.
    pub fn remove(&self, id: ChunkId) {
        self.0.remove(&id);
    }

    /// In encoded bytes.
    pub fn usage(&self) -> CacheUse {
        self.0.usage()
    }
}

/// Why stored data could not be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("{name}: {error}")]
    Stored { name: String, error: StoredError },
    #[error("chunk {0} is not in the catalog")]
    NotIndexed(ChunkId),
}

impl FetchError {
    pub fn stored(id: ChunkId, error: StoredError) -> Self {
        Self::Stored { name: id.object_name(), error }
    }
}

/// What a reader is told. A chunk that the catalog or the index names and that is not there is damage like any other.
impl From<FetchError> for LoadFailure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Stored { .. } | FetchError::NotIndexed(_) => Self::Corrupt(error.to_string()),
            FetchError::Catalog(CatalogError::Corrupt(_)) => Self::Corrupt(error.to_string()),
            FetchError::Store(_) | FetchError::Catalog(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Fetches what is not kept.
pub struct Footers {
    objects: Arc<dyn Objects>,
    catalog: Arc<dyn Catalog>,
    index: Arc<ChunkIndex>,
    store_id: [u8; 16],
}

impl Footers {
    pub fn new(
        objects: Arc<dyn Objects>,
        catalog: Arc<dyn Catalog>,
        index: Arc<ChunkIndex>,
        store_id: [u8; 16],
    ) -> Self {
        Self { objects, catalog, index, store_id }
    }

    pub async fn get(&self, id: ChunkId) -> Result<Arc<Footer>, FetchError> {
        if let Some(footer) = self.index.recent().get(id) {
            return Ok(footer);
        }
        let value = self.catalog.get(keys::chunk(id)).await?.ok_or(FetchError::NotIndexed(id))?;
        let row = ChunkRow::decode(&value).map_err(|error| FetchError::stored(id, error))?;
        let footer = match fetch_footer(&*self.objects, &self.store_id, id, &row).await {
            // Once more: it may have been damaged on the way (reliability.md F37).
            Err(FetchError::Stored { .. }) => fetch_footer(&*self.objects, &self.store_id, id, &row).await?,
            fetched => fetched?,
        };
        let footer = Arc::new(footer);
        self.index.recent().insert(id, Arc::clone(&footer), row.footer.bytes);
        Ok(footer)
    }
}

impl std::fmt::Debug for Footers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Footers").finish_non_exhaustive()
    }
}

/// Reads one footer and makes sure that it is this chunk's, of this store.
pub(crate) async fn fetch_footer(
    objects: &dyn Objects,
    store_id: &[u8; 16],
    id: ChunkId,
    row: &ChunkRow,
) -> Result<Footer, FetchError> {
    let range = row.footer.offset..row.footer.offset + u64::from(row.footer.bytes);
    let bytes = read_range(objects, id, range).await?;
    let footer = Footer::decode(&bytes, &row.footer).map_err(|error| FetchError::stored(id, error))?;
    footer.header.check_place(store_id, id).map_err(|error| FetchError::stored(id, error))?;
    Ok(footer)
}

/// Reads a part of a chunk. A store that answers and has fewer bytes than were written (none at all, where the object is gone)
/// will not have more of them later: that is damage (reliability.md F18), and no failure to be tried again.
pub(super) async fn read_range(objects: &dyn Objects, id: ChunkId, range: Range<u64>) -> Result<Bytes, FetchError> {
    let name = id.object_name();
    let failed = match objects.get_range(&name, range.clone()).await {
        Ok(bytes) => return Ok(bytes),
        Err(failed) => failed,
    };
    let there = objects.size(&name).await.map(Option::unwrap_or_default);
    match there {
        Ok(bytes) if bytes < range.end => {
            Err(FetchError::stored(id, StoredError::Truncated { what: "chunk", bytes, expected: range.end }))
        }
        _ => Err(failed.into()),
    }
}
