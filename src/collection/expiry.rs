//! Retention by age: the start of a stream moves up, in the catalog first (design.md 6): otherwise a restart, or a clock that is set
//! back, would bring back what was already gone.

use riverrun_core::control::keys;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;

use super::empty::target_of;
use super::{CollectError, CollectorParts, Outcome, PAGE_ROWS};
use crate::catalog::Change;

/// A stream whose oldest records have expired.
struct Expired {
    id: StreamId,
    start_seq_num: u64,
    /// `None` once it is purged.
    target: Option<StreamRef>,
}

/// Returns how many streams lost records.
pub async fn expire(parts: &CollectorParts) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        let before = outcome.done;
        if let Err(error) = expire_some(parts, &mut outcome).await {
            outcome.count(Err(error));
        }
        if outcome.done == before {
            return outcome;
        }
    }
}

/// Between the index and the stream's shard nothing may fail: the index names a stream once, and a shard that does not hear of it
/// would go on with chunks that are about to be deleted.
async fn expire_some(parts: &CollectorParts, outcome: &mut Outcome) -> Result<(), CollectError> {
    let expired = find(parts, outcome).await;
    let rows = expired.iter().filter_map(|one| parts.index.state_row_from(one.id, one.start_seq_num));
    let changes: Vec<Change> = rows.map(|row| Change::Put(keys::state(row.state.stream_id), row.encode())).collect();
    if changes.is_empty() {
        return Ok(());
    }
    parts.catalog.write(changes).await?;
    for Expired { id, start_seq_num, target } in expired {
        parts.index.raise_start(id, start_seq_num);
        if let Some(target) = target {
            parts.streams.start_raised(target, id, start_seq_num);
        }
        outcome.done += 1;
    }
    Ok(())
}

/// Those whose names cannot be read stay as they are, and do not keep the others.
async fn find(parts: &CollectorParts, outcome: &mut Outcome) -> Vec<Expired> {
    let mut found = Vec::new();
    for (id, start_seq_num) in parts.index.expired(parts.now_ms(), PAGE_ROWS) {
        match target_of(parts, id).await {
            Ok(target) => found.push(Expired { id, start_seq_num, target }),
            Err(error) => outcome.count(Err(error)),
        }
    }
    found
}
