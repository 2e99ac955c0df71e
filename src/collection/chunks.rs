//! Chunks in which no stream has a living record: buried at once, deleted after the grace period.

use riverrun_core::chunk::{ChunkId, Footer};
use riverrun_core::control::{ChunkRow, DeadRow, keys};

use super::{CollectError, CollectorParts, Outcome, PAGE_ROWS};
use crate::catalog::{Change, Row, key_after, keys_under};
use crate::loader::fetch_footer;

/// Rows of one write to the catalog: a chunk may hold 16,384 streams.
const WRITE_ROWS_MAX: usize = 1000;

/// Notes newly dead chunks, so that their grace period begins. Returns how many.
pub async fn bury(parts: &CollectorParts) -> Outcome {
    let mut outcome = Outcome::default();
    for id in parts.index.dead_chunks() {
        outcome.count(bury_one(parts, id).await);
    }
    outcome
}

/// False: a process before this one had noted it.
async fn bury_one(parts: &CollectorParts, id: ChunkId) -> Result<bool, CollectError> {
    let is_new = parts.catalog.get(keys::dead(id)).await?.is_none();
    if is_new {
        save_states(parts, id).await?;
        let row = DeadRow { since_ms: parts.now_ms() };
        parts.catalog.write(vec![Change::Put(keys::dead(id), row.encode())]).await?;
    }
    parts.index.buried(id);
    Ok(is_new)
}

/// Where its streams stand may be written nowhere else: tail, fencing token and trim point outlive every record.
async fn save_states(parts: &CollectorParts, id: ChunkId) -> Result<(), CollectError> {
    let Some(footer) = footer(parts, id).await? else { return Ok(()) };
    let rows = footer.streams.iter().filter_map(|stream| parts.index.state_row(stream.state.stream_id));
    let changes: Vec<Change> = rows.map(|row| Change::Put(keys::state(row.state.stream_id), row.encode())).collect();
    for part in changes.chunks(WRITE_ROWS_MAX) {
        parts.catalog.write(part.to_vec()).await?;
    }
    Ok(())
}

/// `None`: the catalog does not name the chunk any more.
async fn footer(parts: &CollectorParts, id: ChunkId) -> Result<Option<Footer>, CollectError> {
    let Some(value) = parts.catalog.get(keys::chunk(id)).await? else { return Ok(None) };
    let row = ChunkRow::decode(&value)?;
    let footer = fetch_footer(&*parts.objects, &parts.store_id, id, &row).await;
    footer.map(Some).map_err(|error| CollectError::Chunk(error.to_string()))
}

/// Deletes what has been dead for the grace period. Returns how many.
pub async fn delete(parts: &CollectorParts) -> Result<Outcome, CollectError> {
    let mut outcome = Outcome::default();
    let mut keys = keys_under(keys::DEAD_PREFIX);
    loop {
        let rows = parts.catalog.scan(keys.clone(), PAGE_ROWS).await?;
        let Some((last, _)) = rows.last() else { return Ok(outcome) };
        keys.start = key_after(last);
        for row in &rows {
            outcome.count(delete_if_due(parts, row).await);
        }
    }
}

/// True if it is gone.
async fn delete_if_due(parts: &CollectorParts, (key, value): &Row) -> Result<bool, CollectError> {
    let Some(id) = keys::parse_dead(key) else { return Ok(false) };
    let due_ms = DeadRow::decode(value)?.since_ms.saturating_add(parts.grace.as_millis() as u64);
    let is_due = due_ms <= parts.now_ms() && parts.index.is_dead(id);
    if is_due {
        delete_chunk(parts, id).await?;
    }
    Ok(is_due)
}

/// First the row, so that nothing names an object that is gone; the `dead` row last, because it is all that still knows of the
/// object after a crash.
async fn delete_chunk(parts: &CollectorParts, id: ChunkId) -> Result<(), CollectError> {
    parts.catalog.write(vec![Change::Delete(keys::chunk(id))]).await?;
    parts.objects.delete(&id.object_name()).await?;
    parts.catalog.write(vec![Change::Delete(keys::dead(id))]).await?;
    parts.index.remove_chunk(id);
    Ok(())
}
