//! Where streams stand that no chunk speaks for any more, or no longer truly: the catalog's state rows.

use riverrun_core::control::{StateRow, keys};

use super::RecoveryError;
use crate::catalog::{Catalog, key_after, keys_under};
use crate::loader::ChunkIndex;

const ROWS_AT_ONCE: usize = 1024;

/// Before journals are replayed: a stream whose chunks are all gone goes on where it was.
pub async fn adopt(catalog: &dyn Catalog, index: &ChunkIndex) -> Result<(), RecoveryError> {
    let mut keys = keys_under(keys::STATE_PREFIX);
    loop {
        let rows = catalog.scan(keys.clone(), ROWS_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        keys.start = key_after(last);
        for (_, value) in &rows {
            let row = StateRow::decode(value).map_err(|error| RecoveryError::stored("the catalog", error))?;
            index.adopt_state(&row);
        }
    }
}
