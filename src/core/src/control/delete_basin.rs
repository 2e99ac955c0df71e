//! Delete a basin: the mark; its streams go one by one behind the answer, and it last (`s2-semantics.md` E6).

use riverrun_protocol::types::BasinName;

use super::{BasinEntry, Deletion, Refusal};

pub fn delete_basin(
    basin: Option<&BasinEntry>,
    name: &BasinName,
    now_ms: u64,
) -> Result<Deletion<BasinEntry>, Refusal> {
    match basin {
        None => Err(Refusal::BasinNotFound(name.clone())),
        Some(entry) if entry.deleted_at_ms.is_some() => Ok(Deletion::UnderWay),
        Some(entry) => Ok(Deletion::Begin(BasinEntry { deleted_at_ms: Some(now_ms), ..entry.clone() })),
    }
}
