//! Create a stream, or replace its configuration (`s2-semantics.md` E3).

use riverrun_protocol::config::StreamConfig;
use riverrun_protocol::request::EnsureStream;

use super::create_stream::new_stream;
use super::existing::open_basin;
use super::{BasinEntry, Fresh, Refusal, StreamEntry, Verdict, check_retention, resolved};

/// What is not given goes back to the basin's default as it is now, else to the system's. Id, time and token of the creation are
/// kept.
pub fn ensure_stream(
    basin: Option<&BasinEntry>,
    stream: Option<&StreamEntry>,
    request: &EnsureStream,
    system: &StreamConfig,
    fresh: Fresh,
) -> Result<Verdict<StreamEntry>, Refusal> {
    check_retention(request.config.retention).map_err(Refusal::Invalid)?;
    let basin = open_basin(basin, &request.target.basin)?;
    match stream {
        None => Ok(Verdict::created(new_stream(basin, &request.target, &request.config, system, fresh))),
        Some(entry) if entry.deleted_at_ms.is_some() => Err(Refusal::StreamDeletionPending),
        Some(entry) => Ok(reconfigured(entry, resolved(&request.config, &basin.config.default_stream_config, system))),
    }
}

/// The stream under another configuration, if it is another one.
pub(super) fn reconfigured(entry: &StreamEntry, config: StreamConfig) -> Verdict<StreamEntry> {
    if config == entry.config {
        return Verdict::noop(entry);
    }
    // Wraps, so that no number of changes can end in a panic; only neighbours are ever compared.
    let config_version = entry.config_version.wrapping_add(1);
    Verdict::updated(StreamEntry { config, config_version, ..entry.clone() })
}
