//! Retention by age: the start of a stream moves up, in the catalog first (design.md 6): otherwise a restart, or a clock that is set
//! back, would bring back what was already gone.

use riverrun_core::control::{IdRow, StateRow, keys};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;

use super::{CollectError, CollectorParts, SWEEP_ITEMS_MAX};
use crate::catalog::Change;

/// Returns how many streams lost records.
pub async fn expire(parts: &CollectorParts) -> Result<u64, CollectError> {
    let expired = parts.index.expired(parts.now_ms(), SWEEP_ITEMS_MAX);
    let rows = expired.iter().filter_map(|(id, start)| state_row(parts, *id, *start));
    let changes: Vec<Change> = rows.map(|row| Change::Put(keys::state(row.state.stream_id), row.encode())).collect();
    if changes.is_empty() {
        return Ok(0);
    }
    parts.catalog.write(changes).await?;
    for (id, start) in &expired {
        parts.index.raise_start(*id, *start);
        if let Some(target) = target_of(parts, *id).await? {
            parts.streams.start_raised(target, *id, *start);
        }
    }
    Ok(expired.len() as u64)
}

fn state_row(parts: &CollectorParts, id: StreamId, start_seq_num: u64) -> Option<StateRow> {
    let mut row = parts.index.state_row(id)?;
    row.state.trim_point = row.state.trim_point.max(start_seq_num);
    Some(row)
}

/// The stream's name; `None` once it is purged.
async fn target_of(parts: &CollectorParts, id: StreamId) -> Result<Option<StreamRef>, CollectError> {
    let Some(value) = parts.catalog.get(keys::id(id)).await? else { return Ok(None) };
    let row = IdRow::decode(&value)?;
    Ok(row.purged_at_ms.is_none().then_some(StreamRef { basin: row.basin, stream: row.name }))
}
