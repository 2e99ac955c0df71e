//! What is written: the same JSON-like bytes for everybody, about 2.7:1 for zstd.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::SeedableRng;
use riverrun_bench::json_record::json;

use crate::shape::Shape;

/// So many different bytes that no compressor sees the same ones twice in its window.
const POOL_BYTES: usize = 16 << 20;
/// The same bytes in every run.
const SEED: u64 = 1;

/// Whole batches of bodies, made before anything is measured. How a client encodes them is its own work, and is measured.
#[derive(Debug)]
pub struct Pool {
    bodies: Vec<Bytes>,
    batch_records: usize,
}

impl Pool {
    pub fn new(shape: &Shape) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let batches = POOL_BYTES.div_ceil(shape.batch_bytes());
        let bodies = (0..batches * shape.batch_records).map(|_| Bytes::from(json(&mut random, shape.record_bytes)));
        Self { bodies: bodies.collect(), batch_records: shape.batch_records }
    }

    fn batches(&self) -> usize {
        self.bodies.len() / self.batch_records
    }

    /// One producer's supply. Each begins elsewhere.
    pub fn feed(&self, producer: usize, producers: usize) -> Feed<'_> {
        Feed { pool: self, next: self.batches() * producer / producers }
    }
}

#[derive(Debug)]
pub struct Feed<'a> {
    pool: &'a Pool,
    next: usize,
}

impl<'a> Feed<'a> {
    pub fn next_batch(&mut self) -> &'a [Bytes] {
        let start = self.next * self.pool.batch_records;
        self.next = (self.next + 1) % self.pool.batches();
        &self.pool.bodies[start..start + self.pool.batch_records]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::SHAPES;

    #[test]
    fn a_feed_goes_round_the_pool_in_whole_batches() {
        let shape = Shape { record_bytes: 100, batch_records: 1000, ..SHAPES[0] };
        let pool = Pool::new(&shape);
        let mut feed = pool.feed(1, 2);
        let first = feed.next_batch();
        assert_eq!((first.len(), first[0].len()), (1000, 100));
        assert!((1..pool.batches()).all(|_| feed.next_batch() != first));
        assert_eq!(feed.next_batch(), first);
    }
}
