//! Server-sent events of a read session (`s2-semantics.md` C10): one event per batch, heartbeat or error, `[DONE]` at a clean end.

use bytes::{BufMut, BytesMut};
use riverrun_protocol::types::Position;

pub use resume::LastEventId;

use crate::batch::ReadBatch;
use crate::error::HttpError;
use crate::headers::RecordFormat;
use crate::json;
use crate::json::text::put_decimal;

mod resume;

/// What a session has delivered so far; a resumed one begins with what the one before had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EventCounters {
    pub records: u64,
    /// Metered.
    pub bytes: u64,
}

impl EventCounters {
    /// Seeded from the header, so that a second resumption with the same address does not allow too much.
    pub fn new(resumed: Option<LastEventId>) -> Self {
        resumed.map_or_else(Self::default, |last| Self { records: last.records, bytes: last.bytes })
    }

    fn add(&mut self, batch: &ReadBatch) {
        self.records = self.records.saturating_add(batch.record_count());
        self.bytes = self.bytes.saturating_add(batch.metered_bytes());
    }
}

/// A `batch` event with the id to resume from. A batch without records has none, and is no event: a heartbeat is [`put_ping`].
///
/// # Errors
/// As [`json::put_read_batch`]; `out` and `counters` are then as they were.
pub fn put_batch(
    out: &mut BytesMut,
    batch: &ReadBatch,
    format: RecordFormat,
    counters: &mut EventCounters,
) -> Result<(), HttpError> {
    let Some(last_seq_num) = batch.last_seq_num() else {
        return Ok(());
    };
    let (start, mut counted) = (out.len(), *counters);
    counted.add(batch);
    out.put_slice(b"event: batch\nid: ");
    put_decimal(out, last_seq_num);
    out.put_u8(b',');
    put_decimal(out, counted.records);
    out.put_u8(b',');
    put_decimal(out, counted.bytes);
    out.put_slice(b"\ndata: ");
    json::put_read_batch(out, batch, format).inspect_err(|_| out.truncate(start))?;
    out.put_slice(b"\n\n");
    *counters = counted;
    Ok(())
}

/// The heartbeat: everything below `tail` has been delivered. `now_ms` is the server's clock.
pub fn put_ping(out: &mut BytesMut, now_ms: u64, tail: Position) {
    out.put_slice(b"event: ping\ndata: {\"timestamp\":");
    put_decimal(out, now_ms);
    out.put_slice(b",\"tail\":");
    json::put_position(out, tail);
    out.put_slice(b"}\n\n");
}

/// What went wrong after the start; then the stream ends, without [`put_done`].
pub fn put_error(out: &mut BytesMut, error: &HttpError) {
    out.put_slice(b"event: error\ndata: ");
    out.put_slice(&error.json());
    out.put_slice(b"\n\n");
}

/// The clean end.
pub fn put_done(out: &mut BytesMut) {
    out.put_slice(b"data: [DONE]\n\n");
}

#[cfg(test)]
mod tests;
