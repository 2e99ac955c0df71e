//! One file per property of the format; a small language to make chunks with.

mod bombs;
mod compression;
mod damage;
mod fences;
mod golden;
mod index;
mod refusals;
mod round_trip;

use bytes::Bytes;
use riverrun_protocol::batch::{Batch, Record, Stamp, encode as encode_batch, stamp};

use super::*;
use crate::action::PagesFrom;

const STORE: [u8; 16] = [0x51; 16];
const IDENTITY: Identity = Identity { store_id: STORE, writer_id: [0x52; 16], put_id: [0x53; 16] };
const ID: ChunkId = ChunkId { epoch: 2, shard: 1, lane: Lane::Express, number: 7 };

fn stream_id(number: u8) -> StreamId {
    StreamId([number; 16])
}

/// A stamped batch: one record per body, timestamps `1000 + sequence number`, arrival the same, expiry 500 ms later.
fn batch(stream_id: StreamId, first_seq_num: u64, bodies: &[Vec<u8>]) -> Bytes {
    let records: Vec<Record> = bodies.iter().map(|body| Record::new(body.clone())).collect();
    let mut bytes = encode_batch(&records).expect("within the limits");
    let arrival_ms = 1000 + first_seq_num;
    let mut next = arrival_ms;
    let with = Stamp { stream_id, first_seq_num, arrival_ms, expires_at_ms: arrival_ms + 500 };
    stamp(&mut bytes, &with, |_| {
        next += 1;
        next - 1
    });
    bytes.freeze()
}

/// `batches[i]` is the bodies of the i-th batch; numbers begin at `first`.
fn stream(stream_id: StreamId, first: u64, batches: &[Vec<Vec<u8>>]) -> ChunkStream {
    let mut next = first;
    let mut encoded = Vec::new();
    for bodies in batches {
        encoded.push(batch(stream_id, next, bodies));
        next += bodies.len() as u64;
    }
    let state = StreamState {
        stream_id,
        next: Position { seq_num: next, timestamp: 1000 + next - 1 },
        record_count: next,
        ..StreamState::default()
    };
    ChunkStream { state, entry: None, batches: encoded }
}

fn input(streams: Vec<ChunkStream>) -> ChunkInput {
    ChunkInput { id: ID, streams, compression_level: 1 }
}

fn encoded(input: &ChunkInput) -> EncodedChunk {
    encode(input, IDENTITY, &mut Compressor::new().unwrap()).unwrap()
}

fn chunk(object: &Bytes) -> ChunkObject {
    match identify(object).unwrap() {
        Object::Chunk(chunk) => chunk,
        Object::Fence(_) => panic!("a fence"),
    }
}

/// Two streams, one with its catalog entry, in a shared compressed page.
fn small_chunk() -> EncodedChunk {
    let mut first = stream(stream_id(1), 5, &[vec![b"the same words again and again ".repeat(20)]]);
    first.state.fencing_token = b"token".to_vec();
    let defaults = crate::control::SYSTEM_DEFAULTS;
    let (basin, name) = ("tests-basin".parse().unwrap(), "stream/name".parse().unwrap());
    first.entry = Some(Arc::new(StreamEntry::new(stream_id(1), basin, name, 1, defaults)));
    encoded(&input(vec![second_stream(), first]))
}

fn second_stream() -> ChunkStream {
    stream(stream_id(2), 0, &[vec![b"the same words once more".to_vec()], vec![vec![], vec![b'x']]])
}

/// One raw page, and a stream without batches. Every byte is determined by this crate and the protocol.
fn raw_chunk() -> EncodedChunk {
    let mut noisy = stream(stream_id(1), 5, &[vec![noise(7, 1500), noise(8, 900)], vec![noise(9, 600)]]);
    noisy.state.fencing_token = b"token".to_vec();
    noisy.state.trim_point = 1;
    noisy.state.metered_bytes = 3024;
    noisy.entry = Some(Arc::new(StreamEntry {
        id: stream_id(1),
        basin: "golden-basin".parse().unwrap(),
        name: "golden/stream".parse().unwrap(),
        created_at_ms: 1_771_390_606_217,
        placement: 0x0123_4567_89ab_cdef,
        config: crate::control::SYSTEM_DEFAULTS,
        config_version: 0,
        deleted_at_ms: None,
        creation: None,
    }));
    let stateful = stream(stream_id(2), 40, &[]);
    encoded(&input(vec![noisy, stateful]))
}

/// SplitMix64. Golden chunks hold what it yields, so it must yield the same for ever, which `StdRng` does not promise.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut seeded = Seeded(seed);
    (0..length).map(|_| seeded.next() as u8).collect()
}

/// Lines as servers write them: a clock, a level, a few templates, names that repeat, numbers that do not.
fn log_lines(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut seeded = Seeded(seed);
    let mut millis = 0;
    let mut line = || {
        millis += seeded.below(40);
        log_line(&mut seeded, millis).into_bytes()
    };
    (0..count).map(|_| line()).collect()
}

fn log_line(seeded: &mut Seeded, millis: u64) -> String {
    let (secs, millis) = (millis / 1000, millis % 1000);
    let clock = format!("2026-03-01T10:{:02}:{:02}.{millis:03}Z", secs / 60 % 60, secs % 60);
    let (worker, number) = (seeded.below(8), seeded.below(1 << 32));
    let user = ["alice", "bob", "carol", "dave"][seeded.below(4) as usize];
    let (a, b) = (number % 250, number % 3000);
    match seeded.below(4) {
        0 => format!("{clock} INFO worker-{worker} http: GET /v1/users/{user}/items/{b} 200 {a} us"),
        1 => format!("{clock} INFO worker-{worker} db: committed transaction {number:08x} of {user} in {b} us"),
        2 => format!("{clock} WARN worker-{worker} http: slow request from 10.0.{}.{a}: {b} ms", number % 4),
        _ => format!("{clock} DEBUG worker-{worker} cache: miss for key session:{user}:{number:08x}, loading it"),
    }
}

/// All batches of a stream in an object, through the same calls that a reader makes.
fn read(object: &Bytes, stream_id: StreamId, from: PagesFrom) -> Vec<Batch> {
    let mut zstd = Decompressor::new().unwrap();
    let trailer = Trailer::decode(&object[object.len() - TRAILER_BYTES..], object.len() as u64).unwrap();
    let at = trailer.footer.offset as usize;
    let footer = Footer::decode(&object[at..at + trailer.footer.bytes as usize], &trailer.footer).unwrap();
    let mut batches = Vec::new();
    for run in footer.pages_from(stream_id, from) {
        let page = footer.page(run);
        let range = page.range();
        let stored = object.slice(range.start as usize..range.end as usize);
        batches.extend(run.batches(stream_id, &decode_page(page, &stored, &mut zstd).unwrap()).unwrap());
    }
    batches
}
