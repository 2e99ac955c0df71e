//! Models of the object store and the catalog, checking every chunk that they are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_protocol::batch::{Batch, Command};
use riverrun_protocol::config::{Retention, StorageClass, StreamConfig};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::CompressedPage;
use riverrun_protocol::types::{BasinName, Position, StreamId, StreamName};

use crate::action::{LoadCause, PagesFrom, PagesOrder};
use crate::chunk::{ChunkId, ChunkInput, ChunkStream, Lane, StoredChunk, StreamState};
use crate::control::{SYSTEM_DEFAULTS, StreamEntry};
use crate::event::{ChunkRange, LoadFailure, Loaded, LoadedStream, RecoveredStream};

/// So that a page has a middle.
const BATCHES_PER_PAGE: usize = 2;

/// Not compressed: nobody opens it but the model of the client.
fn page_of(batches: &[Batch]) -> Loaded {
    let raw: Vec<u8> = batches.iter().map(|batch| &batch.bytes()[..]).collect::<Vec<_>>().concat();
    Loaded::Page(CompressedPage {
        raw_bytes: raw.len() as u32,
        crc: 0,
        first_seq_num: batches[0].first_seq_num(),
        end_seq_num: batches[batches.len() - 1].end_seq_num(),
        stored: raw.into(),
    })
}

/// At least one.
fn up_to(bytes_max: usize, pieces: impl Iterator<Item = Loaded>) -> Vec<Loaded> {
    let mut bytes = 0;
    let fits = |piece: &Loaded| {
        let is_first = bytes == 0;
        bytes += piece.held_bytes();
        is_first || bytes <= bytes_max
    };
    pieces.take_while(fits).collect()
}

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) chunks: BTreeMap<ChunkId, ChunkInput>,
    /// Indexed chunks only.
    pub(super) streams: BTreeMap<(String, String), LoadedStream>,
    /// Basins, and whether appends and reads create streams.
    pub(super) basins: BTreeMap<String, (bool, bool)>,
    streams_created: u8,
    /// What tests say has expired, of any stream.
    pub(super) expired_to: u64,
}

impl Store {
    pub(super) fn create_stream(&mut self, basin: &str, name: &str, storage_class: StorageClass) -> StreamId {
        self.streams_created += 1;
        let id = StreamId([self.streams_created; 16]);
        let entry = Arc::new(StreamEntry {
            id,
            basin: BasinName::new(basin).unwrap(),
            name: StreamName::new(name).unwrap(),
            created_at_ms: 1,
            placement: 0,
            config: StreamConfig { storage_class, retention: Retention::Infinite, ..SYSTEM_DEFAULTS },
            config_version: 0,
            deleted_at_ms: None,
            creation: None,
        });
        let loaded = LoadedStream { entry, state: StreamState::default(), chunks: Vec::new(), quiet_since_ms: None };
        self.streams.insert((basin.to_owned(), name.to_owned()), loaded);
        id
    }

    pub(super) fn load_stream(&mut self, target: &StreamRef, cause: LoadCause) -> Result<LoadedStream, LoadFailure> {
        let (basin, name) = (target.basin.to_string(), target.stream.to_string());
        let (on_append, on_read) = *self.basins.get(&basin).ok_or(LoadFailure::BasinNotFound)?;
        let creates = match cause {
            LoadCause::Append => on_append,
            LoadCause::Read => on_read,
            LoadCause::Close => false,
        };
        let key = (basin.clone(), name.clone());
        if !self.streams.contains_key(&key) && creates {
            self.create_stream(&basin, &name, StorageClass::Express);
        }
        let loaded = self.streams.get(&key).cloned().ok_or(LoadFailure::StreamNotFound)?;
        match loaded.entry.deleted_at_ms {
            Some(_) => Err(LoadFailure::StreamDeletionPending),
            None => Ok(loaded),
        }
    }

    /// A real store keeps bytes of its own.
    pub(super) fn let_go_of_memory(&mut self) {
        let batches =
            self.chunks.values_mut().flat_map(|chunk| &mut chunk.streams).flat_map(|stream| &mut stream.batches);
        batches.for_each(|batch| *batch = Bytes::copy_from_slice(batch));
    }

    /// Stores the chunk and indexes it.
    pub(super) fn put(&mut self, chunk: &ChunkInput) -> StoredChunk {
        let sequence = self.chunks.keys().filter(|id| (id.epoch, id.lane) == (chunk.id.epoch, chunk.id.lane)).count();
        if let Some(stored) = self.chunks.get(&chunk.id) {
            assert_eq!(stored, chunk, "a retry stores the same bytes under the same name");
        } else {
            assert!(!chunk.streams.is_empty(), "a chunk is never empty");
            self.chunks.insert(chunk.id, chunk.clone());
            self.index_complete(chunk.id, sequence as u64);
        }
        let raw_bytes = chunk.streams.iter().flat_map(|stream| &stream.batches).map(|batch| batch.len() as u64).sum();
        StoredChunk { id: chunk.id, object_bytes: raw_bytes / 3, raw_bytes }
    }

    /// The catalog holds a sequence without a gap: a chunk is indexed when all before it are.
    fn index_complete(&mut self, id: ChunkId, _stored: u64) {
        let indexed = |number: u64| self.chunks.contains_key(&ChunkId { number, ..id });
        if !(0..id.number).all(indexed) {
            return;
        }
        let mut number = id.number;
        while let Some(chunk) = self.chunks.get(&ChunkId { number, ..id }).cloned() {
            self.index(&chunk);
            number += 1;
        }
    }

    fn index(&mut self, chunk: &ChunkInput) {
        for part in &chunk.streams {
            let known = self.streams.values_mut().find(|known| known.entry.id == part.state.stream_id);
            let known = known.expect("chunks hold streams that the catalog has");
            assert_eq!(part.entry.is_some(), known.chunks.is_empty(), "the first chunk has the stream's entry");
            let batches: Vec<Batch> = part.batches.iter().map(|batch| Batch::parse(batch.clone()).unwrap()).collect();
            let mut state = known.state.clone();
            state.stream_id = part.state.stream_id;
            for batch in &batches {
                batch.verify_payload().unwrap();
                assert_eq!(batch.stream_id(), part.state.stream_id);
                assert_eq!(batch.first_seq_num(), state.next.seq_num, "a stream's batches follow each other");
                state.next = Position { seq_num: batch.end_seq_num(), timestamp: batch.last_timestamp() };
                state.record_count += u64::from(batch.record_count());
                state.metered_bytes += batch.metered_bytes();
                for (seq_num, command) in batch.commands() {
                    match command {
                        Command::Fence(token) => state.fencing_token = token.as_bytes().to_vec(),
                        Command::Trim(earliest) => state.trim_point = state.trim_point.max(earliest.min(seq_num + 1)),
                    }
                }
            }
            // What expired is no command.
            state.trim_point = state.trim_point.max(part.state.trim_point.min(self.expired_to));
            assert_eq!(part.state, state, "the state record is the one after the chunk");
            let standard = known.entry.config.storage_class == StorageClass::Standard;
            let was_always = known.entry.config_version == 0;
            assert!(!was_always || (chunk.id.lane == Lane::Standard) == standard, "each class has its lane");
            known.state = state;
            known.chunks.push(ChunkRange {
                chunk: chunk.id,
                first_seq_num: batches[0].first_seq_num(),
                end_seq_num: part.state.next.seq_num,
                first_timestamp: batches[0].first_timestamp(),
                last_timestamp: part.state.next.timestamp,
            });
        }
    }

    pub(super) fn by_id(&self, id: StreamId) -> &LoadedStream {
        self.streams.values().find(|stream| stream.entry.id == id).expect("a known stream")
    }

    /// Whether the batch is in an indexed chunk.
    pub(super) fn has(&self, batch: &Batch) -> bool {
        batch.end_seq_num() <= self.by_id(batch.stream_id()).state.next.seq_num
    }

    pub(super) fn load_pages(&self, order: &PagesOrder) -> Vec<Loaded> {
        let batches = self.batches_of(order);
        let pages = batches.chunks(BATCHES_PER_PAGE).map(page_of).filter(|page| match order.from {
            PagesFrom::SeqNum(seq_num) => page.end_seq_num() > seq_num,
            PagesFrom::Timestamp(_) => false,
        });
        let pages: Vec<Loaded> = up_to(order.bytes_max, pages);
        let begins_at_start = pages.first().is_some_and(|page| order.from == PagesFrom::SeqNum(page.first_seq_num()));
        if order.as_stored && begins_at_start {
            return pages;
        }
        let wanted = batches.into_iter().filter(|batch| match order.from {
            PagesFrom::SeqNum(seq_num) => batch.end_seq_num() > seq_num,
            PagesFrom::Timestamp(timestamp) => batch.last_timestamp() >= timestamp,
        });
        up_to(order.bytes_max, wanted.map(Loaded::Batch))
    }

    fn batches_of(&self, order: &PagesOrder) -> Vec<Batch> {
        let chunk = &self.chunks[&order.chunk];
        let is_it = |part: &&ChunkStream| part.state.stream_id == order.stream_id;
        let part = chunk.streams.iter().find(is_it).expect("a stream of this chunk");
        part.batches.iter().map(|batch| Batch::parse(batch.clone()).unwrap()).collect()
    }

    /// What recovery hands to the next epoch's shard, given the batches found in the journal.
    pub(super) fn recover(&self, found: Vec<Batch>) -> Vec<RecoveredStream> {
        let mut recovered: BTreeMap<StreamId, RecoveredStream> = BTreeMap::new();
        for batch in found {
            if self.has(&batch) {
                continue;
            }
            let stream = recovered.entry(batch.stream_id()).or_insert_with(|| {
                let stream = self.by_id(batch.stream_id()).clone();
                RecoveredStream { stream, unpublished: Vec::new() }
            });
            let next = stream.unpublished.last().map_or(stream.stream.state.next.seq_num, Batch::end_seq_num);
            assert_eq!(batch.first_seq_num(), next, "the journal has every batch that the store has not");
            stream.unpublished.push(batch);
        }
        recovered.into_values().collect()
    }
}
