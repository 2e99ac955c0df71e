//! One open stream: its frontiers, its records in memory, and where the rest of its history is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::config::StorageClass;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::Position;

use super::acks::PendingAck;
use super::reader::ReaderKey;
use super::slab::Key;
use crate::chunk::StreamState;
use crate::control::StreamEntry;
use crate::event::{ChunkRange, LoadedStream};

pub(super) type StreamKey = Key<Stream>;

/// An open stream. Its frontiers form chains, asserted by [`Stream::check_frontiers`]:
///
/// ```text
/// start_seq_num <= stable <= journaled <= next        published <= sealed <= journaled
/// ```
///
/// `next` is where the next batch goes (accepted batches included), `journaled` what the journal holds durably, `stable` what
/// anyone may see: `journaled` for an express stream, `published` for a standard one. `memory` holds the batches right below
/// `journaled`, without a gap: first those that are published already (the tail cache), then those in chunks on their way,
/// then those that no chunk has yet. What is below `memory` is in `chunks`.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) entry: Arc<StreamEntry>,
    /// The first sequence number that may be read (`s2-semantics.md` B5, trim point).
    pub(super) start_seq_num: u64,
    pub(super) next: Position,
    pub(super) journaled: Position,
    pub(super) stable: Position,
    pub(super) published: Position,
    /// As of the last batch that was sealed into a chunk.
    pub(super) sealed: StreamState,
    /// Whether a chunk has, or will have, the stream's entry.
    pub(super) entry_sealed: bool,
    pub(super) memory: VecDeque<MemoryBatch>,
    /// How many of `memory`, from its front, are published; and how many behind these are in chunks on their way.
    pub(super) cached_batches: usize,
    pub(super) inflight_batches: usize,
    pub(super) chunks: Vec<ChunkRange>,
    /// Readers that have seen everything below `stable` and wait for more.
    pub(super) at_tail: Vec<ReaderKey>,
    /// Journaled batches of a standard stream, not yet acknowledged.
    pub(super) awaiting_store: VecDeque<PendingAck>,
    /// Sessions, readers and waiting appends that hold this stream's key.
    pub(super) users: usize,
    /// Since the clock hand last passed by (see `streams`).
    pub(super) recently_used: bool,
    /// Set while the stream is in its lane's queue: when its oldest unsealed batch became durable.
    pub(super) unsealed_since: Option<Duration>,
}

/// A batch in memory, durable in the journal.
#[derive(Debug)]
pub(super) struct MemoryBatch {
    pub(super) batch: Batch,
    /// The block that holds it; 0 = a journal of an older epoch (recovered).
    pub(super) block: u64,
    /// Its length and its share of what surrounds it in the block: what it really pins.
    pub(super) footprint: u32,
}

impl MemoryBatch {
    /// A batch found in an older epoch's journal.
    pub(super) fn recovered(batch: Batch) -> Self {
        let footprint = u32::try_from(batch.bytes().len()).expect("a parsed batch is within BATCH_BYTES_MAX");
        Self { batch, block: 0, footprint }
    }

    fn end(&self) -> Position {
        Position { seq_num: self.batch.end_seq_num(), timestamp: self.batch.last_timestamp() }
    }
}

/// A stream's share of a chunk about to be sealed.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) state: StreamState,
    pub(super) entry: Option<Arc<StreamEntry>>,
    pub(super) batches: Vec<Bytes>,
    pub(super) bytes: u64,
    /// How many of them come from journals of older epochs.
    pub(super) inherited: usize,
}

impl Stream {
    pub(super) fn new(loaded: LoadedStream) -> Self {
        let LoadedStream { entry, state, chunks } = loaded;
        let tail = state.next;
        let stream = Self {
            start_seq_num: state.trim_point,
            next: tail,
            journaled: tail,
            stable: tail,
            published: tail,
            sealed: StreamState { stream_id: entry.id, ..state },
            entry_sealed: !chunks.is_empty(),
            memory: VecDeque::new(),
            cached_batches: 0,
            inflight_batches: 0,
            chunks,
            at_tail: Vec::new(),
            awaiting_store: VecDeque::new(),
            users: 0,
            recently_used: true,
            unsealed_since: None,
            entry,
        };
        stream.check_frontiers();
        stream
    }

    pub(super) fn target(&self) -> StreamRef {
        StreamRef { basin: self.entry.basin.clone(), stream: self.entry.name.clone() }
    }

    pub(super) fn is_standard(&self) -> bool {
        self.entry.config.storage_class == StorageClass::Standard
    }

    /// Nothing would be lost by forgetting it: everything is in the catalog and in chunks, and nobody holds its key.
    pub(super) fn is_evictable(&self) -> bool {
        self.users == 0 && self.published == self.next
    }

    /// A batch became durable in the journal. Batches arrive here in order of position.
    pub(super) fn on_journaled(&mut self, batch: MemoryBatch) {
        assert_eq!(batch.batch.first_seq_num(), self.journaled.seq_num, "blocks become durable in order");
        self.journaled = batch.end();
        self.memory.push_back(batch);
        self.next = if self.next.seq_num < self.journaled.seq_num { self.journaled } else { self.next };
        self.move_stable();
    }

    /// What of its unsealed batches goes into a chunk that has this much room; at least one batch.
    pub(super) fn seal(&mut self, room: u64) -> Share {
        let mut share = Share::default();
        let mut state = std::mem::take(&mut self.sealed);
        for batch in self.memory.iter().skip(self.cached_batches + self.inflight_batches) {
            let bytes = batch.batch.bytes().len() as u64;
            if !share.batches.is_empty() && share.bytes + bytes > room {
                break;
            }
            share.bytes += bytes;
            share.inherited += usize::from(batch.block == 0);
            share.batches.push(batch.batch.bytes().clone());
            state.next = batch.end();
            state.record_count += u64::from(batch.batch.record_count());
            state.metered_bytes += batch.batch.metered_bytes();
        }
        self.inflight_batches += share.batches.len();
        share.entry = (!self.entry_sealed).then(|| Arc::clone(&self.entry));
        self.entry_sealed = true;
        share.state = state.clone();
        self.sealed = state;
        share
    }

    pub(super) fn has_unsealed(&self) -> bool {
        self.memory.len() > self.cached_batches + self.inflight_batches
    }

    /// The oldest `batches` in flight are in the store and in the catalog.
    pub(super) fn on_published(&mut self, range: ChunkRange, batches: usize) {
        assert!(batches <= self.inflight_batches, "chunks are published in the order in which they were sealed");
        self.inflight_batches -= batches;
        self.cached_batches += batches;
        self.published = self.memory[self.cached_batches - 1].end();
        self.chunks.push(range);
        self.move_stable();
    }

    fn move_stable(&mut self) {
        self.stable = if self.is_standard() { self.published } else { self.journaled };
        self.check_frontiers();
    }

    /// Drops the oldest published batch from memory.
    pub(super) fn drop_cached(&mut self) {
        assert!(self.cached_batches > 0, "only what a chunk has may leave memory");
        self.cached_batches -= 1;
        self.memory.pop_front();
    }

    /// The batches in memory from the one on that holds this sequence number; `None` where none does.
    pub(super) fn memory_from(&self, seq_num: u64) -> Option<impl Iterator<Item = &MemoryBatch>> {
        let in_memory = (self.memory_start()..self.journaled.seq_num).contains(&seq_num);
        in_memory.then(|| self.memory.range(self.memory_index(seq_num)..))
    }

    /// Searched from the end in doubling steps: nearly everyone who reads from memory is near the tail, and there are many of
    /// them for each append.
    fn memory_index(&self, seq_num: u64) -> usize {
        let end = self.memory.len();
        let mut step = 1;
        while step < end && self.memory[end - step].batch.first_seq_num() > seq_num {
            step *= 2;
        }
        let (mut low, mut high) = (end.saturating_sub(step), end);
        while low < high {
            let middle = low.midpoint(high);
            let is_below = self.memory[middle].batch.end_seq_num() <= seq_num;
            (low, high) = if is_below { (middle + 1, high) } else { (low, middle) };
        }
        low
    }

    /// The first sequence number in memory; the tail where memory is empty.
    pub(super) fn memory_start(&self) -> u64 {
        self.memory.front().map_or(self.journaled.seq_num, |batch| batch.batch.first_seq_num())
    }

    /// The chunk that holds this sequence number, or else the next one that holds any above it.
    pub(super) fn chunk_at(&self, seq_num: u64) -> Option<&ChunkRange> {
        self.chunks.get(self.chunks.partition_point(|chunk| chunk.end_seq_num <= seq_num))
    }

    /// The one place where the chains are asserted.
    fn check_frontiers(&self) {
        let (stable, journaled, next) = (self.stable.seq_num, self.journaled.seq_num, self.next.seq_num);
        assert!(self.start_seq_num <= stable && stable <= journaled && journaled <= next, "{self:?}");
        assert!(
            self.published.seq_num <= self.sealed.next.seq_num && self.sealed.next.seq_num <= journaled,
            "{self:?}"
        );
    }
}
