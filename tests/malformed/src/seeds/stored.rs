//! Journal files and chunk objects, of a few blocks and pages each.

use bytes::Bytes;
use riverrun_core::buffer::{ALIGN_BYTES, aligned};
use riverrun_core::chunk::{
    ChunkId, ChunkInput, ChunkStream, Compressor, Identity, Lane, StreamState, encode, encode_fence,
};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_core::journal::{BlockMeta, OpenBlock, first_block};
use riverrun_core::limits::{BLOCK_BYTES_MAX, JOURNAL_WRITES_INFLIGHT_MAX};
use riverrun_protocol::batch::{Record, Stamp, encode as encode_batch, stamp};
use riverrun_protocol::types::{Position, StreamId};

use super::{Seeds, named};
use crate::journal::{FILE, STORE_ID};

const FIRST: BlockMeta = BlockMeta {
    store_id: STORE_ID,
    journal_id: [0x4a; 16],
    salt: 0x5a17,
    epoch: 2,
    shard: 1,
    q: JOURNAL_WRITES_INFLIGHT_MAX as u32,
    number: 1,
    file: FILE,
    offset: 0,
    durable_watermark: 0,
    needed_from: 1,
    prev_header_crc: 0,
    wall_ms: 1_000,
};

pub fn journals() -> Seeds {
    let empty = vec![0; 2 * ALIGN_BYTES];
    let older = [file(3), file(2)[ALIGN_BYTES..].to_vec()].concat();
    named([
        ("first", file(1)),
        ("four", file(4)),
        ("nothing", empty),
        ("older-behind", older),
        ("extent", with_extent()),
    ])
}

/// The first block and those behind it, each with two batches.
fn file(blocks: u64) -> Vec<u8> {
    let (first, closed) = first_block(FIRST);
    let mut bytes = closed.buffers.concat();
    let mut prev_header_crc = first.header_crc;
    for number in 2..=blocks {
        let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
        open.append_inline(&batch(7 * number, 2));
        open.append_inline(&batch(7 * number + 2, 1));
        let meta =
            BlockMeta { number, offset: bytes.len() as u64, prev_header_crc, durable_watermark: number - 1, ..FIRST };
        let closed = open.close(meta);
        prev_header_crc = closed.header_crc;
        bytes.extend(closed.buffers.concat());
    }
    bytes
}

/// A block that has a batch as the frame that it came in.
fn with_extent() -> Vec<u8> {
    let mut open = OpenBlock::new(BLOCK_BYTES_MAX);
    let batch = batch(5, 3);
    let mut frame = aligned(batch.len());
    frame.extend_from_slice(&batch);
    let payload_bytes = 3 * BODY.len() as u32;
    let payload_crc = crc32c::crc32c(&batch[batch.len() - payload_bytes as usize..]);
    open.push_extent(frame, 0..batch.len(), payload_crc, payload_bytes);
    open.close(FIRST).buffers.concat()
}

const BODY: &str = "the same words again and again";

fn batch(first_seq_num: u64, records: usize) -> Bytes {
    let records = vec![Record::new(BODY); records];
    let mut bytes = encode_batch(&records).expect("within the limits");
    let with = Stamp { stream_id: StreamId([1; 16]), first_seq_num, arrival_ms: 1_000, expires_at_ms: 9_000 };
    stamp(&mut bytes, &with, |_| 1_000);
    bytes.freeze()
}

const ID: ChunkId = ChunkId { epoch: 2, shard: 1, lane: Lane::Express, number: 7 };
const IDENTITY: Identity = Identity { store_id: STORE_ID, writer_id: [0x52; 16], put_id: [0x53; 16] };

pub fn chunks() -> Seeds {
    let fence = encode_fence(ID, 3, IDENTITY).to_vec();
    let state_alone = vec![ChunkStream { batches: Vec::new(), ..stream(2, 40) }];
    let two = vec![stream(2, 20), ChunkStream { state: state(1, 9), entry: None, batches: vec![batch(5, 4)] }];
    let mut several_pages = stream(1, 0);
    several_pages.batches = (0..60).map(|n| batch(20 * n, 20)).collect();
    several_pages.state.next.seq_num = 1_200;
    named([
        ("fence", fence),
        ("state-alone", object(state_alone)),
        ("two-streams", object(two)),
        ("several-pages", object(vec![several_pages])),
    ])
}

fn object(streams: Vec<ChunkStream>) -> Vec<u8> {
    let input = ChunkInput { id: ID, streams, compression_level: 1 };
    encode(&input, IDENTITY, &mut Compressor::new().expect("memory")).expect("a sound chunk").to_bytes().to_vec()
}

/// One whose entry comes with it.
fn stream(number: u8, next: u64) -> ChunkStream {
    let id = StreamId([number; 16]);
    let (basin, name) = ("tests-basin".parse().expect("a name"), "stream/name".parse().expect("a name"));
    let entry = StreamEntry::new(id, basin, name, 1, SYSTEM_DEFAULTS);
    ChunkStream { state: state(number, next), entry: Some(entry.into()), batches: Vec::new() }
}

fn state(number: u8, next: u64) -> StreamState {
    StreamState {
        stream_id: StreamId([number; 16]),
        next: Position { seq_num: next, timestamp: 1_000 },
        fencing_token: b"token".to_vec(),
        trim_point: next / 2,
        record_count: next,
        metered_bytes: 40 * next,
    }
}
