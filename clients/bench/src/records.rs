//! What is written: bodies of one payload class, from a seed, and batches made of them.

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use miette::miette;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use riverrun_client::{AppendBatch, Record};
use riverrun_protocol::limits::BATCH_METERED_BYTES_MAX;

use crate::failed;
use crate::json_record::json;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::verify::body_sum;
use crate::workload::{Payload, RECORD_METERED_OVERHEAD_BYTES, Workload};

/// So many different bytes that no compressor sees the same ones twice in its window.
const POOL_BYTES: usize = 16 << 20;
const POOL_BODIES_MAX: usize = 1 << 16;
/// A line has to fit into a batch of its own.
const LINE_BYTES_MAX: usize = 1 << 19;

/// Bodies, and for closed loops whole batches of them, encoded before the run: encoding is not what is measured.
#[derive(Debug)]
pub struct Pool {
    bodies: Vec<Bytes>,
    /// Of exactly `batch_records` records; empty where each is stamped when it is sent.
    ready: Vec<Prepared>,
    batch_records: usize,
    stamped: bool,
}

/// A batch to be sent, and the sum of each of its bodies.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub batch: AppendBatch,
    pub body_bytes: u64,
    pub sums: Arc<[u64]>,
}

impl Pool {
    /// # Errors
    /// The file of lines cannot be read, or has none.
    pub fn new(workload: &Workload) -> miette::Result<Self> {
        let bodies = match (&workload.payload, &workload.lines) {
            (Payload::Lines, Some(path)) => lines(path, workload.is_stamped())?,
            _ => generated(workload),
        };
        let batch_records = workload.batch_records as usize;
        let mut pool = Self { bodies, ready: Vec::new(), batch_records, stamped: workload.is_stamped() };
        if !pool.stamped {
            pool.ready = pool.encode_all()?;
        }
        Ok(pool)
    }

    fn encode_all(&self) -> miette::Result<Vec<Prepared>> {
        let mut cursor = Cursor { body: 0, ready: 0 };
        let batches = self.bodies.len().div_ceil(self.batch_records);
        (0..batches).map(|_| prepare(self.next_bodies(&mut cursor, self.batch_records).cloned().collect())).collect()
    }

    /// As many bodies as wanted and as a batch can hold; at least one.
    fn next_bodies(&self, cursor: &mut Cursor, count: usize) -> impl Iterator<Item = &Bytes> {
        let start = cursor.body;
        let bodies = (0..count).map(move |i| &self.bodies[(start + i) % self.bodies.len()]);
        let mut metered_bytes = 0;
        let fits = bodies.take_while(move |body| {
            metered_bytes += body.len() as u64 + RECORD_METERED_OVERHEAD_BYTES;
            metered_bytes <= BATCH_METERED_BYTES_MAX
        });
        let fits: Vec<&Bytes> = fits.collect();
        cursor.body = (start + fits.len()) % self.bodies.len();
        fits.into_iter()
    }
}

/// Where a producer is in the pool. Each begins elsewhere.
#[derive(Debug)]
struct Cursor {
    body: usize,
    ready: usize,
}

/// One producer's supply of batches.
#[derive(Debug)]
pub struct Feed {
    pool: Arc<Pool>,
    cursor: Cursor,
    /// Records so far, for their stamps.
    number: u64,
}

impl Feed {
    pub fn of_producer(pool: &Arc<Pool>, index: u32, producers: u32) -> Self {
        let share = |len: usize| len * index as usize / producers as usize;
        let cursor = Cursor { body: share(pool.bodies.len()), ready: share(pool.ready.len()) };
        Self { pool: pool.clone(), cursor, number: 0 }
    }

    /// A batch for the first of `intended_ns`: one record for each, as far as they fit.
    ///
    /// # Errors
    /// A batch beyond a limit: a mistake in here.
    pub fn next(&mut self, intended_ns: &[u64]) -> miette::Result<Prepared> {
        if !self.pool.stamped && intended_ns.len() == self.pool.batch_records {
            self.cursor.ready = (self.cursor.ready + 1) % self.pool.ready.len();
            return Ok(self.pool.ready[self.cursor.ready].clone());
        }
        let templates: Vec<&Bytes> = self.pool.next_bodies(&mut self.cursor, intended_ns.len()).collect();
        if !self.pool.stamped {
            return prepare(templates.into_iter().cloned().collect());
        }
        let stamped = stamp_all(&templates, intended_ns, self.number);
        self.number += stamped.len() as u64;
        prepare(stamped)
    }
}

/// Copies with stamps, in one allocation.
fn stamp_all(templates: &[&Bytes], intended_ns: &[u64], first_number: u64) -> Vec<Bytes> {
    let mut buffer = BytesMut::with_capacity(templates.iter().map(|body| body.len()).sum());
    let numbered = templates.iter().zip(intended_ns).zip(first_number..);
    let stamped = numbered.map(|((template, intended_ns), number)| {
        buffer.extend_from_slice(template);
        Stamp { intended_ns: *intended_ns, number }.write(&mut buffer);
        buffer.split().freeze()
    });
    stamped.collect()
}

fn prepare(bodies: Vec<Bytes>) -> miette::Result<Prepared> {
    let sums = bodies.iter().map(|body| body_sum(body)).collect();
    let body_bytes = bodies.iter().map(|body| body.len() as u64).sum();
    let records: Vec<Record> = bodies.into_iter().map(Record::new).collect();
    let batch = AppendBatch::encode(&records).map_err(failed)?;
    Ok(Prepared { batch, body_bytes, sums })
}

fn generated(workload: &Workload) -> Vec<Bytes> {
    let bytes = workload.record_bytes as usize;
    let count = (POOL_BYTES / bytes.max(1)).clamp(workload.batch_records as usize, POOL_BODIES_MAX);
    let mut random = StdRng::seed_from_u64(workload.seed);
    (0..count).map(|_| Bytes::from(body(&mut random, workload.payload, bytes))).collect()
}

fn body(random: &mut StdRng, payload: Payload, bytes: usize) -> Vec<u8> {
    match payload {
        Payload::Zeros => vec![0; bytes],
        Payload::Random => {
            let mut body = vec![0; bytes];
            random.fill_bytes(&mut body);
            body
        }
        Payload::Json | Payload::Lines => json(random, bytes),
    }
}

/// The file's lines, up to the size of the pool. Stamps are written over their beginnings, so short ones are made longer.
fn lines(path: &Path, stamped: bool) -> miette::Result<Vec<Bytes>> {
    let text = std::fs::read(path)
        .map_err(|error| miette!("cannot read the lines of {}: {error}; name another file", path.display()))?;
    let text = Bytes::from(text);
    let bodies: Vec<Bytes> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| (1..=LINE_BYTES_MAX).contains(&line.len()))
        .scan(0, |bytes, line| {
            *bytes += line.len();
            (*bytes <= 4 * POOL_BYTES).then(|| text.slice_ref(line))
        })
        .map(|line| if stamped { padded(line) } else { line })
        .collect();
    if bodies.is_empty() {
        return Err(miette!("{} has no line of 1 to {LINE_BYTES_MAX} bytes: name another file", path.display()));
    }
    Ok(bodies)
}

fn padded(line: Bytes) -> Bytes {
    if line.len() >= STAMP_BYTES {
        return line;
    }
    let mut longer = line.to_vec();
    longer.resize(STAMP_BYTES, b' ');
    longer.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(workload: &Workload) -> Feed {
        Feed::of_producer(&Arc::new(Pool::new(workload).expect("a pool")), 0, 1)
    }

    #[test]
    fn a_seed_gives_the_same_records_of_the_exact_size() {
        for bytes in [1, 64, 1024, 5000] {
            let record = |seed| json(&mut StdRng::seed_from_u64(seed), bytes);
            assert_eq!(record(1).len(), bytes);
            assert_eq!(record(1), record(1));
            assert!(bytes < 64 || record(1) != record(2));
        }
    }

    /// performance.md 2.2: the class is stated with every result, so it has to be what it is called.
    #[test]
    fn zstd_makes_about_a_third_of_json() {
        let mut random = StdRng::seed_from_u64(1);
        let pieces: Vec<Vec<u8>> = (0..16).map(|_| (0..64).flat_map(|_| json(&mut random, 1024)).collect()).collect();
        for level in [1, 3] {
            let packed: usize =
                pieces.iter().map(|piece| zstd::bulk::compress(piece, level).expect("packs").len()).sum();
            let ratio = (16 * 64 * 1024) as f64 / packed as f64;
            assert!((2.5..2.95).contains(&ratio), "{ratio:.2}:1 at level {level}");
        }
    }

    #[test]
    fn a_full_batch_is_near_one_mebibyte() {
        let workload = Workload { batch_records: 1000, record_bytes: 1024, ..Workload::default() };
        let prepared = feed(&workload).next(&[0; 1000]).expect("a batch");
        assert_eq!((prepared.batch.record_count(), prepared.batch.metered_bytes()), (1000, 1_032_000));
        assert_eq!((prepared.sums.len(), prepared.body_bytes), (1000, 1_024_000));
    }

    #[test]
    fn prepared_batches_do_not_repeat_within_the_pool() {
        let workload = Workload { batch_records: 250, record_bytes: 1000, ..Workload::default() };
        let mut feed = feed(&workload);
        let batches = POOL_BYTES / 250_000;
        let first = feed.next(&[0; 250]).expect("a batch").sums;
        assert!((1..batches).all(|_| feed.next(&[0; 250]).expect("a batch").sums != first));
    }

    #[test]
    fn a_batch_takes_no_more_records_than_fit() {
        let workload = Workload { batch_records: 1, record_bytes: 300_000, ..Workload::default() };
        assert_eq!(feed(&workload).next(&[0; 1000]).expect("a batch").batch.record_count(), 3);
    }

    #[test]
    fn stamped_bodies_carry_their_times_and_numbers() {
        let bodies = [Bytes::from_static(&[b'x'; 20]), Bytes::from_static(&[b'y'; 20])];
        let stamped = stamp_all(&[&bodies[0], &bodies[1]], &[5, 6], 40);
        let stamps: Vec<_> = stamped.iter().map(|body| Stamp::read(body).expect("stamped")).collect();
        assert_eq!(stamps, [Stamp { intended_ns: 5, number: 40 }, Stamp { intended_ns: 6, number: 41 }]);
        assert!(stamped[1].ends_with(b"yyyy"));
    }

    #[test]
    fn lines_keep_their_lengths_and_short_ones_get_room_for_a_stamp() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "one\n\na line that is long enough\n").expect("written");
        let of = |stamped| lines(file.path(), stamped).expect("lines").iter().map(Bytes::len).collect::<Vec<_>>();
        assert_eq!(of(false), [3, 26]);
        assert_eq!(of(true), [16, 26]);
    }
}
