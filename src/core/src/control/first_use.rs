//! Creating a stream on first use (`s2-semantics.md` E7).

use riverrun_protocol::config::{PartialStreamConfig, StreamConfig};
use riverrun_protocol::request::StreamRef;

use super::create_stream::new_stream;
use super::existing::{open_basin, open_stream};
use super::{BasinEntry, Fresh, Refusal, StreamEntry, Verdict};
use crate::action::LoadCause;

/// The stream, if its name is in use; it works for as long as it exists, whatever its basin is about to become (E6).
pub fn find_stream<'a>(
    stream: Option<&'a StreamEntry>,
    target: &StreamRef,
) -> Result<Option<&'a StreamEntry>, Refusal> {
    match stream {
        None => Ok(None),
        Some(_) => open_stream(stream, target).map(Some),
    }
}

/// The basin of a stream that is not there, if one is to be created.
pub fn creates_on_first_use<'a>(
    basin: Option<&'a BasinEntry>,
    target: &StreamRef,
    cause: LoadCause,
) -> Result<&'a BasinEntry, Refusal> {
    match basin {
        _ if cause == LoadCause::Close => Err(Refusal::StreamNotFound(target.clone())),
        Some(entry) if !entry.creates_streams(cause) => Err(Refusal::StreamNotFound(target.clone())),
        basin => open_basin(basin, &target.basin),
    }
}

/// Both of the above. A stream that somebody else has just created is as good as one of our own.
pub fn find_or_create(
    basin: Option<&BasinEntry>,
    stream: Option<&StreamEntry>,
    target: &StreamRef,
    cause: LoadCause,
    system: &StreamConfig,
    fresh: Fresh,
) -> Result<Verdict<StreamEntry>, Refusal> {
    if let Some(entry) = find_stream(stream, target)? {
        return Ok(Verdict::noop(entry));
    }
    let basin = creates_on_first_use(basin, target, cause)?;
    Ok(Verdict::created(new_stream(basin, target, &PartialStreamConfig::default(), system, fresh)))
}
