//! The record batch: 128 bytes of header, a table with 24 bytes per record, the payload.

use super::stream_id;
use crate::field::Show;
use crate::walk::{Count, Length, Meaning, Run, Stop, Uint, Walk, Walked};

/// What the table says about one record's share of the payload.
struct Entry {
    header_count: usize,
    body_bytes: usize,
}

/// A batch up to the end of the body.
pub fn batch<W: Walk>(w: &mut W) -> Walked {
    w.batch(|w| w.group("batch", one))
}

/// Batches back to back up to the end of the body.
pub fn batches<W: Walk>(w: &mut W) -> Walked {
    w.list("batches", Count::Rest, |w, _| one(w)).map(drop)
}

fn one<W: Walk>(w: &mut W) -> Walked {
    let (records, payload_bytes) = header(w)?;
    if !w.wants_records() {
        return w.skip("records", records.saturating_mul(24).saturating_add(payload_bytes));
    }
    let table = w.list("table", Count::Fixed(records), |w, _| entry(w))?;
    w.list("payload", Count::Fixed(records), |w, index| record(w, &table[index]))?;
    Ok(())
}

fn header<W: Walk>(w: &mut W) -> Walked<(usize, usize)> {
    w.uint(Uint::new("version", 1, Show::Quiet).or(1))?;
    w.bits("flags", 1, &["encrypted"])?;
    w.quiet("reserved", 2)?;
    let records = w.uint(Uint::new("record_count", 4, Show::Plain).required())?;
    let payload_bytes = w.uint(Uint::new("payload_bytes", 4, Show::Plain).required())?;
    for sum in ["table_crc", "columns_crc", "payload_crc"] {
        w.uint(Uint::new(sum, 4, Show::Hex).required())?;
    }
    w.quiet("producer_id", 8)?;
    w.quiet("producer_session", 4)?;
    w.quiet("reserved_producer", 4)?;
    w.quiet("producer_number", 8)?;
    stamp(w)?;
    Ok((records as usize, payload_bytes as usize))
}

/// The server's part, all zero as a producer sends it.
fn stamp<W: Walk>(w: &mut W) -> Walked {
    stream_id(w)?;
    w.quiet("first_seq_num", 8)?;
    w.uint(Uint::new("arrival_ms", 8, Show::Wall))?;
    w.uint(Uint::new("expires_at_ms", 8, Show::Wall))?;
    w.group("cut_before", cut)?;
    w.group("cut_after", cut)?;
    w.uint(Uint::new("server_crc", 4, Show::Hex))?;
    w.quiet("reserved_server", 4).map(drop)
}

/// What a slice of a batch left out on one side.
fn cut<W: Walk>(w: &mut W) -> Walked {
    w.quiet("records", 4)?;
    w.quiet("payload_bytes", 4)?;
    w.uint(Uint::new("columns_crc", 4, Show::Hex))?;
    w.uint(Uint::new("payload_crc", 4, Show::Hex)).map(drop)
}

fn entry<W: Walk>(w: &mut W) -> Walked<Entry> {
    w.uint(Uint::new("timestamp", 8, Show::Wall))?;
    let header_count = w.quiet("header_count", 4)? as usize;
    w.quiet("header_bytes", 4)?;
    let body_bytes = w.quiet("body_bytes", 4)? as usize;
    w.bits("flags", 1, &["has_timestamp", "command"])?;
    w.quiet("reserved", 1)?;
    w.quiet("length_bytes_extra", 2)?;
    Ok(Entry { header_count, body_bytes })
}

fn record<W: Walk>(w: &mut W, entry: &Entry) -> Walked {
    if entry.header_count > 0 {
        w.list("headers", Count::Fixed(entry.header_count), |w, _| record_header(w))?;
    }
    payload(w, "body", entry.body_bytes).map(drop)
}

fn record_header<W: Walk>(w: &mut W) -> Walked {
    let name_bytes = w.varint("name_bytes")?;
    let value_bytes = w.varint("value_bytes")?;
    payload(w, "name", size(name_bytes)?)?;
    payload(w, "value", size(value_bytes)?).map(drop)
}

fn size(bytes: u64) -> Walked<usize> {
    usize::try_from(bytes).map_err(|_| Stop(format!("{bytes} bytes do not fit into memory")))
}

fn payload<W: Walk>(w: &mut W, name: &'static str, bytes: usize) -> Walked<usize> {
    w.run(Run { name, length: Length::Fixed(bytes), meaning: Meaning::Payload, default: Some(b"") })
}
