//! The index of all chunks, from their footers. What the catalog does not name does not exist, whatever a listing shows.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use riverrun_core::chunk::ChunkId;
use riverrun_core::control::{ChunkRow, keys};

use super::RecoveryError;
use crate::catalog::{Catalog, Row, key_after, keys_under};
use crate::loader::{ChunkIndex, FetchError, fetch_footer};
use crate::store::Objects;

const ROWS_AT_ONCE: usize = 1024;
const FOOTERS_AT_ONCE: usize = 16;

/// Returns the number of chunks.
pub async fn build_index(
    objects: &dyn Objects,
    catalog: &dyn Catalog,
    store_id: &[u8; 16],
    index: &ChunkIndex,
) -> Result<u64, RecoveryError> {
    let mut keys = keys_under(keys::CHUNK_PREFIX);
    let mut chunks = 0;
    loop {
        let rows = catalog.scan(keys.clone(), ROWS_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(chunks) };
        keys.start = key_after(last);
        chunks += rows.len() as u64;
        stream::iter(rows)
            .map(|row| add(objects, store_id, index, row))
            .buffer_unordered(FOOTERS_AT_ONCE)
            .try_collect::<()>()
            .await?;
    }
}

async fn add(objects: &dyn Objects, store_id: &[u8; 16], index: &ChunkIndex, row: Row) -> Result<(), RecoveryError> {
    let Some((id, row)) = parse(&row)? else { return Ok(()) };
    let footer = match fetch_footer(objects, store_id, id, &row).await {
        // Once more: it may have been damaged on the way (reliability.md F37).
        Err(FetchError::Stored { .. }) => fetch_footer(objects, store_id, id, &row).await?,
        fetched => fetched?,
    };
    index.add(Arc::new(footer), row.footer.bytes);
    Ok(())
}

fn parse((key, value): &Row) -> Result<Option<(ChunkId, ChunkRow)>, RecoveryError> {
    let Some(id) = keys::parse_chunk(key) else { return Ok(None) };
    let row = ChunkRow::decode(value).map_err(|error| RecoveryError::stored(id, error))?;
    Ok(Some((id, row)))
}
