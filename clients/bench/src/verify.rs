//! A separate pass behind the run: everything that was acknowledged is read back from 0 and compared with what was sent.
//!
//! A stream's digest is the sum, over its records, of a mix of sequence number, length and crc32c of the body. It finds a record
//! that is missing, doubled, changed or out of its place, and can be built up from acks in any order, so it holds for streams
//! with several writers as well, which a chain of hashes would not.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use miette::miette;
use riverrun_client::{Batch, ReadOptions, ReadSessionConfig};

use crate::failed;
use crate::target::Target;

/// Streams read at a time.
const READERS_MAX: usize = 16;

/// Of one body: its crc32c, and its length above it.
pub fn body_sum(body: &[u8]) -> u64 {
    (body.len() as u64) << 32 | u64::from(crc32c::crc32c(body))
}

/// What one stream holds, as far as somebody knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Digest {
    pub records: u64,
    sum: u64,
}

impl Digest {
    pub fn add(&mut self, seq_num: u64, body_sum: u64) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(mixed(seq_num.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ body_sum));
    }

    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn add_batch(&mut self, batch: &Batch) -> miette::Result<()> {
        for record in batch.records() {
            let record = record.map_err(|error| miette!("a record cannot be taken apart: {error}"))?;
            self.add(record.seq_num, body_sum(&record.body));
        }
        Ok(())
    }
}

/// splitmix64's finish: every bit of the input moves about half of the output's.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// By stream; streams that nobody wrote to are not in it.
pub type Digests = HashMap<u32, Digest>;

pub fn merge(all: &mut Digests, some: Digests) {
    for (stream, digest) in some {
        all.entry(stream).or_default().merge(digest);
    }
}

/// Reads every stream back. How many records were compared.
///
/// # Errors
/// A stream has a gap, or its digest is not that of what was acknowledged.
pub async fn verify(target: &Target, written: &Digests) -> miette::Result<u64> {
    let checks = written.iter().map(|(stream, digest)| check(target, *stream, *digest));
    stream::iter(checks).buffer_unordered(READERS_MAX).try_fold(0, async |sum, records| Ok(sum + records)).await
}

async fn check(target: &Target, stream: u32, written: Digest) -> miette::Result<u64> {
    let options = ReadOptions::from_seq_num(0).count(written.records);
    let handle = target.stream(&target.control, stream)?;
    let mut session = handle.read_session_with(options, ReadSessionConfig::default()).await.map_err(failed)?;
    let mut found = Digest::default();
    while found.records < written.records
        && let Some(batch) = session.next_batch().await
    {
        let batch = batch.map_err(failed)?;
        if batch.first_seq_num() != found.records {
            return Err(miette!("stream {stream}: record {} is missing", found.records));
        }
        found.add_batch(&batch)?;
    }
    if found == written {
        return Ok(found.records);
    }
    Err(miette!(
        help = "this is data loss or damage: keep the broker's data folder and report it",
        "stream {stream} does not hold what was acknowledged: {} records were, {} were read, and the digests differ",
        written.records,
        found.records
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(records: &[(u64, &str)]) -> Digest {
        let mut digest = Digest::default();
        records.iter().for_each(|(seq_num, body)| digest.add(*seq_num, body_sum(body.as_bytes())));
        digest
    }

    #[test]
    fn the_order_of_acks_does_not_matter() {
        let whole = digest(&[(0, "a"), (1, "b"), (2, "c")]);
        assert_eq!(digest(&[(2, "c"), (0, "a"), (1, "b")]), whole);
        let mut halves = digest(&[(1, "b")]);
        halves.merge(digest(&[(2, "c"), (0, "a")]));
        assert_eq!(halves, whole);
    }

    #[test]
    fn every_kind_of_damage_shows() {
        let whole = digest(&[(0, "a"), (1, "b"), (2, "c")]);
        let damages = [
            digest(&[(0, "a"), (1, "b")]),
            digest(&[(0, "b"), (1, "a"), (2, "c")]),
            digest(&[(0, "a"), (1, "b"), (2, "d")]),
        ];
        assert!(damages.iter().all(|damaged| *damaged != whole));
        assert_ne!(digest(&[(0, "a"), (0, "a"), (2, "c")]), whole);
    }
}
