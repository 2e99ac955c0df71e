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
use super::commands::{Effects, Fence};
use super::deletion::Life;
use super::reader::ReaderKey;
use super::slab::Key;
use crate::chunk::StreamState;
use crate::control::StreamEntry;
use crate::event::{ChunkRange, LoadedStream};
use crate::time::Now;

pub(super) type StreamKey = Key<Stream>;

/// An open stream. Its frontiers form chains, asserted by [`Stream::check_frontiers`]:
///
/// ```text
/// start_seq_num <= stable <= journaled <= next        published <= sealed <= journaled
/// ```
///
/// `next` is where the next batch goes (accepted batches included), `journaled` what the journal holds durably, `stable` what
/// anyone may see: `journaled` for an express stream, `published` for a standard one (see `recovered`). `memory` holds the batches right below
/// `journaled`, without a gap: first those that are published already (the tail cache), then those in chunks on their way,
/// then those that no chunk has yet. What is below `memory` is in `chunks`.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) entry: Arc<StreamEntry>,
    /// The class in effect, which follows the entry's when nothing is unpublished (`s2-semantics.md` A7): what was promised for
    /// records on their way holds for them.
    pub(super) class: StorageClass,
    pub(super) life: Life,
    /// By the wall clock; a stream that was never written to: when it was created.
    pub(super) last_write_ms: u64,
    /// The same by the clock that does not jump, where this process wrote it.
    pub(super) last_put: Option<Duration>,
    /// Everything below it has expired, stable or not.
    pub(super) expired_to: u64,
    pub(super) fence: Fence,
    /// The first sequence number that may be read (`s2-semantics.md` B5, trim point).
    pub(super) start_seq_num: u64,
    pub(super) next: Position,
    pub(super) journaled: Position,
    pub(super) stable: Position,
    pub(super) published: Position,
    /// Everything below is stable whatever the class: found by recovery, it may have been acknowledged under another one.
    recovered: Position,
    /// Of journaled batches with trims, in order: when everything below the first is stable, the trim point is the second.
    pending_trims: VecDeque<(u64, u64)>,
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
    /// When they were last woken, and since when they should be again: see `pacing`.
    pub(super) woken_at: Duration,
    pub(super) held_since: Option<Duration>,
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
        let LoadedStream { entry, state, chunks, quiet_since_ms } = loaded;
        let tail = state.next;
        let mut stream = Self {
            class: entry.config.storage_class,
            life: if entry.deleted_at_ms.is_some() { Life::Closed { calls: Vec::new() } } else { Life::Open },
            last_write_ms: quiet_since_ms.unwrap_or(entry.created_at_ms),
            expired_to: 0,
            last_put: None,
            fence: Fence::of(&state),
            start_seq_num: 0,
            recovered: Position::default(),
            pending_trims: VecDeque::new(),
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
            woken_at: Duration::ZERO,
            held_since: None,
            awaiting_store: VecDeque::new(),
            users: 0,
            recently_used: true,
            unsealed_since: None,
            entry,
        };
        stream.raise_start(stream.sealed.trim_point);
        stream.check_frontiers();
        stream
    }

    /// A batch that recovery found in an older epoch's journal.
    pub(super) fn on_recovered(&mut self, batch: MemoryBatch) {
        self.last_write_ms = self.last_write_ms.max(batch.batch.arrival_ms());
        self.set_fence(Effects::of_batch(&batch.batch));
        self.on_journaled(batch);
    }

    /// Recovery has no more. Nothing says under which class a batch was accepted: where the stream was ever reconfigured, all may
    /// have been acknowledged, and what was acknowledged must not vanish from sight.
    pub(super) fn end_recovery(&mut self) {
        if self.entry.config_version > 0 {
            self.recovered = self.journaled;
        }
        self.move_stable();
    }

    pub(super) fn target(&self) -> StreamRef {
        StreamRef { basin: self.entry.basin.clone(), stream: self.entry.name.clone() }
    }

    pub(super) fn is_standard(&self) -> bool {
        self.class == StorageClass::Standard
    }

    /// Everything is in the catalog and in chunks.
    pub(super) fn is_published(&self) -> bool {
        self.published == self.next
    }

    /// Nothing would be lost by forgetting it: that it is closed would be, and nobody may hold its key.
    pub(super) fn is_evictable(&self) -> bool {
        self.users == 0 && self.is_published() && self.is_open()
    }

    /// A batch is about to get its numbers.
    pub(super) fn on_put(&mut self, now: Now) {
        self.recently_used = true;
        self.last_write_ms = self.last_write_ms.max(now.wall_ms);
        self.last_put = Some(now.monotonic);
        self.adopt_class();
    }

    fn adopt_class(&mut self) {
        if self.is_published() {
            self.class = self.entry.config.storage_class;
        }
    }

    /// Tells nothing where the entry is another stream's, or older than the one that is known.
    pub(super) fn reconfigure(&mut self, entry: Arc<StreamEntry>) {
        if entry.id == self.entry.id && entry.config_version > self.entry.config_version {
            self.entry = entry;
            self.adopt_class();
        }
    }

    /// In effect for the next batch, stable or not (`s2-semantics.md` B4).
    pub(super) fn set_fence(&mut self, effects: Effects) {
        if let Some(fence) = effects.fence {
            self.fence = fence;
        }
    }

    /// A batch became durable in the journal. Batches arrive here in order of position.
    pub(super) fn on_journaled(&mut self, batch: MemoryBatch) {
        assert_eq!(batch.batch.first_seq_num(), self.journaled.seq_num, "blocks become durable in order");
        self.journaled = batch.end();
        if batch.batch.has_commands() {
            self.pending_trims.push_back((batch.end().seq_num, Effects::of_batch(&batch.batch).trim_point));
        }
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
            if batch.batch.has_commands() {
                Effects::of_batch(&batch.batch).apply_to(&mut state);
            }
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
        self.drop_removed_chunks();
    }

    fn move_stable(&mut self) {
        self.stable = match self.class {
            StorageClass::Express => self.journaled,
            StorageClass::Standard if self.published.seq_num < self.recovered.seq_num => self.recovered,
            StorageClass::Standard => self.published,
        };
        let stable = self.stable.seq_num;
        while let Some((_, trim_point)) = self.pending_trims.front().copied().filter(|(end, _)| *end <= stable) {
            self.pending_trims.pop_front();
            self.raise_start(trim_point);
        }
        // A standard stream may hear of an expiry before it hears that the chunk with those records is stored.
        if self.start_seq_num < self.expired_to {
            self.raise_start(self.expired_to);
        }
        self.check_frontiers();
    }

    /// What expired, the catalog says (design.md 6). It is removed for good: the next chunk's state record says so too.
    /// A state record speaks of the batches up to it and of nothing behind them: were those lost with their journal, their numbers
    /// would be given out again, below the trim point.
    pub(super) fn on_expired(&mut self, start_seq_num: u64) {
        // What has expired was in a chunk, and so in the journal before that.
        self.expired_to = self.expired_to.max(start_seq_num.min(self.journaled.seq_num));
        self.raise_start(start_seq_num);
        self.sealed.trim_point = self.sealed.trim_point.max(start_seq_num.min(self.sealed.next.seq_num));
    }

    /// Never lower, and never above what is stable.
    fn raise_start(&mut self, seq_num: u64) {
        self.start_seq_num = self.start_seq_num.max(seq_num.min(self.stable.seq_num));
        self.drop_removed_chunks();
    }

    fn drop_removed_chunks(&mut self) {
        let removed = self.chunks.partition_point(|chunk| chunk.end_seq_num <= self.start_seq_num);
        self.chunks.drain(..removed);
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
