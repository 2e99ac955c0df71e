//! Create a stream (`s2-semantics.md` E2-E4).

use riverrun_protocol::config::{PartialStreamConfig, StreamConfig};
use riverrun_protocol::request::{CreateStream, StreamRef};

use super::existing::open_basin;
use super::{BasinEntry, Fresh, Refusal, StreamEntry, Verdict, check_retention, creation, resolved};

/// | the name | token | comes to |
/// |---|---|---|
/// | is free | any | created |
/// | is in use | the creation's, with the same configuration | noop |
/// | is in use | another, or none, or it was ensured or made on first use | refused: exists |
/// | is being deleted | any | refused: pending |
///
/// In a basin that is being deleted, or that is not there, whatever the name: refused for that.
pub fn create_stream(
    basin: Option<&BasinEntry>,
    stream: Option<&StreamEntry>,
    request: &CreateStream,
    system: &StreamConfig,
    fresh: Fresh,
) -> Result<Verdict<StreamEntry>, Refusal> {
    check_retention(request.config.retention).map_err(Refusal::Invalid)?;
    let basin = open_basin(basin, &request.target.basin)?;
    let hash = creation::of_stream(request);
    match stream {
        None => {
            let entry = new_stream(basin, &request.target, &request.config, system, fresh);
            Ok(Verdict::created(StreamEntry { creation: hash, ..entry }))
        }
        Some(entry) if entry.deleted_at_ms.is_some() => Err(Refusal::StreamDeletionPending),
        Some(entry) if creation::is_repeated(hash.as_ref(), entry.creation.as_ref()) => Ok(Verdict::noop(entry)),
        Some(_) => Err(Refusal::StreamExists(request.target.clone())),
    }
}

/// With the configuration that it keeps (E2).
pub(super) fn new_stream(
    basin: &BasinEntry,
    target: &StreamRef,
    asked: &PartialStreamConfig,
    system: &StreamConfig,
    fresh: Fresh,
) -> StreamEntry {
    let config = resolved(asked, &basin.config.default_stream_config, system);
    StreamEntry::new(fresh.id, target.basin.clone(), target.stream.clone(), fresh.now_ms, config)
}
