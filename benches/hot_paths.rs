//! The pure steps that every byte goes through, one at a time and without I/O: `cargo bench --bench hot_paths`. What a broker makes
//! of them on a machine is `riverrun bench`'s to say.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use riverrun_core::chunk::{ChunkId, ChunkInput, ChunkStream, Compressor, Identity, Lane, StreamState, encode};
use riverrun_protocol::batch::{self, Record, Stamp};
use riverrun_protocol::frame::{self, Cut};
use riverrun_protocol::request::{AppendConditions, Request, SessionAppend};
use riverrun_protocol::types::StreamId;

/// Records per batch, bytes per record.
const SHAPES: [(usize, usize); 3] = [(1, 1024), (60, 1024), (1000, 1024)];
const STREAM: StreamId = StreamId([7; 16]);

/// JSON of which zstd makes about a third.
fn records(count: usize, bytes: usize) -> Vec<Record> {
    let record = |n: usize| {
        let mut text = format!("{{\"time\":{},\"service\":\"checkout\",\"fields\":[", 1_771_390_606_000u64 + n as u64);
        for item in (0..).take_while(|i| i * 50 + 80 < bytes) {
            let price = (n * 7919 + item * 104_729) % 1_000_000;
            text.push_str(&format!("{{\"item\":{item},\"price\":{price},\"in_stock\":true}},"));
        }
        text.truncate(bytes);
        Record { timestamp: None, headers: Vec::new(), body: Bytes::from(text) }
    };
    (0..count).map(record).collect()
}

fn frame_of(batch: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    Request::SessionAppend(SessionAppend { conditions: AppendConditions::default(), batch }).write(1, &mut frame);
    frame
}

/// From bytes off the socket to a batch that may be numbered: cut the frame, check structure, limits and checksums.
fn ingest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cut and check");
    for (count, bytes) in SHAPES {
        let frame = frame_of(&batch::encode(&records(count, bytes)).expect("within limits"));
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(format!("{count} x {bytes} B"), |bencher| {
            bencher.iter(|| match frame::cut(black_box(&frame)) {
                Ok(Cut::Complete { header, body, .. }) => match Request::parse(header.kind, &frame[body]) {
                    Ok(Request::SessionAppend(append)) => batch::check_ingest(append.batch).expect("sound"),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            });
        });
    }
    group.finish();
}

/// The server's part of a batch: ids, numbers, timestamps.
fn stamp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stamp");
    for (count, bytes) in SHAPES {
        let batch = batch::encode(&records(count, bytes)).expect("within limits");
        let stamp = Stamp { stream_id: STREAM, first_seq_num: 5, arrival_ms: 1_771_390_606_000, expires_at_ms: 0 };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} records"), |bencher| {
            let fresh = || batch.clone();
            bencher.iter_batched_ref(
                fresh,
                |batch| batch::stamp(batch, &stamp, |_| 1_771_390_606_000),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// A chunk of eight full batches, at the levels that a growing backlog goes through.
fn compress(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode a chunk");
    group.sample_size(10);
    let batches: Vec<Bytes> = (0..8).map(stamped).collect();
    let raw_bytes: usize = batches.iter().map(Bytes::len).sum();
    let state = StreamState { stream_id: STREAM, record_count: 8000, ..StreamState::default() };
    let id = ChunkId { epoch: 1, shard: 0, lane: Lane::Express, number: 0 };
    let identity = Identity { store_id: [1; 16], writer_id: [2; 16], put_id: [3; 16] };
    let mut compressor = Compressor::new().expect("a context");
    group.throughput(Throughput::Bytes(raw_bytes as u64));
    for compression_level in [3, 1, -3] {
        let stream = ChunkStream { state: state.clone(), entry: None, batches: batches.clone() };
        let input = ChunkInput { id, streams: vec![stream], compression_level };
        let encoded = encode(&input, identity, &mut compressor).expect("it encodes");
        println!("level {compression_level}: {:.2}:1", raw_bytes as f64 / encoded.object_bytes() as f64);
        group.bench_function(format!("level {compression_level}"), |bencher| {
            bencher.iter(|| encode(black_box(&input), identity, &mut compressor).expect("it encodes"));
        });
    }
    group.finish();
}

fn stamped(number: u64) -> Bytes {
    let mut batch = batch::encode(&records(1000, 1024)).expect("within limits");
    let first_seq_num = number * 1000;
    let stamp = Stamp { stream_id: STREAM, first_seq_num, arrival_ms: 1_771_390_606_000, expires_at_ms: 0 };
    batch::stamp(&mut batch, &stamp, |_| 1_771_390_606_000);
    batch.freeze()
}

criterion_group!(benches, ingest, stamp, compress);
criterion_main!(benches);
