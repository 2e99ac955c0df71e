//! Delete a stream, because somebody says so or because it is empty (`s2-semantics.md` E6, E8). What its basin is about to become
//! does not matter.

use riverrun_protocol::request::StreamRef;

use super::{Deletion, Refusal, StreamEntry};
use crate::event::CloseWhen;

/// What is to be written once the stream's shard has closed it.
pub fn delete_stream(
    stream: Option<&StreamEntry>,
    target: &StreamRef,
    when: CloseWhen,
    now_ms: u64,
) -> Result<Deletion<StreamEntry>, Refusal> {
    match stream {
        None => Err(Refusal::StreamNotFound(target.clone())),
        Some(entry) if entry.deleted_at_ms.is_some() => Ok(Deletion::UnderWay),
        Some(entry) if !is_due(entry, when) => Ok(Deletion::NotDue),
        Some(entry) => Ok(Deletion::Begin(StreamEntry { deleted_at_ms: Some(now_ms), ..entry.clone() })),
    }
}

/// Whoever found the stream empty may have read a configuration that has changed since: switched off, or to a longer age (E8, race
/// rule). Records and writes are the shard's to look for.
fn is_due(entry: &StreamEntry, when: CloseWhen) -> bool {
    match when {
        CloseWhen::Always => true,
        CloseWhen::Empty { min_age_ms } => {
            let wanted_secs = entry.config.delete_on_empty_min_age_secs;
            wanted_secs > 0 && wanted_secs.saturating_mul(1000) <= min_age_ms
        }
    }
}
