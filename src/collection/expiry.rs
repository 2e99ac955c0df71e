//! Retention by age: the start of a stream moves up, in the catalog first (design.md 6): otherwise a restart, or a clock that is set
//! back, would bring back what was already gone.

use riverrun_core::control::{StateRow, keys};
use riverrun_protocol::types::StreamId;

use super::empty::target_of;
use super::{CollectError, CollectorParts, Outcome, PAGE_ROWS};
use crate::catalog::Change;

/// Returns how many streams lost records.
pub async fn expire(parts: &CollectorParts) -> Result<Outcome, CollectError> {
    let mut outcome = Outcome::default();
    loop {
        let expired = expire_some(parts).await?;
        if expired == 0 {
            return Ok(outcome);
        }
        outcome.done += expired;
    }
}

async fn expire_some(parts: &CollectorParts) -> Result<u64, CollectError> {
    let expired = parts.index.expired(parts.now_ms(), PAGE_ROWS);
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
