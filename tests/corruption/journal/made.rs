//! A journal of which every byte is known: files in their second lap, over what another journal left in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use riverrun::catalog::Catalog;
use riverrun::catalog::model::ModelRows;
use riverrun::publish::{Encoder, Offload, Publisher};
use riverrun::store::Objects;
use riverrun::store::model::ModelObjects;
use riverrun_core::buffer::{align_up, aligned};
use riverrun_core::chunk::{ChunkId, ChunkInput, Lane};
use riverrun_core::control::{EpochRow, ServingRow, keys};
use riverrun_core::journal::{BlockHeader, BlockMeta, OpenBlock};
use riverrun_protocol::batch::Batch;

use crate::made::{NOW_MS, STREAMS, WRITER, batch, body, catalog, chunk_stream, stream_rows};

pub const FILE_BYTES: usize = 32 << 10;
const FILES: u32 = 3;
/// Of the journal; the one before it lay in the same files.
pub const EPOCH: u64 = 2;
pub const Q: u32 = 4;
/// Everything below is in a chunk, as blocks from this one on know.
pub const NEEDED_FROM: u64 = 7;
const NEEDED_FROM_KNOWN_IN: u64 = 9;
pub const LAST: u64 = 16;
/// Blocks above the last durable watermark.
pub const ABOVE: u64 = 3;

/// One block as it was written.
#[derive(Clone)]
pub struct Written {
    pub header: BlockHeader,
    pub batches: Vec<Batch>,
    pub bytes: Vec<u8>,
    /// All files just before.
    pub before: Vec<Vec<u8>>,
}

impl Written {
    pub fn contains(&self, file: u32, at: usize) -> bool {
        let start = self.header.offset as usize;
        self.header.file == file && (start..start + self.bytes.len()).contains(&at)
    }

    /// Which of the files, and where in it.
    pub fn start(&self) -> (usize, usize) {
        (self.header.file as usize - 1, self.header.offset as usize)
    }

    /// How an error names it.
    pub fn place(&self) -> String {
        let BlockHeader { file, offset, number, .. } = self.header;
        format!("journal file {file:08}.journal, offset {offset}: block {number} ")
    }
}

pub struct Made {
    /// File n is at n - 1.
    pub files: Vec<Vec<u8>>,
    /// What each byte was before it was written last.
    pub older: Vec<Vec<u8>>,
    pub blocks: Vec<Written>,
    pub rows: BTreeMap<Bytes, Bytes>,
    pub objects: Vec<(String, Bytes)>,
}

impl Made {
    pub async fn new() -> Self {
        let mut files = Files::zeroed();
        Pen::new(JOURNAL_BEFORE, EPOCH - 1).fill(&mut files);
        let mut pen = Pen::new(JOURNAL, EPOCH);
        (1..=LAST).for_each(|number| pen.write(&mut files, number));
        let (rows, objects) = around(&pen.written).await;
        Self { files: files.now, older: files.older, blocks: pen.written, rows, objects }
    }

    pub fn block(&self, number: u64) -> &Written {
        &self.blocks[number as usize - 1]
    }

    /// The block that this byte belongs to now; blocks of an earlier lap, or of the other journal, are nobody's.
    pub fn owner(&self, file: u32, at: usize) -> Option<&Written> {
        self.blocks.iter().rev().find(|block| block.contains(file, at))
    }

    /// Per stream, what recovery hands over if block `last` is the last good one.
    pub fn records_to(&self, last: u64) -> Vec<Vec<Batch>> {
        let blocks = self.blocks.iter().take(last as usize).skip(NEEDED_FROM as usize - 1);
        by_stream(blocks.flat_map(|block| &block.batches))
    }
}

fn by_stream<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<Vec<Batch>> {
    let mut by_stream = vec![Vec::new(); STREAMS];
    batches.for_each(|batch| by_stream[batch.stream_id().0[0] as usize - 1].push(batch.clone()));
    by_stream
}

const JOURNAL_BEFORE: [u8; 16] = *b"the one before..";
const JOURNAL: [u8; 16] = *b"the known one...";

struct Files {
    now: Vec<Vec<u8>>,
    older: Vec<Vec<u8>>,
}

impl Files {
    fn zeroed() -> Self {
        let zeroed = vec![vec![0; FILE_BYTES]; FILES as usize];
        Self { now: zeroed.clone(), older: zeroed }
    }

    fn write(&mut self, file: u32, offset: usize, bytes: &[u8]) {
        let range = offset..offset + bytes.len();
        let file = file as usize - 1;
        self.older[file][range.clone()].copy_from_slice(&self.now[file][range.clone()]);
        self.now[file][range].copy_from_slice(bytes);
    }
}

/// Writes one journal, round and round through the files.
struct Pen {
    journal_id: [u8; 16],
    epoch: u64,
    written: Vec<Written>,
    next_seq_nums: [u64; STREAMS],
    place: (u32, usize),
}

impl Pen {
    fn new(journal_id: [u8; 16], epoch: u64) -> Self {
        Self { journal_id, epoch, written: Vec::new(), next_seq_nums: [0; STREAMS], place: (1, 0) }
    }

    /// All of all files, with small blocks.
    fn fill(&mut self, files: &mut Files) {
        for number in 1.. {
            let blocks_before = self.written.len();
            self.write(files, number * 5);
            if blocks_before > 0 && self.place.0 == 1 {
                return;
            }
        }
    }

    /// `seed` decides over what goes in.
    fn write(&mut self, files: &mut Files, seed: u64) {
        let mut block = OpenBlock::new(FILE_BYTES);
        let batches = self.batches(seed);
        batches.iter().for_each(|batch| put(&mut block, batch));
        self.place_for(block.block_bytes_if_closed());
        let closed = block.close(self.meta());
        let bytes = closed.buffers.concat();
        let header = BlockHeader::decode(&bytes).expect("just written");
        let before = files.now.clone();
        files.write(self.place.0, self.place.1, &bytes);
        self.place.1 += bytes.len();
        self.written.push(Written { header, batches, bytes, before });
    }

    fn place_for(&mut self, block_bytes: usize) {
        if self.place.1 + block_bytes > FILE_BYTES {
            self.place = (self.place.0 % FILES + 1, 0);
        }
    }

    /// None in every seventh block, which only says how far all is durable; a record of tens of KiB in another.
    fn batches(&mut self, seed: u64) -> Vec<Batch> {
        let sizes: &[usize] = match seed {
            1 | 7 | 14 => &[],
            8 => &[300, 21_000],
            _ => [&[700][..], &[90, 2500, 1200], &[1900, 600], &[5200]][seed as usize % 4],
        };
        (seed..).zip(sizes).map(|(seed, bytes)| self.batch(seed, *bytes)).collect()
    }

    fn batch(&mut self, seed: u64, bytes: usize) -> Batch {
        let stream = seed as usize % STREAMS;
        let first_seq_num = self.next_seq_nums[stream];
        let bodies = vec![body(seed + self.epoch, bytes / 3), body(seed * 31, bytes - bytes / 3)];
        self.next_seq_nums[stream] += bodies.len() as u64;
        batch(stream, first_seq_num, bodies)
    }

    fn meta(&self) -> BlockMeta {
        let number = self.written.len() as u64 + 1;
        // It lags behind by as much as the window allows, now and then, and at the end.
        let lag = if number > LAST - ABOVE { number - (LAST - ABOVE) - 1 } else { number % 3 };
        BlockMeta {
            store_id: WRITER.store_id,
            journal_id: self.journal_id,
            salt: u64::from_le_bytes(*self.journal_id.first_chunk().expect("16 bytes")),
            epoch: self.epoch,
            shard: 0,
            q: Q,
            number,
            file: self.place.0,
            offset: self.place.1 as u64,
            durable_watermark: (number - 1)
                .saturating_sub(lag)
                .max(self.written.last().map_or(0, |b| b.header.durable_watermark)),
            needed_from: if number >= NEEDED_FROM_KNOWN_IN { NEEDED_FROM } else { 1 },
            prev_header_crc: self.written.last().map_or(0, |block| block.header.header_crc),
            wall_ms: NOW_MS + number,
        }
    }
}

/// Large ones as the frame they came in, as production does.
fn put(block: &mut OpenBlock, batch: &Batch) {
    let bytes = batch.bytes();
    if bytes.len() < 8192 {
        block.append_inline(bytes);
        return;
    }
    let mut frame = aligned(align_up(bytes.len() + 16));
    frame.extend_from_slice(&[0xf0; 16]);
    frame.extend_from_slice(bytes);
    block.push_extent(frame, 16..16 + bytes.len(), crc32c::crc32c(bytes), bytes.len() as u32);
}

/// Catalog and store of the crashed process: what is no longer needed of the journal is in a chunk.
async fn around(written: &[Written]) -> (BTreeMap<Bytes, Bytes>, Vec<(String, Bytes)>) {
    let model = Arc::new(ModelRows::default());
    let catalog = [model.open(), model.open()].into_iter().last().expect("two");
    let epoch = EpochRow { node: "here".to_owned(), shards: 1, journals: vec![JOURNAL] };
    let serving = ServingRow { inherited: Vec::new() };
    let rows = [(keys::epoch(EPOCH), epoch.encode()), (keys::serving(EPOCH), serving.encode())];
    catalog.put_batch(stream_rows().into_iter().chain(rows).collect()).await.expect("the model takes it");
    let objects = Arc::new(ModelObjects::default());
    let encoder = Encoder::new(Offload::inline());
    let publisher = Publisher::new(objects.clone(), catalog, Arc::default(), encoder, WRITER);
    let published = by_stream(written.iter().take(NEEDED_FROM as usize - 1).flat_map(|block| &block.batches));
    let streams = (0..).zip(&published).filter(|(_, batches)| !batches.is_empty());
    let streams = streams.map(|(stream, batches)| chunk_stream(stream, batches)).collect();
    let id = ChunkId { epoch: EPOCH, shard: 0, lane: Lane::Express, number: 0 };
    publisher.store_chunk(ChunkInput { id, streams, compression_level: 1 }).await.expect("published");
    let stored = |name: String| (name.clone(), objects.object(&name).expect("is there"));
    (model.rows(), objects.names().into_iter().map(stored).collect())
}

/// What the next process finds beside the journal: a catalog that it has just opened, and the store.
pub async fn next_process(made: &Made) -> (Arc<dyn Catalog>, Arc<dyn Objects>) {
    let objects = ModelObjects::default();
    made.objects.iter().for_each(|(name, object)| objects.plant(name, object.clone()));
    (catalog(&made.rows, EPOCH + 1).await, Arc::new(objects))
}
