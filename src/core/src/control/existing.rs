//! What must be there, and not be on its way out, for a call to mean anything (`s2-semantics.md` E6).

use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::BasinName;

use super::{BasinEntry, Refusal, StreamEntry};

/// A basin that takes changes.
pub(super) fn open_basin<'a>(basin: Option<&'a BasinEntry>, name: &BasinName) -> Result<&'a BasinEntry, Refusal> {
    match basin {
        None => Err(Refusal::BasinNotFound(name.clone())),
        Some(basin) if basin.deleted_at_ms.is_some() => Err(Refusal::BasinDeletionPending(name.clone())),
        Some(basin) => Ok(basin),
    }
}

/// A stream that is in use.
pub(super) fn open_stream<'a>(stream: Option<&'a StreamEntry>, target: &StreamRef) -> Result<&'a StreamEntry, Refusal> {
    match stream {
        None => Err(Refusal::StreamNotFound(target.clone())),
        Some(stream) if stream.deleted_at_ms.is_some() => Err(Refusal::StreamDeletionPending),
        Some(stream) => Ok(stream),
    }
}
