//! What tests of publishing, loading and recovery are made of.

use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::chunk::{ChunkId, ChunkInput, ChunkStream, Lane, StreamState};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_protocol::batch::{Batch, Record, Stamp, encode, stamp};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, Position, StreamId, StreamName};

use super::Writer;
use crate::names::WallClock;

pub const NOW_MS: u64 = 1_700_000_000_000;
pub const WRITER: Writer = Writer { store_id: [7; 16], writer_id: [8; 16] };

pub fn clock() -> WallClock {
    Arc::new(|| NOW_MS)
}

pub fn basin() -> BasinName {
    BasinName::new("first-basin").expect("a name")
}

pub fn target(stream: &str) -> StreamRef {
    StreamRef { basin: basin(), stream: StreamName::new(stream).expect("a name") }
}

pub fn entry(id: u8, stream: &str) -> Arc<StreamEntry> {
    let StreamRef { basin, stream } = target(stream);
    Arc::new(StreamEntry::new(StreamId([id; 16]), basin, stream, NOW_MS, SYSTEM_DEFAULTS))
}

/// A stamped batch of one record per body; every record's timestamp is ten times its number.
pub fn batch(stream_id: StreamId, first_seq_num: u64, bodies: &[impl AsRef<str>]) -> Batch {
    expiring_batch(stream_id, first_seq_num, bodies, 0)
}

/// The same, of records that expire; 0 = never.
pub fn expiring_batch(
    stream_id: StreamId,
    first_seq_num: u64,
    bodies: &[impl AsRef<str>],
    expires_at_ms: u64,
) -> Batch {
    let records: Vec<Record> =
        bodies.iter().map(|body| Record::new(Bytes::copy_from_slice(body.as_ref().as_bytes()))).collect();
    let mut bytes = encode(&records).expect("within limits");
    let mut seq_num = first_seq_num;
    stamp(&mut bytes, &Stamp { stream_id, first_seq_num, arrival_ms: NOW_MS, expires_at_ms }, |_| {
        seq_num += 1;
        (seq_num - 1) * 10
    });
    Batch::parse(bytes.freeze()).expect("a stamped batch")
}

/// The bodies of all records, which must be intact.
pub fn bodies(batches: &[Batch]) -> Vec<String> {
    let text = |body: Bytes| String::from_utf8(body.to_vec()).expect("as it was sent");
    batches
        .iter()
        .inspect(|batch| batch.verify_payload().expect("intact"))
        .flat_map(|batch| batch.records().map(|record| text(record.expect("intact").body)).collect::<Vec<_>>())
        .collect()
}

/// One stream's share of a chunk, in which it ends with the last batch.
pub fn chunk_stream(entry: &Arc<StreamEntry>, batches: &[Batch]) -> ChunkStream {
    let last = batches.last().expect("at least one batch");
    let state = StreamState {
        stream_id: entry.id,
        next: Position { seq_num: last.end_seq_num(), timestamp: last.last_timestamp() },
        ..StreamState::default()
    };
    let batches = batches.iter().map(|batch| batch.bytes().clone()).collect();
    ChunkStream { state, entry: Some(Arc::clone(entry)), batches }
}

pub fn chunk_id(epoch: u64, number: u64) -> ChunkId {
    ChunkId { epoch, shard: 0, lane: Lane::Express, number }
}

pub fn chunk(id: ChunkId, streams: Vec<ChunkStream>) -> ChunkInput {
    ChunkInput { id, streams, compression_level: 1 }
}
