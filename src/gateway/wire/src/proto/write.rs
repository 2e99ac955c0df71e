//! Answers, written straight into the buffer that is sent. Every length is known before its content is written.

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_protocol::batch::RecordView;
use riverrun_protocol::response::AppendAck;
use riverrun_protocol::types::Position;

use crate::batch::ReadBatch;
use crate::error::HttpError;

const VARINT: u8 = 0;
const LENGTH: u8 = 2;
/// What a record costs beyond its metered bytes, roughly: room that is made at once.
const RECORD_OVERHEAD_BYTES: usize = 24;

/// An `AppendAck`: all three positions, also where they are zero (`s2-semantics.md` H7).
pub fn put_append_ack(out: &mut BytesMut, ack: &AppendAck) {
    put_position(out, 1, ack.start);
    put_position(out, 2, ack.end);
    put_position(out, 3, ack.tail);
}

/// A `ReadBatch`; a tail of zeros is written as one that is there.
///
/// # Errors
/// `storage` for a batch that contradicts itself; `out` is then as it was.
pub fn put_read_batch(out: &mut BytesMut, batch: &ReadBatch) -> Result<(), HttpError> {
    let start = out.len();
    reserve(out, batch);
    for record in batch.records() {
        let record = record.inspect_err(|_| out.truncate(start))?;
        put_record(out, &record);
    }
    put_tail(out, batch.tail);
    Ok(())
}

/// Room for what the batch will take, roughly.
pub(crate) fn reserve(out: &mut BytesMut, batch: &ReadBatch) {
    out.reserve(batch.metered_bytes() as usize + batch.record_count() as usize * RECORD_OVERHEAD_BYTES);
}

/// One of a `ReadBatch`'s records, tag and length included.
pub(crate) fn put_record(out: &mut BytesMut, record: &RecordView) {
    put_key(out, 1, LENGTH);
    put_varint(out, message_bytes(record) as u64);
    put_number(out, 1, record.seq_num);
    put_number(out, 2, record.timestamp);
    for header in &record.headers {
        put_key(out, 3, LENGTH);
        put_varint(out, header_bytes(header) as u64);
        put_content(out, 1, &header.0);
        put_content(out, 2, &header.1);
    }
    put_content(out, 4, &record.body);
}

/// What [`put_record`] writes.
pub(crate) fn record_bytes(record: &RecordView) -> usize {
    field_bytes(message_bytes(record))
}

/// The end of a `ReadBatch`.
pub(crate) fn put_tail(out: &mut BytesMut, tail: Option<Position>) {
    if let Some(tail) = tail {
        put_position(out, 2, tail);
    }
}

fn message_bytes(record: &RecordView) -> usize {
    let headers_bytes: usize = record.headers.iter().map(|header| field_bytes(header_bytes(header))).sum();
    number_bytes(record.seq_num) + number_bytes(record.timestamp) + headers_bytes + content_bytes(&record.body)
}

fn header_bytes((name, value): &(Bytes, Bytes)) -> usize {
    content_bytes(name) + content_bytes(value)
}

fn put_position(out: &mut BytesMut, field: u8, position: Position) {
    put_key(out, field, LENGTH);
    put_varint(out, (number_bytes(position.seq_num) + number_bytes(position.timestamp)) as u64);
    put_number(out, 1, position.seq_num);
    put_number(out, 2, position.timestamp);
}

/// A zero is not written: proto3's default.
fn put_number(out: &mut BytesMut, field: u8, value: u64) {
    if value != 0 {
        put_key(out, field, VARINT);
        put_varint(out, value);
    }
}

fn number_bytes(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + varint_bytes(value) }
}

/// Nothing is not written: proto3's default.
fn put_content(out: &mut BytesMut, field: u8, content: &[u8]) {
    if !content.is_empty() {
        put_key(out, field, LENGTH);
        put_varint(out, content.len() as u64);
        out.put_slice(content);
    }
}

fn content_bytes(content: &[u8]) -> usize {
    if content.is_empty() { 0 } else { field_bytes(content.len()) }
}

/// Of a field below 16 with a content of this length.
fn field_bytes(length: usize) -> usize {
    1 + varint_bytes(length as u64) + length
}

fn put_key(out: &mut BytesMut, field: u8, kind: u8) {
    out.put_u8(field << 3 | kind);
}

fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
