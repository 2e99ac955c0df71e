//! Which store this is.

use riverrun_core::control::{StoreRow, keys};

use super::RecoveryError;
use crate::catalog::{Catalog, Row};
use crate::publish::random_id;

/// The store's id, made and recorded at the first start. Journals lie in a folder of this name, so that another store's are
/// never touched.
pub async fn store_identity(catalog: &dyn Catalog, now_ms: u64) -> Result<[u8; 16], RecoveryError> {
    let key = bytes::Bytes::from_static(keys::STORE);
    if let Some(value) = catalog.get(key.clone()).await? {
        let row = StoreRow::decode(&value).map_err(|error| RecoveryError::stored("the catalog", error))?;
        return Ok(row.store_id);
    }
    let store_id = random_id().map_err(RecoveryError::Random)?;
    let row: Row = (key, StoreRow::new(store_id, now_ms).encode());
    catalog.put_batch(vec![row]).await?;
    Ok(store_id)
}
