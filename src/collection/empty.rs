//! Delete-on-empty: a stream that holds no record and was not written to for long enough is deleted, if it asks for that. Late by up to
//! a sweep and a pause, never early: its shard looks once more, with nothing on its way (`s2-semantics.md` E8).
//!
//! A stream is looked at when its `due` row says so: written with the stream, when the setting is switched on, and here, when
//! its last record goes. So one that holds records costs nothing.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use riverrun_core::control::{DueRow, EmptyVerdict, IdRow, StreamEntry, judge_empty, keys, look_again_ms};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;
use tokio::time::timeout;

use super::{CollectError, CollectorParts, Outcome, PAGE_ROWS};
use crate::catalog::{Change, Row, key_after};

/// How long one deletion may hold up the rest. It goes on without us.
const DELETION_WAIT_MAX: Duration = Duration::from_secs(30);

/// Returns how many were deleted.
pub async fn delete_empty(parts: &CollectorParts) -> Result<Outcome, CollectError> {
    let mut outcome = Outcome::default();
    note_emptied(parts, &mut outcome).await;
    let mut keys = Bytes::from_static(keys::DUE_PREFIX)..keys::due_until(parts.now_ms());
    let mut seen = HashSet::new();
    loop {
        let due = parts.catalog.scan(keys.clone(), PAGE_ROWS).await?;
        let Some((last, _)) = due.last() else { return Ok(outcome) };
        keys.start = key_after(last);
        for row in &due {
            outcome.count(look(parts, row, &mut seen).await);
        }
    }
}

/// Streams that lost their last record have a `due` row from now on, if they ask for one.
async fn note_emptied(parts: &CollectorParts, outcome: &mut Outcome) {
    let mut not_noted = Vec::new();
    loop {
        let emptied = parts.index.take_emptied(PAGE_ROWS);
        if emptied.is_empty() {
            return parts.index.give_back_emptied(not_noted);
        }
        not_noted.extend(note(parts, emptied, outcome).await);
    }
}

/// Returns those that are still to be noted.
async fn note(parts: &CollectorParts, emptied: Vec<StreamId>, outcome: &mut Outcome) -> Vec<StreamId> {
    let (mut changes, mut not_noted) = (Vec::new(), Vec::new());
    for id in &emptied {
        match due_row(parts, *id).await {
            Ok(change) => changes.extend(change),
            Err(error) => {
                outcome.count(Err(error));
                not_noted.push(*id);
            }
        }
    }
    if changes.is_empty() {
        return not_noted;
    }
    match parts.catalog.write(changes).await {
        Ok(()) => not_noted,
        Err(error) => {
            outcome.count(Err(error.into()));
            emptied
        }
    }
}

/// `None` if it does not ask for one.
async fn due_row(parts: &CollectorParts, id: StreamId) -> Result<Option<Change>, CollectError> {
    let Some(target) = target_of(parts, id).await? else { return Ok(None) };
    let row = DueRow { target };
    let Some(entry) = entry_of(parts, id, &row).await? else { return Ok(None) };
    let at_ms = match judge_empty(&entry, parts.index.stored_records(id), parts.now_ms()) {
        EmptyVerdict::LookAgainAt(at_ms) => at_ms,
        EmptyVerdict::Ask { .. } => parts.now_ms(),
        EmptyVerdict::Forget => return Ok(None),
    };
    Ok(Some(Change::Put(keys::due(at_ms, id), row.encode())))
}

/// True if it was deleted. A second row of the same stream is one too many.
async fn look(parts: &CollectorParts, (key, value): &Row, seen: &mut HashSet<StreamId>) -> Result<bool, CollectError> {
    let Some((_, id)) = keys::parse_due(key) else { return Ok(false) };
    let row = DueRow::decode(value)?;
    let mut changes = vec![Change::Delete(key.clone())];
    let mut deleted = false;
    if seen.insert(id)
        && let Some(entry) = entry_of(parts, id, &row).await?
    {
        let (again_at_ms, is_deleted) = judge(parts, entry).await;
        changes.extend(again_at_ms.map(|at_ms| Change::Put(keys::due(at_ms, id), row.encode())));
        deleted = is_deleted;
    }
    parts.catalog.write(changes).await?;
    Ok(deleted)
}

/// When to look again, if at all; and whether it was deleted.
async fn judge(parts: &CollectorParts, entry: StreamEntry) -> (Option<u64>, bool) {
    let now_ms = parts.now_ms();
    let min_age_ms = match judge_empty(&entry, parts.index.stored_records(entry.id), now_ms) {
        EmptyVerdict::Forget => return (None, false),
        EmptyVerdict::LookAgainAt(at_ms) => return (Some(at_ms), false),
        EmptyVerdict::Ask { min_age_ms } => min_age_ms,
    };
    let target = StreamRef { basin: entry.basin.clone(), stream: entry.name.clone() };
    match timeout(DELETION_WAIT_MAX, parts.streams.delete_if_empty(entry, min_age_ms)).await {
        Ok(Ok(true)) => return (None, true),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => tracing::warn!(%error, %target, "an empty stream was not deleted; it is tried again"),
        Err(_) => tracing::warn!(%target, "the deletion of an empty stream takes long; it is looked at again"),
    }
    (Some(look_again_ms(min_age_ms, now_ms)), false)
}

/// The entry, if the name still belongs to this stream.
async fn entry_of(parts: &CollectorParts, id: StreamId, row: &DueRow) -> Result<Option<StreamEntry>, CollectError> {
    let key = keys::stream(&row.target.basin, &row.target.stream);
    let Some(value) = parts.catalog.get(key).await? else { return Ok(None) };
    let entry = StreamEntry::decode(&value)?;
    Ok((entry.id == id).then_some(entry))
}

/// The stream's name; `None` once it is purged.
pub async fn target_of(parts: &CollectorParts, id: StreamId) -> Result<Option<StreamRef>, CollectError> {
    let Some(value) = parts.catalog.get(keys::id(id)).await? else { return Ok(None) };
    let row = IdRow::decode(&value)?;
    Ok(row.purged_at_ms.is_none().then_some(StreamRef { basin: row.basin, stream: row.name }))
}
