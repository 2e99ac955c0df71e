//! The server's check of a batch that came in: the one time its payload is read.

use super::command::Command;
use super::headers::walk;
use super::layout::{
    BATCH_TOO_LARGE, BatchHeader, COLUMNS_CRC, PAYLOAD_BYTES, PAYLOAD_CRC, PRODUCER_END, RECORD_TOO_LARGE, TABLE_CRC,
    TableEntry, check_entry, columns_crc, entries, table_crc,
};
use crate::error::DecodeError;
use crate::limits::{BATCH_HEADER_BYTES, BATCH_METERED_BYTES_MAX, TABLE_ENTRY_BYTES};

/// What a server has to know of a checked batch in order to place it without reading the payload again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ingested {
    pub record_count: u32,
    pub payload_bytes: u32,
    pub metered_bytes: u64,
    pub payload_crc: u32,
    /// Records that are no commands.
    pub has_data: bool,
    pub has_commands: bool,
    pub has_fences: bool,
    pub has_trims: bool,
    /// Every record came with a timestamp (`s2-semantics.md` B7, client-require).
    pub has_all_timestamps: bool,
    pub batch_bytes: usize,
}

/// Structure, limits (`s2-semantics.md` A3-A5), commands (B5) and all of the producer's sums. `batch` is one batch, no
/// more.
///
/// # Errors
/// `Invalid` where a rule is broken, `Unsupported` for versions and flags, `BadFrame` for everything that a sound
/// client does not send, damage on the way included. Allocates only for an error.
pub fn check_ingest(batch: &[u8]) -> Result<Ingested, DecodeError> {
    let header = BatchHeader::parse(batch)?;
    check_frame(batch, &header)?;
    let table_end = header.header_and_table_bytes();
    let table = &batch[BATCH_HEADER_BYTES..table_end];
    let payload = &batch[table_end..];
    let totals = check_table(table, payload.len())?;
    if columns_crc(table) != header.columns_crc {
        return Err(DecodeError::bad(COLUMNS_CRC, "the record table's columns do not match their checksum"));
    }
    if crc32c::crc32c(payload) != header.payload_crc {
        return Err(DecodeError::bad(PAYLOAD_CRC, "the payload does not match its checksum"));
    }
    let commands = if totals.has_headers { check_headers(table, payload, table_end)? } else { Commands::default() };
    Ok(Ingested {
        record_count: header.record_count,
        payload_bytes: header.payload_bytes,
        metered_bytes: totals.metered_bytes,
        payload_crc: header.payload_crc,
        has_data: totals.has_data,
        has_commands: commands.has_fences || commands.has_trims,
        has_fences: commands.has_fences,
        has_trims: commands.has_trims,
        has_all_timestamps: !totals.lacks_timestamps,
        batch_bytes: batch.len(),
    })
}

/// The size is what the header says, the sum over the table is right, and the server's part is still free.
fn check_frame(batch: &[u8], header: &BatchHeader) -> Result<(), DecodeError> {
    if batch.len() != header.batch_bytes() {
        let what = format!("batch of {} bytes whose header says {}", batch.len(), header.batch_bytes());
        return Err(DecodeError::bad(0, what));
    }
    if table_crc(batch, header.header_and_table_bytes()) != header.table_crc {
        return Err(DecodeError::bad(TABLE_CRC, "the record table does not match its checksum"));
    }
    if batch[PRODUCER_END..BATCH_HEADER_BYTES].iter().any(|b| *b != 0) {
        return Err(DecodeError::bad(PRODUCER_END, "the server's part of the batch header is not zero"));
    }
    Ok(())
}

#[derive(Default)]
struct Totals {
    payload_bytes: u64,
    metered_bytes: u64,
    has_headers: bool,
    has_data: bool,
    lacks_timestamps: bool,
}

#[derive(Default)]
struct Commands {
    has_fences: bool,
    has_trims: bool,
}

impl Commands {
    fn add(&mut self, command: Command<'_>) {
        match command {
            Command::Fence(_) => self.has_fences = true,
            Command::Trim(_) => self.has_trims = true,
        }
    }
}

fn check_table(table: &[u8], payload_bytes: usize) -> Result<Totals, DecodeError> {
    let mut totals = Totals::default();
    for (index, entry) in entries(table).enumerate() {
        check_sent_entry(&entry, BATCH_HEADER_BYTES + index * TABLE_ENTRY_BYTES)?;
        totals.payload_bytes += entry.payload_bytes();
        totals.metered_bytes += entry.metered_bytes();
        totals.has_headers |= entry.header_count > 0;
        totals.has_data |= !entry.is_command();
        totals.lacks_timestamps |= !entry.has_timestamp();
    }
    if totals.payload_bytes != payload_bytes as u64 {
        return Err(DecodeError::bad(PAYLOAD_BYTES, "the records' sizes do not add up to the payload's"));
    }
    if totals.metered_bytes > BATCH_METERED_BYTES_MAX {
        return Err(DecodeError::invalid(PAYLOAD_BYTES, BATCH_TOO_LARGE));
    }
    Ok(totals)
}

fn check_sent_entry(entry: &TableEntry, offset: usize) -> Result<(), DecodeError> {
    check_entry(entry, offset)?;
    if !entry.has_timestamp() && entry.timestamp != 0 {
        return Err(DecodeError::bad(offset, "a timestamp without its flag"));
    }
    if entry.is_command() && entry.header_count != 1 {
        return Err(DecodeError::invalid(offset, COMMAND_FLAG));
    }
    if entry.metered_bytes() > BATCH_METERED_BYTES_MAX {
        return Err(DecodeError::invalid(offset, RECORD_TOO_LARGE));
    }
    Ok(())
}

const COMMAND_FLAG: &str = "a record's command flag contradicts its headers";

/// The flag and the length bytes that the producer claims are never trusted: each header is looked at.
fn check_headers(table: &[u8], payload: &[u8], payload_offset: usize) -> Result<Commands, DecodeError> {
    let (mut start, mut commands) = (0, Commands::default());
    for entry in entries(table) {
        let headers_end = start + entry.header_bytes as usize;
        let end = headers_end + entry.body_bytes as usize;
        if entry.header_count > 0 {
            let (headers, body) = (&payload[start..headers_end], &payload[headers_end..end]);
            check_record(&entry, headers, body, payload_offset + start)?.into_iter().for_each(|c| commands.add(c));
        }
        start = end;
    }
    Ok(commands)
}

/// Returns the command, if the record is one.
fn check_record<'a>(
    entry: &TableEntry,
    headers: &[u8],
    body: &'a [u8],
    offset: usize,
) -> Result<Option<Command<'a>>, DecodeError> {
    let (mut length_bytes_extra, mut nameless_value) = (0, None);
    walk(headers, entry.header_count, offset, |header| {
        length_bytes_extra += header.length_bytes_extra;
        if header.name.is_empty() {
            nameless_value = Some(header.value);
        }
    })?;
    if length_bytes_extra != usize::from(entry.length_bytes_extra) {
        return Err(DecodeError::bad(offset, "a record's headers have other length bytes than its table entry says"));
    }
    match nameless_value {
        Some(_) if entry.header_count > 1 => Err(DecodeError::invalid(offset, "invalid header: empty name")),
        Some(_) | None if nameless_value.is_some() != entry.is_command() => {
            Err(DecodeError::invalid(offset, COMMAND_FLAG))
        }
        Some(word) => Command::parse(word, body).map(Some).map_err(|what| DecodeError::invalid(offset, what)),
        None => Ok(None),
    }
}
