//! Delete-on-empty: a stream that holds no record and was not written to for long enough is deleted, if it asks for that. Late by up to
//! a sweep and a pause, never early: its shard looks once more, with nothing on its way (`s2-semantics.md` E8).

use bytes::Bytes;
use riverrun_core::control::{DueRow, EmptyVerdict, StreamEntry, judge_empty, keys, look_again_ms};
use riverrun_protocol::types::StreamId;

use super::{CollectError, CollectorParts, SWEEP_ITEMS_MAX};
use crate::catalog::Change;

/// Returns how many were deleted.
pub async fn delete_empty(parts: &CollectorParts) -> Result<u64, CollectError> {
    let until = keys::due_until(parts.now_ms());
    let due = parts.catalog.scan(Bytes::from_static(keys::DUE_PREFIX)..until, SWEEP_ITEMS_MAX).await?;
    let mut deleted = 0;
    for (key, value) in due {
        let Some((_, id)) = keys::parse_due(&key) else { continue };
        deleted += u64::from(look(parts, key, id, DueRow::decode(&value)?).await?);
    }
    Ok(deleted)
}

/// True if it was deleted.
async fn look(parts: &CollectorParts, key: Bytes, id: StreamId, row: DueRow) -> Result<bool, CollectError> {
    let entry = entry_of(parts, id, &row).await?;
    let now_ms = parts.now_ms();
    let verdict = entry.as_ref().map(|entry| judge_empty(entry, parts.index.stored_records(id), now_ms));
    let (again_at_ms, deleted) = match (verdict, entry) {
        (Some(EmptyVerdict::LookAgainAt(at_ms)), _) => (Some(at_ms), false),
        (Some(EmptyVerdict::Ask { min_age_ms }), Some(entry)) => {
            match parts.streams.delete_if_empty(entry, min_age_ms).await {
                Ok(true) => (None, true),
                Ok(false) => (Some(look_again_ms(min_age_ms, now_ms)), false),
                Err(error) => {
                    tracing::warn!(%error, target = %row.target, "an empty stream was not deleted; it is tried again");
                    (Some(look_again_ms(min_age_ms, now_ms)), false)
                }
            }
        }
        _ => (None, false),
    };
    let mut changes = vec![Change::Delete(key)];
    changes.extend(again_at_ms.map(|at_ms| Change::Put(keys::due(at_ms, id), row.encode())));
    parts.catalog.write(changes).await?;
    Ok(deleted)
}

/// The entry, if the name still belongs to this stream.
async fn entry_of(parts: &CollectorParts, id: StreamId, row: &DueRow) -> Result<Option<StreamEntry>, CollectError> {
    let key = keys::stream(&row.target.basin, &row.target.stream);
    let Some(value) = parts.catalog.get(key).await? else { return Ok(None) };
    let entry = StreamEntry::decode(&value)?;
    Ok((entry.id == id).then_some(entry))
}
