//! A stamped batch, or a slice of one, as the server and the reader hold it.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::RecordView;
use super::command::{Command, commands};
use super::headers::walk;
use super::layout::{
    ARRIVAL_MS, BatchHeader, COLUMNS_CRC, CUT_AFTER, CUT_BEFORE, CutOff, EXPIRES_AT_MS, FIRST_SEQ_NUM, PAYLOAD_BYTES,
    PAYLOAD_CRC, RECORD_COUNT, SERVER_CRC, STREAM_ID, TableEntry, check_entry, entries, put_u32, put_u64, server_crc,
    u32_at, u64_at,
};
use super::slice::BatchSlice;
use crate::error::DecodeError;
use crate::limits::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BATCH_RECORDS_MAX, TABLE_ENTRY_BYTES};
use crate::types::StreamId;

/// A stamped batch or slice, structure and the server's sum already checked. A handle to shared bytes: cloning it costs
/// one reference count. Record indexes are from 0, within this batch.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    metered_bytes: u64,
    has_commands: bool,
}

impl Batch {
    /// `bytes` is exactly one batch. Checks everything but the payload, which [`Batch::verify_payload`] does.
    ///
    /// # Errors
    /// `Corrupt` where the server's sum is wrong; else as [`BatchHeader::parse`].
    pub fn parse(bytes: Bytes) -> Result<Self, DecodeError> {
        let header = BatchHeader::parse(&bytes)?;
        if bytes.len() != header.batch_bytes() {
            let what = format!("batch of {} bytes whose header says {}", bytes.len(), header.batch_bytes());
            return Err(DecodeError::bad(0, what));
        }
        check_sums(&bytes, &header)?;
        let (metered_bytes, has_commands) = check_table(&bytes, &header)?;
        Ok(Self { bytes, metered_bytes, has_commands })
    }

    /// Cuts one batch off the front, for batches that lie back to back. `None` when nothing is left.
    ///
    /// # Errors
    /// As [`Batch::parse`]; `bytes` is then unchanged.
    pub fn split_first(bytes: &mut Bytes) -> Result<Option<Self>, DecodeError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let batch_bytes = BatchHeader::parse(bytes)?.batch_bytes();
        if batch_bytes > bytes.len() {
            let what = format!("batch of {batch_bytes} bytes, of which {} are there", bytes.len());
            return Err(DecodeError::bad(bytes.len(), what));
        }
        let batch = Self::parse(bytes.slice(..batch_bytes))?;
        bytes::Buf::advance(bytes, batch_bytes);
        Ok(Some(batch))
    }

    /// Compares the payload and the table's columns with the producer's own sums, those of cut-off parts included: what
    /// holds here was not changed anywhere between the two applications (reliability.md F23).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn verify_payload(&self) -> Result<(), DecodeError> {
        let header = self.header()?;
        let own = CutOff::of(self.table(), self.payload());
        let whole = header.cut_before.then(own).then(header.cut_after);
        if whole.columns_crc != header.columns_crc {
            return Err(DecodeError::corrupt(
                COLUMNS_CRC,
                "the record table's columns do not match the producer's checksum",
            ));
        }
        if whole.payload_crc != header.payload_crc {
            return Err(DecodeError::corrupt(PAYLOAD_CRC, "the payload does not match the producer's checksum"));
        }
        Ok(())
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole header, for tools.
    pub fn header(&self) -> Result<BatchHeader, DecodeError> {
        BatchHeader::parse(&self.bytes)
    }

    pub fn stream_id(&self) -> StreamId {
        let mut id = StreamId::default();
        id.0.copy_from_slice(&self.bytes[STREAM_ID..FIRST_SEQ_NUM]);
        id
    }

    pub fn first_seq_num(&self) -> u64 {
        u64_at(&self.bytes, FIRST_SEQ_NUM)
    }

    /// Exclusive.
    pub fn end_seq_num(&self) -> u64 {
        self.first_seq_num() + u64::from(self.record_count())
    }

    /// At least 1.
    pub fn record_count(&self) -> u32 {
        u32_at(&self.bytes, RECORD_COUNT)
    }

    pub fn arrival_ms(&self) -> u64 {
        u64_at(&self.bytes, ARRIVAL_MS)
    }

    /// 0 = never.
    pub fn expires_at_ms(&self) -> u64 {
        u64_at(&self.bytes, EXPIRES_AT_MS)
    }

    pub fn first_timestamp(&self) -> u64 {
        self.timestamp(0)
    }

    pub fn last_timestamp(&self) -> u64 {
        self.timestamp(self.record_count() - 1)
    }

    /// # Panics
    /// If there is no record `index`.
    pub fn timestamp(&self, index: u32) -> u64 {
        self.entry(index).timestamp
    }

    /// Of all records here (`s2-semantics.md` A4).
    pub fn metered_bytes(&self) -> u64 {
        self.metered_bytes
    }

    /// # Panics
    /// If there is no record `index`.
    pub fn record_metered_bytes(&self, index: u32) -> u64 {
        self.entry(index).metered_bytes()
    }

    /// The producer's sum over the payload of its whole batch; of this one's only where nothing was cut off.
    pub fn payload_crc(&self) -> u32 {
        u32_at(&self.bytes, PAYLOAD_CRC)
    }

    pub fn header_and_table_bytes(&self) -> usize {
        BATCH_HEADER_BYTES + self.record_count() as usize * TABLE_ENTRY_BYTES
    }

    /// Index of the first record with this timestamp or a later one; `record_count` if there is none. Timestamps never
    /// decrease (`s2-semantics.md` B7).
    pub fn first_at_or_after(&self, timestamp: u64) -> u32 {
        let (entries, _) = self.table().as_chunks::<TABLE_ENTRY_BYTES>();
        entries.partition_point(|entry| u64_at(entry, 0) < timestamp) as u32
    }

    pub fn has_commands(&self) -> bool {
        self.has_commands
    }

    /// The command records with their sequence numbers, in order; costs nothing where there are none.
    pub fn commands(&self) -> impl Iterator<Item = (u64, Command<'_>)> {
        let bytes = self.has_commands.then_some(&self.bytes[..]);
        let first = self.first_seq_num();
        bytes.into_iter().flat_map(commands).map(move |(index, command)| (first + u64::from(index), command))
    }

    /// The records in order, as slices of the batch's bytes. An item is an error only where the payload contradicts the
    /// table, which [`Batch::verify_payload`] finds first.
    pub fn records(&self) -> impl Iterator<Item = Result<RecordView, DecodeError>> + '_ {
        let mut start = self.header_and_table_bytes();
        entries(self.table()).zip(self.first_seq_num()..).map(move |(entry, seq_num)| {
            let record = self.record(&entry, seq_num, start);
            start += entry.payload_bytes() as usize;
            record
        })
    }

    fn record(&self, entry: &TableEntry, seq_num: u64, start: usize) -> Result<RecordView, DecodeError> {
        let headers_end = start + entry.header_bytes as usize;
        let body = self.bytes.slice(headers_end..headers_end + entry.body_bytes as usize);
        let mut headers = Vec::new();
        walk(&self.bytes[start..headers_end], entry.header_count, start, |header| {
            headers.push((self.bytes.slice_ref(header.name), self.bytes.slice_ref(header.value)));
        })?;
        Ok(RecordView { seq_num, timestamp: entry.timestamp, headers, body })
    }

    /// The records of `range` as a batch of their own: a new header, a run of the table and a run of the payload, by
    /// reference. The whole range is the batch itself. An empty range is no batch: no bytes at all. Indexes beyond the
    /// last record are clipped.
    ///
    /// What is left out is read once, for its sums; they are taken from the bytes, never derived from the producer's
    /// sum, since that would hide damage to what is kept.
    pub fn slice(&self, range: Range<u32>) -> BatchSlice {
        let end = range.end.min(self.record_count());
        if range.start >= end {
            return BatchSlice::default();
        }
        if range.start == 0 && end == self.record_count() {
            return BatchSlice { header: self.bytes.clone(), ..BatchSlice::default() };
        }
        self.cut(range.start, end)
    }

    fn cut(&self, start: u32, end: u32) -> BatchSlice {
        let table_start = BATCH_HEADER_BYTES + start as usize * TABLE_ENTRY_BYTES;
        let table_end = BATCH_HEADER_BYTES + end as usize * TABLE_ENTRY_BYTES;
        let tables_end = self.header_and_table_bytes();
        let payload_start = tables_end + self.payload_before(start);
        let payload_end = tables_end + self.payload_before(end);
        let bytes = &self.bytes;
        let before = CutOff::of(&bytes[BATCH_HEADER_BYTES..table_start], &bytes[tables_end..payload_start]);
        let after = CutOff::of(&bytes[table_end..tables_end], &bytes[payload_end..]);

        let table = bytes.slice(table_start..table_end);
        let payload = bytes.slice(payload_start..payload_end);
        let mut header = bytes[..BATCH_HEADER_BYTES].to_vec();
        put_u32(&mut header, RECORD_COUNT, end - start);
        put_u32(&mut header, PAYLOAD_BYTES, payload.len() as u32);
        put_u64(&mut header, FIRST_SEQ_NUM, self.first_seq_num() + u64::from(start));
        CutOff::read(&header[CUT_BEFORE..]).then(before).write(&mut header[CUT_BEFORE..]);
        after.then(CutOff::read(&header[CUT_AFTER..])).write(&mut header[CUT_AFTER..]);
        let server_crc = server_crc(&header, &table);
        put_u32(&mut header, SERVER_CRC, server_crc);
        BatchSlice { header: header.into(), table, payload }
    }

    fn payload_before(&self, index: u32) -> usize {
        entries(self.table()).take(index as usize).map(|entry| entry.payload_bytes() as usize).sum()
    }

    fn entry(&self, index: u32) -> TableEntry {
        TableEntry::read(&self.table().as_chunks().0[index as usize])
    }

    fn table(&self) -> &[u8] {
        &self.bytes[BATCH_HEADER_BYTES..self.header_and_table_bytes()]
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[self.header_and_table_bytes()..]
    }
}

impl fmt::Debug for Batch {
    /// What it is, not its megabyte of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, end) = (self.first_seq_num(), self.end_seq_num());
        write!(f, "Batch({} {first}..{end}, {} bytes)", self.stream_id(), self.bytes.len())
    }
}

fn check_sums(bytes: &[u8], header: &BatchHeader) -> Result<(), DecodeError> {
    let table = &bytes[BATCH_HEADER_BYTES..header.header_and_table_bytes()];
    if server_crc(&bytes[..BATCH_HEADER_BYTES], table) != header.server_crc {
        return Err(DecodeError::corrupt(SERVER_CRC, "the batch header and table do not match the server's checksum"));
    }
    Ok(())
}

/// A server may be hostile or wrong, with its sums in order: whatever later arithmetic relies on is checked here.
/// Returns the metered size, and whether there are command records.
fn check_table(bytes: &[u8], header: &BatchHeader) -> Result<(u64, bool), DecodeError> {
    let (mut payload_bytes, mut metered_bytes, mut has_commands) = (0, 0, false);
    let table = &bytes[BATCH_HEADER_BYTES..header.header_and_table_bytes()];
    for (index, entry) in entries(table).enumerate() {
        check_entry(&entry, BATCH_HEADER_BYTES + index * TABLE_ENTRY_BYTES)?;
        payload_bytes += entry.payload_bytes();
        metered_bytes += entry.metered_bytes();
        has_commands |= entry.is_command();
    }
    if payload_bytes != u64::from(header.payload_bytes) {
        return Err(DecodeError::bad(PAYLOAD_BYTES, "the records' sizes do not add up to the payload's"));
    }
    check_cut_offs(header)?;
    Ok((metered_bytes, has_commands))
}

fn check_cut_offs(header: &BatchHeader) -> Result<(), DecodeError> {
    let (before, after) = (&header.cut_before, &header.cut_after);
    let records = [before.records, header.record_count, after.records].map(u64::from).iter().sum::<u64>();
    let payload = [before.payload_bytes, header.payload_bytes, after.payload_bytes].map(u64::from).iter().sum::<u64>();
    if records > BATCH_RECORDS_MAX as u64 || payload > BATCH_BYTES_MAX as u64 {
        return Err(DecodeError::bad(CUT_BEFORE, "a slice of a batch larger than any batch"));
    }
    if header.first_seq_num.checked_add(u64::from(header.record_count)).is_none() {
        return Err(DecodeError::bad(FIRST_SEQ_NUM, "sequence numbers beyond 64 bits"));
    }
    Ok(())
}
