//! The index of a chunk: states and entries of its streams, written, and read back as encoding does. No pages: what zstd costs
//! depends on what it is given and on the processor.

use std::hint::black_box;
use std::sync::Arc;

use riverrun_core::chunk::{ChunkId, ChunkInput, ChunkStream, Compressor, Identity, Lane, StreamState, encode};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_protocol::types::{Position, StreamId};

use crate::samples::{WALL_MS, target};

pub const STREAMS: usize = 1000;

pub fn run(times: u64) {
    let id = ChunkId { epoch: 1, shard: 0, lane: Lane::Express, number: 0 };
    let input = ChunkInput { id, streams: (0..STREAMS).map(stream).collect(), compression_level: 1 };
    let identity = Identity { store_id: [1; 16], writer_id: [2; 16], put_id: [3; 16] };
    let mut compressor = Compressor::new().expect("a context");
    for _ in 0..times {
        black_box(encode(black_box(&input), identity, &mut compressor).expect("it encodes"));
    }
}

fn stream(n: usize) -> ChunkStream {
    let mut stream_id = StreamId([7; 16]);
    stream_id.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
    let target = target(&format!("stream-{n:04}"));
    let entry = StreamEntry::new(stream_id, target.basin, target.stream, WALL_MS, SYSTEM_DEFAULTS);
    let next = Position { seq_num: n as u64, timestamp: WALL_MS };
    let state = StreamState { stream_id, next, record_count: n as u64, ..StreamState::default() };
    ChunkStream { state, entry: Some(Arc::new(entry)), batches: Vec::new() }
}
