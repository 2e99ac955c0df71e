//! Create a basin, or replace its configuration (`s2-semantics.md` E3).

use riverrun_protocol::request::EnsureBasin;

use super::{BasinEntry, Refusal, Verdict, check_retention};

/// What is not given goes back to its default. Time and token of the creation are kept, so that a repeated creation still finds
/// its own work (E4).
pub fn ensure_basin(
    basin: Option<&BasinEntry>,
    request: &EnsureBasin,
    now_ms: u64,
) -> Result<Verdict<BasinEntry>, Refusal> {
    check_retention(request.config.default_stream_config.retention).map_err(Refusal::Invalid)?;
    let (name, config) = (request.basin.clone(), request.config);
    match basin {
        None => Ok(Verdict::created(BasinEntry::new(name, config, None, now_ms))),
        Some(entry) if entry.deleted_at_ms.is_some() => Err(Refusal::BasinDeletionPending(name)),
        Some(entry) if entry.config == config => Ok(Verdict::noop(entry)),
        Some(entry) => Ok(Verdict::updated(BasinEntry { config, ..entry.clone() })),
    }
}
