//! Batches as a broker would answer them.

use riverrun_protocol::batch::{Stamp, encode, stamp};

use super::*;

/// Each group of records as one stored batch from its number on; a record's timestamp is its number.
pub(crate) fn read_batches(groups: &[(u64, &[Record])]) -> ReadBatches {
    let parts = groups.iter().map(|(first, records)| stored(*first, records)).collect();
    ReadBatches { tail: None, parts }
}

pub(crate) fn read_batch(groups: &[(u64, &[Record])]) -> ReadBatch {
    ReadBatch::open(&read_batches(groups)).unwrap()
}

fn stored(first_seq_num: u64, records: &[Record]) -> Bytes {
    let mut bytes = encode(records).unwrap();
    let mut timestamp = first_seq_num;
    stamp(&mut bytes, &Stamp { stream_id: Default::default(), first_seq_num, arrival_ms: 1, expires_at_ms: 0 }, |_| {
        timestamp += 1;
        timestamp - 1
    });
    bytes.freeze()
}
