//! The end of tombstones: ids that nothing names any more.

use riverrun_core::control::keys;
use riverrun_protocol::types::StreamId;

use super::RecoveryError;
use crate::catalog::{Catalog, Change, key_after, keys_under};
use crate::loader::ChunkIndex;

const ROWS_AT_ONCE: usize = 1024;

/// Step 7. Only where no journal will be replayed again: what is in chunks, fenced and indexed by now, is then all that can name a
/// deleted stream's id, and the index knows it. Without the tombstone a batch of that stream would be taken for damage.
pub async fn take_away(catalog: &dyn Catalog, index: &ChunkIndex) -> Result<(), RecoveryError> {
    for_each_page(catalog, async |ids| {
        let forgotten = ids.into_iter().filter(|id| index.next_seq_num(*id).is_none());
        let changes: Vec<Change> =
            forgotten.flat_map(|id| [keys::id(id), keys::tombstone(id)]).map(Change::Delete).collect();
        if !changes.is_empty() {
            catalog.write(changes).await?;
        }
        Ok(())
    })
    .await
}

/// What chunks hold of purged streams is dead, so that chunks without anything else can go.
pub async fn forget_purged(catalog: &dyn Catalog, index: &ChunkIndex) -> Result<(), RecoveryError> {
    for_each_page(catalog, async |ids| {
        // A sweep that was under way may have written where it stood, behind its back.
        let mut states = Vec::new();
        for id in ids {
            index.forget(id);
            if catalog.get(keys::state(id)).await?.is_some() {
                states.push(Change::Delete(keys::state(id)));
            }
        }
        match states.is_empty() {
            true => Ok(()),
            false => Ok(catalog.write(states).await?),
        }
    })
    .await
}

async fn for_each_page(
    catalog: &dyn Catalog,
    mut each: impl AsyncFnMut(Vec<StreamId>) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let mut keys = keys_under(keys::TOMBSTONE_PREFIX);
    loop {
        let rows = catalog.scan(keys.clone(), ROWS_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        keys.start = key_after(last);
        each(rows.iter().filter_map(|(key, _)| keys::parse_tombstone(key)).collect()).await?;
    }
}
