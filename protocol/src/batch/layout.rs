//! Where everything in a batch lies: header, table entry, and what the sums cover.

use nom::bytes::complete::take;
use nom::number::complete::{le_u8, le_u32, le_u64};

use crate::crc::combine;
use crate::error::DecodeError;
use crate::limits::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BATCH_RECORDS_MAX, TABLE_ENTRY_BYTES};
use crate::types::StreamId;
use crate::wire::{self, Parsed};

pub(super) const VERSION: u8 = 1;
pub(super) const FLAG_HAS_TIMESTAMP: u8 = 1;
pub(super) const FLAG_COMMAND: u8 = 2;

pub(super) const RECORD_COUNT: usize = 4;
pub(super) const PAYLOAD_BYTES: usize = 8;
pub(super) const TABLE_CRC: usize = 12;
pub(super) const COLUMNS_CRC: usize = 16;
pub(super) const PAYLOAD_CRC: usize = 20;
pub(super) const PRODUCER_END: usize = 48;
pub(super) const STREAM_ID: usize = 48;
pub(super) const FIRST_SEQ_NUM: usize = 64;
pub(super) const ARRIVAL_MS: usize = 72;
pub(super) const EXPIRES_AT_MS: usize = 80;
pub(super) const CUT_BEFORE: usize = 88;
pub(super) const CUT_AFTER: usize = 104;
pub(super) const SERVER_CRC: usize = 120;

/// The part of a table entry that the server never rewrites, and the producer's columns sum covers.
const COLUMNS: std::ops::Range<usize> = 8..TABLE_ENTRY_BYTES;
const COLUMNS_BYTES: usize = COLUMNS.end - COLUMNS.start;

/// What a slice left out on one side of the producer's batch: enough to verify the whole without having it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CutOff {
    pub records: u32,
    pub payload_bytes: u32,
    pub columns_crc: u32,
    pub payload_crc: u32,
}

impl CutOff {
    /// Of a run of the table and its run of the payload.
    pub(super) fn of(table: &[u8], payload: &[u8]) -> Self {
        Self {
            records: (table.len() / TABLE_ENTRY_BYTES) as u32,
            payload_bytes: payload.len() as u32,
            columns_crc: columns_crc(table),
            payload_crc: crc32c::crc32c(payload),
        }
    }

    /// Of this run and the one right behind it, together.
    pub(super) fn then(self, next: Self) -> Self {
        let columns_bytes = next.records as usize * COLUMNS_BYTES;
        Self {
            records: self.records + next.records,
            payload_bytes: self.payload_bytes + next.payload_bytes,
            columns_crc: combine(self.columns_crc, next.columns_crc, columns_bytes),
            payload_crc: combine(self.payload_crc, next.payload_crc, next.payload_bytes as usize),
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let field = |n: usize| u32_at(bytes, n * 4);
        Self { records: field(0), payload_bytes: field(1), columns_crc: field(2), payload_crc: field(3) }
    }

    pub(super) fn write(self, out: &mut [u8]) {
        for (field, value) in
            [self.records, self.payload_bytes, self.columns_crc, self.payload_crc].into_iter().enumerate()
        {
            put_u32(out, field * 4, value);
        }
    }
}

/// A batch's fixed header, all of it. For tools and checks; the hot paths read the fields they need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub record_count: u32,
    pub payload_bytes: u32,
    pub table_crc: u32,
    pub columns_crc: u32,
    pub payload_crc: u32,
    pub stream_id: StreamId,
    pub first_seq_num: u64,
    pub arrival_ms: u64,
    pub expires_at_ms: u64,
    pub cut_before: CutOff,
    pub cut_after: CutOff,
    pub server_crc: u32,
}

impl BatchHeader {
    /// The header at the front of `bytes`, its fields within their limits. No sum is checked.
    ///
    /// # Errors
    /// `Invalid` for a record count outside A5's, `Unsupported` for another version, flags or a producer's identity,
    /// `BadFrame` for anything else that cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header = bytes.get(..BATCH_HEADER_BYTES).unwrap_or(bytes);
        wire::whole("batch header", header, parse)
    }

    /// Where the payload begins.
    pub fn header_and_table_bytes(&self) -> usize {
        BATCH_HEADER_BYTES + self.record_count as usize * TABLE_ENTRY_BYTES
    }

    /// Header, table and payload.
    pub fn batch_bytes(&self) -> usize {
        self.header_and_table_bytes() + self.payload_bytes as usize
    }
}

fn parse(input: &[u8]) -> Parsed<'_, BatchHeader> {
    let (input, ()) = version_and_flags(input)?;
    let (input, record_count) = record_count(input)?;
    let (input, payload_bytes) = payload_bytes(input)?;
    let (input, table_crc) = le_u32(input)?;
    let (input, columns_crc) = le_u32(input)?;
    let (input, payload_crc) = le_u32(input)?;
    let (input, ()) = producer(input)?;
    let (input, stream_id) = wire::stream_id(input)?;
    let (input, first_seq_num) = le_u64(input)?;
    let (input, arrival_ms) = le_u64(input)?;
    let (input, expires_at_ms) = le_u64(input)?;
    let (input, cut_before) = cut_off(input)?;
    let (input, cut_after) = cut_off(input)?;
    let (input, server_crc) = le_u32(input)?;
    let (input, ()) = wire::reserved(input, 4)?;
    let header = BatchHeader {
        record_count,
        payload_bytes,
        table_crc,
        columns_crc,
        payload_crc,
        stream_id,
        first_seq_num,
        arrival_ms,
        expires_at_ms,
        cut_before,
        cut_after,
        server_crc,
    };
    Ok((input, header))
}

fn version_and_flags(input: &[u8]) -> Parsed<'_, ()> {
    let (at_flags, version) = le_u8(input)?;
    if version != VERSION {
        return wire::unsupported(input, format!("batch version {version}; this version knows {VERSION}"));
    }
    let (rest, flags) = le_u8(at_flags)?;
    if flags != 0 {
        return wire::unsupported(at_flags, "batch flags that this version does not know");
    }
    wire::reserved(rest, 2)
}

fn record_count(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, count) = le_u32(input)?;
    match count as usize {
        0 => wire::invalid(input, "record batch must not be empty"),
        1..=BATCH_RECORDS_MAX => Ok((rest, count)),
        _ => wire::invalid(input, format!("record batch must not exceed {BATCH_RECORDS_MAX} records")),
    }
}

fn payload_bytes(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, bytes) = le_u32(input)?;
    if bytes as usize > BATCH_BYTES_MAX {
        return wire::invalid(input, BATCH_TOO_LARGE);
    }
    Ok((rest, bytes))
}

/// `s2-semantics.md` A5.
pub(super) const BATCH_TOO_LARGE: &str = "record batch must not exceed a metered size of 1 MiB";
pub(super) const RECORD_TOO_LARGE: &str = "record must have metered size less than 1 MiB";

/// Idempotent appends will come; until then a producer that counts on them must not be left believing.
fn producer(input: &[u8]) -> Parsed<'_, ()> {
    let (rest, identity) = take(24usize)(input)?;
    if identity.iter().any(|b| *b != 0) {
        return wire::unsupported(input, "a producer's identity, which this version does not know");
    }
    Ok((rest, ()))
}

fn cut_off(input: &[u8]) -> Parsed<'_, CutOff> {
    let (rest, bytes) = take(16usize)(input)?;
    Ok((rest, CutOff::read(bytes)))
}

/// One record's row in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableEntry {
    pub timestamp: u64,
    pub header_count: u32,
    /// Encoded, length bytes included.
    pub header_bytes: u32,
    pub body_bytes: u32,
    pub flags: u8,
    pub reserved: u8,
    /// By how much the headers' length bytes exceed the 2 per header that are metered.
    pub length_bytes_extra: u16,
}

impl TableEntry {
    /// Plain loads rather than a parser: the array's type proves that every field is there, and this runs once per
    /// record on every path.
    pub fn read(entry: &[u8; TABLE_ENTRY_BYTES]) -> Self {
        Self {
            timestamp: u64_at(entry, 0),
            header_count: u32_at(entry, 8),
            header_bytes: u32_at(entry, 12),
            body_bytes: u32_at(entry, 16),
            flags: entry[20],
            reserved: entry[21],
            length_bytes_extra: u16::from_le_bytes([entry[22], entry[23]]),
        }
    }

    pub(super) fn write(&self) -> [u8; TABLE_ENTRY_BYTES] {
        let mut entry = [0; TABLE_ENTRY_BYTES];
        put_u64(&mut entry, 0, self.timestamp);
        put_u32(&mut entry, 8, self.header_count);
        put_u32(&mut entry, 12, self.header_bytes);
        put_u32(&mut entry, 16, self.body_bytes);
        entry[20] = self.flags;
        entry[21] = self.reserved;
        entry[22..].copy_from_slice(&self.length_bytes_extra.to_le_bytes());
        entry
    }

    pub fn has_timestamp(&self) -> bool {
        self.flags & FLAG_HAS_TIMESTAMP != 0
    }

    pub fn is_command(&self) -> bool {
        self.flags & FLAG_COMMAND != 0
    }

    /// What the record takes of the payload.
    pub fn payload_bytes(&self) -> u64 {
        u64::from(self.header_bytes) + u64::from(self.body_bytes)
    }

    /// `s2-semantics.md` A4. Right for entries of checked batches.
    pub fn metered_bytes(&self) -> u64 {
        8 + self.payload_bytes() - u64::from(self.length_bytes_extra)
    }
}

/// What holds for every entry, sent or stamped: fields that agree with each other, so that later arithmetic cannot
/// fail.
pub(super) fn check_entry(entry: &TableEntry, offset: usize) -> Result<(), DecodeError> {
    let fault = if entry.flags & !(FLAG_HAS_TIMESTAMP | FLAG_COMMAND) != 0 {
        return Err(DecodeError::unsupported(offset + 20, "record flags that this version does not know"));
    } else if entry.reserved != 0 {
        "a record's reserved byte is not zero"
    } else if u64::from(entry.header_count) * 2 + u64::from(entry.length_bytes_extra) > u64::from(entry.header_bytes) {
        "a record's headers do not fit into their bytes"
    } else if entry.header_count == 0 && entry.header_bytes != 0 {
        "header bytes without headers"
    } else {
        return Ok(());
    };
    Err(DecodeError::bad(offset, fault))
}

/// A table cut into its entries.
pub(super) fn entries(table: &[u8]) -> impl DoubleEndedIterator<Item = TableEntry> + ExactSizeIterator {
    table.as_chunks().0.iter().map(TableEntry::read)
}

/// crc32c over the table's columns that the server never rewrites, entries in order. Gathered by the half kilobyte,
/// since a sum over 16 bytes at a time is mostly overhead.
pub(super) fn columns_crc(table: &[u8]) -> u32 {
    const GATHERED: usize = 32;
    let mut gathered = [[0u8; COLUMNS_BYTES]; GATHERED];
    let mut crc = 0;
    for run in table.as_chunks::<TABLE_ENTRY_BYTES>().0.chunks(GATHERED) {
        for (columns, entry) in gathered.iter_mut().zip(run) {
            columns.copy_from_slice(&entry[COLUMNS]);
        }
        crc = crc32c::crc32c_append(crc, gathered[..run.len()].as_flattened());
    }
    crc
}

/// The producer's sum over its header and the table as sent. `bytes` holds at least header and table.
pub(super) fn table_crc(bytes: &[u8], header_and_table_bytes: usize) -> u32 {
    let crc = crc32c::crc32c(&bytes[..TABLE_CRC]);
    let crc = crc32c::crc32c_append(crc, &bytes[COLUMNS_CRC..PRODUCER_END]);
    crc32c::crc32c_append(crc, &bytes[BATCH_HEADER_BYTES..header_and_table_bytes])
}

/// The server's sum over the header and the table as stamped.
pub(super) fn server_crc(header: &[u8], table: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&header[..TABLE_CRC]);
    let crc = crc32c::crc32c_append(crc, &header[COLUMNS_CRC..SERVER_CRC]);
    crc32c::crc32c_append(crc, table)
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(field)
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(field)
}

pub(super) fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn put_u64(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_entries_without_their_timestamps() {
        let table: Vec<u8> = (0..200 * TABLE_ENTRY_BYTES).map(|n| n as u8).collect();
        let columns: Vec<u8> = table.chunks(TABLE_ENTRY_BYTES).flat_map(|entry| entry[8..].to_vec()).collect();
        assert_eq!(columns_crc(&table), crc32c::crc32c(&columns));
    }

    #[test]
    fn entries_are_written_as_read() {
        let bytes: [u8; TABLE_ENTRY_BYTES] = std::array::from_fn(|n| n as u8 + 1);
        assert_eq!(TableEntry::read(&bytes).write(), bytes);
    }

    #[test]
    fn sums_of_runs_combine_to_the_sum_of_the_whole() {
        let (table, payload) = (vec![3u8; 5 * TABLE_ENTRY_BYTES], b"one two three".to_vec());
        let (table_before, table_after) = table.split_at(2 * TABLE_ENTRY_BYTES);
        let (payload_before, payload_after) = payload.split_at(4);
        let (before, after) = (CutOff::of(table_before, payload_before), CutOff::of(table_after, payload_after));
        assert_eq!(before.then(after), CutOff::of(&table, &payload));
        assert_eq!(CutOff::default().then(after), after);
    }
}
