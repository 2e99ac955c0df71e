//! The last step of a deletion: what is left in the catalog of a stream that is gone.

use riverrun_protocol::types::StreamId;

use super::{IdRow, PendingStream, StreamEntry};

/// The rows of a purged stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purge {
    /// Whether the name's row is still this stream's: a purge whose answer was lost may be repeated when the name is in use again.
    pub frees_name: bool,
    /// The id's row, from now on a tombstone.
    pub tombstone: IdRow,
}

pub fn purge_stream(stream: Option<&StreamEntry>, id: StreamId, pending: &PendingStream, now_ms: u64) -> Purge {
    let frees_name = stream.is_some_and(|entry| entry.id == id);
    let (basin, name) = (pending.target.basin.clone(), pending.target.stream.clone());
    Purge { frees_name, tombstone: IdRow { basin, name, purged_at_ms: Some(now_ms) } }
}
