//! Create a basin (`s2-semantics.md` E3, E4).

use riverrun_protocol::request::CreateBasin;

use super::{BasinEntry, Refusal, Verdict, check_retention, creation};

/// | the name | token | comes to |
/// |---|---|---|
/// | is free | any | created |
/// | is in use | the creation's, with the same configuration | noop |
/// | is in use | another, or none, or it was ensured | refused: exists |
/// | is being deleted | any | refused: pending |
pub fn create_basin(
    basin: Option<&BasinEntry>,
    request: &CreateBasin,
    now_ms: u64,
) -> Result<Verdict<BasinEntry>, Refusal> {
    check_retention(request.config.default_stream_config.retention).map_err(Refusal::Invalid)?;
    let hash = creation::of_basin(request);
    let name = request.basin.clone();
    match basin {
        None => Ok(Verdict::created(BasinEntry::new(name, request.config, hash, now_ms))),
        Some(entry) if entry.deleted_at_ms.is_some() => Err(Refusal::BasinDeletionPending(name)),
        Some(entry) if creation::is_repeated(hash.as_ref(), entry.creation.as_ref()) => Ok(Verdict::noop(entry)),
        Some(_) => Err(Refusal::BasinExists(name)),
    }
}
