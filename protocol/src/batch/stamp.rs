//! The server's part of a batch: who, where, when. The payload is not touched.

use super::layout::{
    ARRIVAL_MS, CUT_BEFORE, EXPIRES_AT_MS, FIRST_SEQ_NUM, FLAG_HAS_TIMESTAMP, RECORD_COUNT, SERVER_CRC, STREAM_ID,
    TABLE_CRC, put_u32, put_u64, server_crc, u32_at, u64_at,
};
use crate::limits::{BATCH_HEADER_BYTES, TABLE_ENTRY_BYTES};
use crate::types::StreamId;

/// What the server writes into a batch that it accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub stream_id: StreamId,
    pub first_seq_num: u64,
    pub arrival_ms: u64,
    /// 0 = never.
    pub expires_at_ms: u64,
}

/// Rewrites the server's part of the header and every record's timestamp, in one pass; `assign` is called per record,
/// in order, with the timestamp that the client sent. The producer's sum over the table as sent becomes 0: it was
/// checked, and holds no more.
///
/// `batch` is header and table at least, as [`super::check_ingest`] approved it.
///
/// # Panics
/// If `batch` is shorter than its own header and table.
pub fn stamp(batch: &mut [u8], stamp: &Stamp, mut assign: impl FnMut(Option<u64>) -> u64) {
    let record_count = u32_at(batch, RECORD_COUNT) as usize;
    let (header, rest) = batch.split_at_mut(BATCH_HEADER_BYTES);
    let table = &mut rest[..record_count * TABLE_ENTRY_BYTES];
    for entry in table.as_chunks_mut::<TABLE_ENTRY_BYTES>().0 {
        let sent = (entry[20] & FLAG_HAS_TIMESTAMP != 0).then(|| u64_at(entry, 0));
        put_u64(entry, 0, assign(sent));
    }
    put_u32(header, TABLE_CRC, 0);
    header[STREAM_ID..FIRST_SEQ_NUM].copy_from_slice(&stamp.stream_id.0);
    put_u64(header, FIRST_SEQ_NUM, stamp.first_seq_num);
    put_u64(header, ARRIVAL_MS, stamp.arrival_ms);
    put_u64(header, EXPIRES_AT_MS, stamp.expires_at_ms);
    header[CUT_BEFORE..].fill(0);
    put_u32(header, SERVER_CRC, server_crc(header, table));
}
