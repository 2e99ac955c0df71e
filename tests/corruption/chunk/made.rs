//! A chunk of which every byte is known: pages of one stream's own, compressed, and one that two streams share, stored as it is.

use std::ops::Range;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use riverrun_core::chunk::{
    ChunkId, ChunkInput, Compressor, EncodedChunk, Footer, HEADER_BYTES, Identity, Lane, PageRun, TRAILER_BYTES,
    Trailer, encode,
};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

use crate::made::{WRITER, batch, body, chunk_stream, entry};

pub const ID: ChunkId = ChunkId { epoch: 4, shard: 0, lane: Lane::Express, number: 9 };
const BEFORE: ChunkId = ChunkId { number: 8, ..ID };

/// What one page holds of one stream, and what a reader of it must get.
#[derive(Clone, Debug)]
pub struct Run {
    pub stream_id: StreamId,
    pub run: PageRun,
    pub page: Range<usize>,
    pub batches: Vec<Bytes>,
}

pub struct Made {
    pub object: Bytes,
    /// What stood in the same place of the chunk before.
    pub older: Vec<u8>,
    pub footer: Footer,
    pub trailer: Trailer,
    pub runs: Vec<Run>,
}

impl Made {
    pub fn new() -> Self {
        let streams = streams(1);
        let encoded = encoded(ID, &streams);
        let object = Bytes::from(encoded.parts.concat());
        let mut older = encoded_before();
        older.resize(object.len(), 0);
        let EncodedChunk { footer, trailer, .. } = encoded;
        let runs = streams.iter().flat_map(|batches| runs_of(&footer, batches)).collect();
        Self { object, older, footer, trailer, runs }
    }

    pub fn footer_range(&self) -> Range<usize> {
        let start = self.trailer.footer.offset as usize;
        start..start + self.trailer.footer.bytes as usize
    }

    /// What the sweep never leaves out: header, footer and trailer, and where pages begin.
    pub fn heads(&self) -> Vec<Range<usize>> {
        let pages = self.runs.iter().map(|run| run.page.start..run.page.start + 64);
        let end = self.object.len();
        let others = [0..HEADER_BYTES, self.footer_range(), end - TRAILER_BYTES..end];
        pages.chain(others).collect()
    }
}

fn encoded_before() -> Vec<u8> {
    encoded(BEFORE, &streams(2)).parts.concat()
}

/// Per stream, its batches. The first fills pages of its own with lines that repeat; the others are noise.
fn streams(seed: u64) -> Vec<Vec<Batch>> {
    let lines = |number: u64| {
        let line = body(seed * 1000 + number, 500);
        (0..40).map(|_| line.clone()).collect::<Vec<_>>()
    };
    let noise = |number: u64| vec![noise(seed * 77 + number, 5000)];
    vec![
        (0..28).map(|n| batch(0, n * 40, lines(n))).collect(),
        (0..6).map(|n| batch(1, n, noise(n))).collect(),
        (0..3).map(|n| batch(2, n, noise(50 + n))).collect(),
    ]
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..bytes).map(|_| random.random()).collect()
}

fn encoded(id: ChunkId, streams: &[Vec<Batch>]) -> EncodedChunk {
    let identity = Identity { store_id: WRITER.store_id, writer_id: WRITER.writer_id, put_id: [id.number as u8; 16] };
    let streams = (0..).zip(streams).map(|(stream, batches)| chunk_stream(stream, batches)).collect();
    let mut compressor = Compressor::new().expect("a context");
    encode(&ChunkInput { id, streams, compression_level: 1 }, identity, &mut compressor).expect("within limits")
}

fn runs_of(footer: &Footer, batches: &[Batch]) -> Vec<Run> {
    let stream_id = batches[0].stream_id();
    let runs = footer.find(stream_id).expect("in the chunk").runs.iter();
    let run = |run: &PageRun| {
        let page = footer.page(run).range();
        let within =
            batches.iter().filter(|batch| (run.first_seq_num..run.end_seq_num).contains(&batch.first_seq_num()));
        let batches = within.map(|batch| batch.bytes().clone()).collect();
        Run { stream_id, run: *run, page: page.start as usize..page.end as usize, batches }
    };
    runs.map(run).collect()
}

/// Every stream of the sweeps by the place of its id.
pub fn describe(run: &Run) -> String {
    let stream = usize::from(run.stream_id.0[0]) - 1;
    format!("{} from {}", entry(stream).name, run.run.first_seq_num)
}
