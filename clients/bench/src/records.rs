//! What is written: JSON of which zstd makes about a third, from a seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun_client::{AppendBatch, Record};

/// Different batches, so that no compressor sees the same megabyte twice in a window.
const BATCHES: usize = 16;
const METERED_BYTES_PER_RECORD: usize = 8;
const BATCH_METERED_BYTES_MAX: usize = 1 << 20;
const BATCH_RECORDS_MAX: usize = 1000;

/// As many records of this size as a batch may hold.
pub fn full_batches(seed: u64, record_bytes: usize) -> Result<Vec<AppendBatch>, riverrun_client::Error> {
    let records = (BATCH_METERED_BYTES_MAX / (record_bytes + METERED_BYTES_PER_RECORD)).clamp(1, BATCH_RECORDS_MAX);
    batches(seed, record_bytes, records)
}

/// Batches of one record each.
pub fn single_batches(seed: u64, record_bytes: usize) -> Result<Vec<AppendBatch>, riverrun_client::Error> {
    batches(seed, record_bytes, 1)
}

fn batches(seed: u64, record_bytes: usize, records: usize) -> Result<Vec<AppendBatch>, riverrun_client::Error> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..BATCHES)
        .map(|_| {
            let records: Vec<Record> = (0..records).map(|_| Record::new(json(&mut random, record_bytes))).collect();
            AppendBatch::encode(&records)
        })
        .collect()
}

/// One object of exactly `bytes` bytes: a few keys that repeat, numbers and hex that do not.
pub fn json(random: &mut StdRng, bytes: usize) -> Vec<u8> {
    let mut text = format!(
        "{{\"time\":{},\"level\":\"info\",\"service\":\"checkout\",\"user\":{},\"trace\":\"{:016x}\",\"fields\":[",
        1_771_390_606_000u64 + random.random_range(0..100_000_000),
        random.random_range(0..1_000_000),
        random.random::<u64>(),
    );
    while text.len() + 48 < bytes {
        let item = random.random_range(0..10_000);
        let price = random.random_range(0..1_000_000);
        text.push_str(&format!("{{\"item\":{item},\"price\":{price},\"in_stock\":{}}},", item % 3 == 0));
    }
    let mut text = text.into_bytes();
    text.truncate(bytes.saturating_sub(2));
    text.resize(bytes.saturating_sub(2), b' ');
    text.extend_from_slice(b"]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_records_of_the_exact_size() {
        for bytes in [64, 1024, 5000] {
            let record = |seed| json(&mut StdRng::seed_from_u64(seed), bytes);
            assert_eq!(record(1).len(), bytes);
            assert_eq!(record(1), record(1));
            assert_ne!(record(1), record(2));
        }
    }

    #[test]
    fn a_full_batch_is_near_one_mebibyte() {
        let batches = full_batches(1, 1024).expect("within limits");
        assert_eq!(batches.len(), BATCHES);
        assert!(batches.iter().all(|b| b.record_count() == 1000 && b.metered_bytes() == 1_032_000));
    }
}
