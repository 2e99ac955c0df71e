//! The client's side: records to bytes.

use bytes::{BufMut, BytesMut};

use super::Record;
use super::command::Command;
use super::headers::{put_varint, varint_bytes};
use super::layout::{
    BATCH_TOO_LARGE, COLUMNS_CRC, FLAG_COMMAND, FLAG_HAS_TIMESTAMP, PAYLOAD_BYTES, PAYLOAD_CRC, RECORD_COUNT,
    RECORD_TOO_LARGE, TABLE_CRC, TableEntry, VERSION, columns_crc, put_u32, table_crc,
};
use crate::error::DecodeError;
use crate::limits::{BATCH_HEADER_BYTES, BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX, TABLE_ENTRY_BYTES};

/// One batch, ready to be sent.
///
/// # Errors
/// `Invalid`, with S2's message, for what the server would refuse: the limits of `s2-semantics.md` A5, empty header
/// names (A3), malformed commands (B5). `offset` is then the record's index.
pub fn encode(records: &[Record]) -> Result<BytesMut, DecodeError> {
    let mut out = BytesMut::new();
    encode_into(records, &mut out)?;
    Ok(out)
}

/// As [`encode`], behind what `out` holds already: a client writes it right into the frame. On an error `out` is
/// unchanged.
pub fn encode_into(records: &[Record], out: &mut BytesMut) -> Result<(), DecodeError> {
    let payload_bytes = check(records)?;
    let start = out.len();
    let table_end = BATCH_HEADER_BYTES + records.len() * TABLE_ENTRY_BYTES;
    out.reserve(table_end + payload_bytes);
    out.put_bytes(0, BATCH_HEADER_BYTES);
    records.iter().for_each(|record| out.put_slice(&entry(record).write()));
    records.iter().for_each(|record| put_payload(out, record));
    seal(&mut out[start..], records.len(), table_end);
    Ok(())
}

/// Every rule, before anything is written; record by record first, then the batch (`s2-semantics.md` A5). Returns the
/// size of the payload.
fn check(records: &[Record]) -> Result<usize, DecodeError> {
    let (mut metered_bytes, mut payload_bytes) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        check_record(record).map_err(|what| DecodeError::invalid(index, what))?;
        metered_bytes += record.metered_bytes();
        payload_bytes += entry(record).payload_bytes();
    }
    if records.is_empty() {
        return Err(DecodeError::invalid(0, "record batch must not be empty"));
    }
    if records.len() > BATCH_RECORDS_MAX {
        let what = format!("record batch must not exceed {BATCH_RECORDS_MAX} records");
        return Err(DecodeError::invalid(BATCH_RECORDS_MAX, what));
    }
    if metered_bytes > BATCH_METERED_BYTES_MAX {
        return Err(DecodeError::invalid(0, BATCH_TOO_LARGE));
    }
    Ok(payload_bytes as usize)
}

fn check_record(record: &Record) -> Result<(), String> {
    if record.metered_bytes() > BATCH_METERED_BYTES_MAX {
        return Err(RECORD_TOO_LARGE.to_owned());
    }
    match &record.headers[..] {
        [(name, word)] if name.is_empty() => Command::parse(word, &record.body).map(|_| ()),
        headers if headers.iter().any(|(name, _)| name.is_empty()) => Err("invalid header: empty name".to_owned()),
        _ => Ok(()),
    }
}

/// Of a record that passed `check_record`: sizes fit.
fn entry(record: &Record) -> TableEntry {
    let (mut header_bytes, mut length_bytes) = (0, 0);
    for (name, value) in &record.headers {
        let lengths = varint_bytes(name.len() as u32) + varint_bytes(value.len() as u32);
        length_bytes += lengths;
        header_bytes += lengths + name.len() + value.len();
    }
    let is_command = matches!(&record.headers[..], [(name, _)] if name.is_empty());
    let timestamp_flag = if record.timestamp.is_some() { FLAG_HAS_TIMESTAMP } else { 0 };
    TableEntry {
        timestamp: record.timestamp.unwrap_or(0),
        header_count: record.headers.len() as u32,
        header_bytes: header_bytes as u32,
        body_bytes: record.body.len() as u32,
        flags: timestamp_flag | if is_command { FLAG_COMMAND } else { 0 },
        reserved: 0,
        length_bytes_extra: (length_bytes - 2 * record.headers.len()) as u16,
    }
}

fn put_payload(out: &mut BytesMut, record: &Record) {
    for (name, value) in &record.headers {
        put_varint(out, name.len() as u32);
        put_varint(out, value.len() as u32);
        out.put_slice(name);
        out.put_slice(value);
    }
    out.put_slice(&record.body);
}

/// Fills in the producer's part of the header; the table's sum comes last, since it covers the other two.
fn seal(batch: &mut [u8], record_count: usize, table_end: usize) {
    let payload_crc = crc32c::crc32c(&batch[table_end..]);
    let payload_bytes = batch.len() - table_end;
    let columns_crc = columns_crc(&batch[BATCH_HEADER_BYTES..table_end]);
    batch[0] = VERSION;
    put_u32(batch, RECORD_COUNT, record_count as u32);
    put_u32(batch, PAYLOAD_BYTES, payload_bytes as u32);
    put_u32(batch, COLUMNS_CRC, columns_crc);
    put_u32(batch, PAYLOAD_CRC, payload_crc);
    let table_crc = table_crc(batch, table_end);
    put_u32(batch, TABLE_CRC, table_crc);
}
