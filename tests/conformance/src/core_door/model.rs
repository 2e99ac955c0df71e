//! Models of the catalog and of the store: what is written is there, in order and at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::action::{LoadCause, PagesFrom, PagesOrder};
use riverrun_core::chunk::{ChunkId, ChunkInput, ChunkStream, StoredChunk, StreamState};
use riverrun_core::control::{self, BasinEntry, Fresh, SYSTEM_DEFAULTS, StreamEntry, keys};
use riverrun_core::event::{ChunkRange, Event, LoadFailure, Loaded, LoadedStream};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, StreamId};

#[derive(Debug, Default)]
pub(super) struct Model {
    /// By their keys in the catalog, so that listings are scans.
    pub(super) basins: BTreeMap<Bytes, BasinEntry>,
    pub(super) streams: BTreeMap<Bytes, StreamEntry>,
    /// What chunks hold of each stream.
    stored: BTreeMap<StreamId, (StreamState, Vec<ChunkRange>)>,
    chunks: BTreeMap<ChunkId, Arc<ChunkInput>>,
    last_id: u64,
}

impl Model {
    pub(super) fn basin(&self, name: &BasinName) -> Option<&BasinEntry> {
        self.basins.get(&keys::basin(name))
    }

    pub(super) fn stream(&self, target: &StreamRef) -> Option<&StreamEntry> {
        self.streams.get(&keys::stream(&target.basin, &target.stream))
    }

    pub(super) fn put_basin(&mut self, entry: BasinEntry) {
        self.basins.insert(keys::basin(&entry.name), entry);
    }

    pub(super) fn put_stream(&mut self, entry: StreamEntry) {
        self.streams.insert(keys::stream(&entry.basin, &entry.name), entry);
    }

    pub(super) fn fresh(&mut self, now_ms: u64) -> Fresh {
        self.last_id += 1;
        let mut id = [7; 16];
        id[..8].copy_from_slice(&self.last_id.to_be_bytes());
        Fresh { id: StreamId(id), now_ms }
    }

    /// Finds the stream or creates it on first use (`s2-semantics.md` E7).
    pub(super) fn load_stream(
        &mut self,
        target: &StreamRef,
        cause: LoadCause,
        now_ms: u64,
    ) -> Result<LoadedStream, LoadFailure> {
        let fresh = self.fresh(now_ms);
        let (basin, stream) = (self.basin(&target.basin), self.stream(target));
        let verdict = control::find_or_create(basin, stream, target, cause, &SYSTEM_DEFAULTS, fresh)?;
        if verdict.is_to_be_written() {
            self.put_stream(verdict.entry.clone());
        }
        let (state, chunks) = self.stored.get(&verdict.entry.id).cloned().unwrap_or_default();
        // Of one that was never written the age counts from its creation (E8).
        let quiet_since_ms = chunks.is_empty().then_some(verdict.entry.created_at_ms);
        Ok(LoadedStream { entry: Arc::new(verdict.entry), state, chunks, quiet_since_ms })
    }

    pub(super) fn store(&mut self, chunk: &Arc<ChunkInput>) -> Event<'static> {
        let mut raw_bytes = 0;
        for part in &chunk.streams {
            let batches: Vec<Batch> = part.batches.iter().map(parse).collect();
            let (first, last) = (batches.first().expect("no empty part"), batches.last().expect("no empty part"));
            let range = ChunkRange {
                chunk: chunk.id,
                first_seq_num: first.first_seq_num(),
                end_seq_num: last.end_seq_num(),
                first_timestamp: first.first_timestamp(),
                last_timestamp: last.last_timestamp(),
            };
            let (state, chunks) = self.stored.entry(part.state.stream_id).or_default();
            assert_eq!(state.next.seq_num, range.first_seq_num, "a stream's chunks follow each other");
            *state = part.state.clone();
            chunks.push(range);
            raw_bytes += part.batches.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        }
        self.chunks.insert(chunk.id, Arc::clone(chunk));
        let outcome = Ok(StoredChunk { id: chunk.id, object_bytes: raw_bytes, raw_bytes });
        Event::ChunkStored { chunk: chunk.id, outcome }
    }

    pub(super) fn load_pages(&self, order: &PagesOrder) -> Vec<Loaded> {
        let chunk = &self.chunks[&order.chunk];
        let is_it = |part: &&ChunkStream| part.state.stream_id == order.stream_id;
        let part = chunk.streams.iter().find(is_it).expect("a stream of this chunk");
        let wanted = part.batches.iter().map(parse).filter(|batch| match order.from {
            PagesFrom::SeqNum(seq_num) => batch.end_seq_num() > seq_num,
            PagesFrom::Timestamp(timestamp) => batch.last_timestamp() >= timestamp,
        });
        let mut bytes = 0;
        let fits = |batch: &Batch| {
            let is_first = bytes == 0;
            bytes += batch.bytes().len();
            is_first || bytes <= order.bytes_max
        };
        wanted.take_while(fits).map(Loaded::Batch).collect()
    }

    pub(super) fn forget(&mut self, id: StreamId) {
        self.streams.retain(|_, entry| entry.id != id);
        self.stored.remove(&id);
    }
}

fn parse(bytes: &Bytes) -> Batch {
    Batch::parse(bytes.clone()).expect("a shard publishes sound batches")
}
