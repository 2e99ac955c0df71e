//! An entry of a stream's index: one stream's batches inside one page, without a gap between them.
//!
//! ```text
//!  0 u32 page, from 0      4 u32 raw offset in it    8 u32 raw bytes
//! 12 u32 batches          16 u32 records            20 u32 reserved, 0
//! 24 u64 first sequence number                      32 u64 end (exclusive)
//! 40 u64 first timestamp                            48 u64 last timestamp
//! 56 u64 earliest arrival, ms                       64 u64 latest arrival, ms
//! 72 u64 latest expiry, ms; 0 = at least one batch never expires
//! 80 u64 metered bytes (s2-semantics.md A4)
//! ```
//! Arrival and expiry are what retention by write time needs (E8): a run whose latest expiry has passed can be dropped unread.

use bytes::{BufMut, Bytes};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

use super::page::PageEntry;
use crate::action::PagesFrom;
use crate::stored::{Reader, StoredError};

pub(super) const RUN_BYTES: usize = 88;
const WHAT: &str = "chunk page, decompressed";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRun {
    /// Index into the page table.
    pub page: u32,
    /// In the decompressed page.
    pub raw_offset: u32,
    pub raw_bytes: u32,
    pub batch_count: u32,
    pub record_count: u32,
    pub first_seq_num: u64,
    /// Exclusive.
    pub end_seq_num: u64,
    pub first_timestamp: u64,
    pub last_timestamp: u64,
    pub arrival_ms_min: u64,
    pub arrival_ms_max: u64,
    /// 0 = at least one batch never expires.
    pub expires_at_ms_max: u64,
    pub metered_bytes: u64,
}

impl PageRun {
    /// Describes `batches`, which are not empty, in order and without a gap, and lie at `raw_offset` of `page`.
    pub(super) fn of(page: u32, raw_offset: u32, batches: &[Batch]) -> Self {
        let (first, last) = (&batches[0], &batches[batches.len() - 1]);
        let forever = batches.iter().any(|batch| batch.expires_at_ms() == 0);
        let expires_at_ms_max = batches.iter().map(Batch::expires_at_ms).max().unwrap_or(0);
        Self {
            page,
            raw_offset,
            raw_bytes: batches.iter().map(|batch| batch.bytes().len() as u32).sum(),
            batch_count: batches.len() as u32,
            record_count: batches.iter().map(Batch::record_count).sum(),
            first_seq_num: first.first_seq_num(),
            end_seq_num: last.end_seq_num(),
            first_timestamp: first.first_timestamp(),
            last_timestamp: last.last_timestamp(),
            arrival_ms_min: batches.iter().map(Batch::arrival_ms).min().unwrap_or(0),
            arrival_ms_max: batches.iter().map(Batch::arrival_ms).max().unwrap_or(0),
            expires_at_ms_max: if forever { 0 } else { expires_at_ms_max },
            metered_bytes: batches.iter().map(Batch::metered_bytes).sum(),
        }
    }

    pub(super) fn ends_before(&self, from: PagesFrom) -> bool {
        match from {
            PagesFrom::SeqNum(seq_num) => self.end_seq_num <= seq_num,
            PagesFrom::Timestamp(timestamp) => self.last_timestamp < timestamp,
        }
    }

    pub(super) fn is_followed_by(&self, next: &Self) -> bool {
        self.end_seq_num <= next.first_seq_num && self.last_timestamp <= next.first_timestamp && self.page < next.page
    }

    /// Splits this run's part of its decompressed page into batches and checks that they are what the index says: `stream_id`'s,
    /// these numbers, without a gap. Each batch's header and table are checked against the server's sum; payloads are left to
    /// their final reader (`Batch::verify_payload`).
    pub fn batches(&self, stream_id: StreamId, raw_page: &Bytes) -> Result<Vec<Batch>, StoredError> {
        let (start, end) = (self.raw_offset as usize, self.raw_offset as usize + self.raw_bytes as usize);
        if end > raw_page.len() {
            return Err(self.damaged("is shorter than its index says"));
        }
        let mut rest = raw_page.slice(start..end);
        let mut batches = Vec::with_capacity((self.batch_count as usize).min(rest.len() / 128));
        let mut next = self.first_seq_num;
        while let Some(batch) = Batch::split_first(&mut rest).map_err(|error| self.damaged(&error.to_string()))? {
            if batch.stream_id() != stream_id || batch.first_seq_num() != next {
                return Err(self.damaged("holds another batch than its index says"));
            }
            next = batch.end_seq_num();
            batches.push(batch);
        }
        match (batches.len(), next) == (self.batch_count as usize, self.end_seq_num) {
            true => Ok(batches),
            false => Err(self.damaged("holds other batches than its index says")),
        }
    }

    fn damaged(&self, why: &str) -> StoredError {
        let (page, first, end) = (self.page, self.first_seq_num, self.end_seq_num);
        StoredError::damaged(WHAT, u64::from(self.raw_offset), format!("page {page}, records {first}..{end}: {why}"))
    }

    pub(super) fn encode(&self, out: &mut impl BufMut) {
        let small = [self.page, self.raw_offset, self.raw_bytes, self.batch_count, self.record_count, 0];
        small.iter().for_each(|field| out.put_u32_le(*field));
        out.put_u64_le(self.first_seq_num);
        out.put_u64_le(self.end_seq_num);
        out.put_u64_le(self.first_timestamp);
        out.put_u64_le(self.last_timestamp);
        out.put_u64_le(self.arrival_ms_min);
        out.put_u64_le(self.arrival_ms_max);
        out.put_u64_le(self.expires_at_ms_max);
        out.put_u64_le(self.metered_bytes);
    }

    pub(super) fn decode(reader: &mut Reader<'_>, pages: &[PageEntry]) -> Result<Self, StoredError> {
        let (page, raw_offset, raw_bytes) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let (batch_count, record_count) = (reader.u32()?, reader.u32()?);
        reader.zeros(4)?;
        let run = Self {
            page,
            raw_offset,
            raw_bytes,
            batch_count,
            record_count,
            first_seq_num: reader.u64()?,
            end_seq_num: reader.u64()?,
            first_timestamp: reader.u64()?,
            last_timestamp: reader.u64()?,
            arrival_ms_min: reader.u64()?,
            arrival_ms_max: reader.u64()?,
            expires_at_ms_max: reader.u64()?,
            metered_bytes: reader.u64()?,
        };
        match run.is_sound(pages) {
            true => Ok(run),
            false => Err(reader.damaged("a run is not inside a page, or its numbers contradict each other")),
        }
    }

    fn is_sound(&self, pages: &[PageEntry]) -> bool {
        let end = u64::from(self.raw_offset) + u64::from(self.raw_bytes);
        let in_page = pages.get(self.page as usize).is_some_and(|page| end <= u64::from(page.raw_bytes));
        let records = u64::from(self.record_count);
        let numbers = self.first_seq_num.checked_add(records) == Some(self.end_seq_num) && records > 0;
        let order = self.first_timestamp <= self.last_timestamp && self.arrival_ms_min <= self.arrival_ms_max;
        in_page && numbers && order && (1..=self.record_count).contains(&self.batch_count)
    }
}
