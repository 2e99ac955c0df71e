//! Records as clients make them and get them.

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand::rngs::StdRng;
use riverrun_history::record_hash;
use riverrun_protocol::batch::{Batch, Record, RecordView, encode};
use riverrun_protocol::response::{CompressedPage, ReadBatches};
use riverrun_protocol::types::FencingToken;

use crate::truth::Seen;
use crate::world::StreamFacts;

/// What a batch begins with.
pub enum Command<'a> {
    Nothing,
    SetToken(&'a FencingToken),
    Trim(u64),
}

pub fn records(read: &ReadBatches) -> Vec<RecordView> {
    records_of(read.parts.concat().into())
}

/// What was stored, decompressed.
pub fn open(page: &CompressedPage) -> Bytes {
    assert_eq!(crc32c::crc32c(&page.stored), page.crc, "P8: sound bytes");
    let raw = zstd::bulk::decompress(&page.stored, page.raw_bytes as usize).expect("a zstd frame");
    assert_eq!(raw.len(), page.raw_bytes as usize);
    raw.into()
}

pub fn records_of(mut bytes: Bytes) -> Vec<RecordView> {
    let mut records = Vec::new();
    while let Some(batch) = Batch::split_first(&mut bytes).expect("whole batches") {
        batch.verify_payload().expect("P8: sound bytes");
        records.extend(batch.records().map(|record| record.expect("a sound record")));
    }
    records
}

pub fn seen(record: &RecordView) -> Seen {
    let id = match record.is_command() {
        true => command_id(&record.body),
        false => record_hash(&record.body),
    };
    Seen { id, timestamp: record.timestamp }
}

fn command_id(body: &[u8]) -> u64 {
    1 << 63 | u64::from(crc32c::crc32c(body))
}

/// Records with ids of their own; a command comes first.
pub fn make_batch(facts: &mut StreamFacts, random: &mut StdRng, command: &Command<'_>) -> (Vec<u64>, BytesMut) {
    let mut records: Vec<Record> = match command {
        Command::Nothing => Vec::new(),
        Command::SetToken(token) => vec![Record::fence(token)],
        Command::Trim(earliest) => vec![Record::trim(*earliest)],
    };
    let mut ids: Vec<u64> = records.iter().map(|record| command_id(&record.body)).collect();
    for _ in 0..random.random_range(1..4) {
        facts.last_id += 1;
        let padding = match random.random_range(0..100) {
            0 => random.random_range(0..60_000),
            1..10 => random.random_range(0..3000),
            _ => random.random_range(0..40),
        };
        let mut body = facts.last_id.to_le_bytes().to_vec();
        body.resize(8 + padding, facts.last_id as u8);
        ids.push(record_hash(&body));
        records.push(Record::new(body));
    }
    (ids, encode(&records).expect("within limits"))
}
