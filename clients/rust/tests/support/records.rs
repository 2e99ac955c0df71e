//! Records whose content tells their number.

use bytes::Bytes;
use riverrun_client::{Batch, Record, RecordView};
use riverrun_protocol::batch::{Stamp, encode, stamp};
use riverrun_protocol::response::{CompressedPage, Push, ReadBatches};
use riverrun_protocol::types::{Position, StreamId};
use std::ops::Range;

pub const STREAM: StreamId = StreamId([7; 16]);

/// Record n has the timestamp 1000 + n.
pub fn position(seq_num: u64) -> Position {
    Position { seq_num, timestamp: if seq_num == 0 { 0 } else { 999 + seq_num } }
}

pub fn body(seq_num: u64) -> Bytes {
    Bytes::from(format!("record {seq_num}"))
}

/// The records of these numbers, as a server stores them.
pub fn batch(numbers: Range<u64>) -> Batch {
    batch_of(STREAM, numbers, body)
}

pub fn batch_of(stream_id: StreamId, numbers: Range<u64>, body: impl Fn(u64) -> Bytes) -> Batch {
    let first_seq_num = numbers.start;
    let records: Vec<Record> = numbers.map(|n| Record { timestamp: Some(1000 + n), ..Record::new(body(n)) }).collect();
    let mut bytes = encode(&records).expect("within the limits");
    let by = Stamp { stream_id, first_seq_num, arrival_ms: 5, expires_at_ms: 0 };
    stamp(&mut bytes, &by, |timestamp| timestamp.expect("each record has one"));
    Batch::parse(bytes.freeze()).expect("just made")
}

/// A push of these batches.
pub fn push(batches: &[Batch], tail: Option<u64>) -> Push {
    let parts = batches.iter().map(|batch| batch.bytes().clone()).collect();
    Push::Records(ReadBatches { tail: tail.map(position), parts })
}

/// A push of these batches, compressed as they are stored.
pub fn page(batches: &[Batch]) -> Push {
    let raw: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
    let stored = zstd::bulk::compress(&raw, 3).expect("room for it");
    Push::Page(CompressedPage {
        raw_bytes: raw.len() as u32,
        crc: crc32c::crc32c(&stored),
        first_seq_num: batches[0].first_seq_num(),
        end_seq_num: batches[batches.len() - 1].end_seq_num(),
        stored: stored.into(),
    })
}

pub fn heartbeat(tail: u64) -> Push {
    Push::Heartbeat { tail: position(tail) }
}

/// The numbers of records read, each record's content having been compared with its number.
pub fn numbers(records: &[RecordView]) -> Vec<u64> {
    for record in records {
        assert_eq!((&record.body, record.timestamp), (&body(record.seq_num), 1000 + record.seq_num));
    }
    records.iter().map(|record| record.seq_num).collect()
}
