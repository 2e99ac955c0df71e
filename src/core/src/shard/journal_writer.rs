//! Accepted batches on their way into the journal: filling blocks, blocks in flight, and the longest complete prefix.
//!
//! No timers (design.md 6): a block is closed when a write may be started and bytes wait, so that a quiet journal writes at
//! once and a busy one gathers, by itself, as much as arrives while the writes before it are under way.

use std::collections::VecDeque;
use std::time::Duration;

use riverrun_protocol::batch::Ingested;

use super::acks::{DurableBlock, PendingAppend};
use super::config::ShardConfig;
use super::journal_files::JournalFiles;
use super::stage_times::{Arrivals, ShardStage, StageTimes};
use crate::action::Action;
use crate::buffer::{ALIGN_BYTES, Slabs};
use crate::event::BatchBytes;
use crate::journal::first::FIRST_NUMBER;
use crate::journal::{BlockMeta, ClosedBlock, FirstBlock, OpenBlock};
use crate::limits::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_TARGET, JOURNAL_FILE_RESERVED_BYTES, JOURNAL_IDLE, JOURNAL_PLACE_WAIT_MAX,
    JOURNAL_WAITING_BYTES_MAX, JOURNAL_WRITES_INFLIGHT_MAX,
};
use crate::time::Now;

/// Block numbers form a chain: `watermark_durable <= durable < next_number`, and `next_number - durable <= q + 1`, because a
/// block leaves `inflight` only in order, however the writes complete. Recovery's window rests on that.
#[derive(Debug)]
pub(super) struct JournalWriter {
    meta: BlockMeta,
    filling: Filling,
    /// Blocks that are full, oldest first.
    full: VecDeque<Filling>,
    waiting_bytes: usize,
    room: bool,
    next_number: u64,
    inflight: VecDeque<InflightBlock>,
    /// The highest block of the longest complete prefix; 0 = none.
    durable: u64,
    /// What the block `durable` says in its header.
    durable_needed_from: u64,
    /// The highest watermark that a durable block carries.
    watermark_durable: u64,
    /// The newest block that holds batches.
    last_with_batches: u64,
    idle_since: Duration,
    /// Since when the next block has had no place in a file.
    placeless_since: Option<Duration>,
    /// It has been without one for so long that nothing more is accepted.
    out_of_space: bool,
    pub(super) files: JournalFiles,
}

/// A block that takes batches, and what is to be done when it is durable, in the same order.
#[derive(Debug)]
struct Filling {
    block: OpenBlock,
    appends: Vec<PendingAppend>,
    batch_bytes: usize,
    arrivals: Arrivals,
}

/// A block whose write was ordered.
#[derive(Debug)]
struct InflightBlock {
    block: DurableBlock,
    ordered_at: Duration,
    written_at: Option<Duration>,
    /// As in its header.
    needed_from: u64,
    watermark: u64,
}

/// What was just closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) block_bytes: u64,
    pub(super) batches: usize,
}

impl Filling {
    fn new() -> Self {
        Self {
            block: OpenBlock::new(BLOCK_BYTES_MAX - JOURNAL_FILE_RESERVED_BYTES),
            appends: Vec::new(),
            batch_bytes: 0,
            arrivals: Arrivals::default(),
        }
    }

    /// The next one to be filled, on what is left of this one's memory: blocks of large frames need little of it.
    fn successor(&mut self) -> Self {
        Self { block: self.block.successor(), appends: Vec::new(), batch_bytes: 0, arrivals: Arrivals::default() }
    }

    fn feed(&mut self, slabs: &mut Slabs, batches: usize, copied_bytes: usize, now: Duration) {
        if let Some(bytes) = self.block.memory_wanted(batches, copied_bytes) {
            self.block.give_memory(slabs.take(bytes, now));
        }
    }

    fn has_room(&self, batch: &BatchBytes<'_>) -> bool {
        let below_target = self.block.is_empty() || self.block.block_bytes_if_closed() < BLOCK_BYTES_TARGET;
        below_target
            && match batch {
                BatchBytes::Borrowed(bytes) => self.block.has_room_inline(bytes.len()),
                BatchBytes::Received { frame, .. } => self.block.has_room_extent(frame.len()),
            }
    }
}

impl JournalWriter {
    /// # Panics
    /// If the shard has no journal.
    pub(super) fn new(config: &ShardConfig) -> Self {
        let journal = config.journal.expect("a journal writer is made for a journal");
        Self {
            meta: BlockMeta {
                store_id: config.store_id,
                journal_id: journal.journal_id,
                salt: journal.salt,
                epoch: config.epoch,
                shard: config.shard,
                q: JOURNAL_WRITES_INFLIGHT_MAX as u32,
                number: 0,
                file: 0,
                offset: 0,
                durable_watermark: 0,
                needed_from: 1,
                prev_header_crc: 0,
                wall_ms: 0,
            },
            filling: Filling::new(),
            full: VecDeque::new(),
            waiting_bytes: 0,
            room: true,
            next_number: 1,
            inflight: VecDeque::new(),
            durable: 0,
            durable_needed_from: 1,
            watermark_durable: 0,
            last_with_batches: 0,
            idle_since: Duration::ZERO,
            placeless_since: None,
            out_of_space: false,
            files: JournalFiles::default(),
        }
    }

    /// The first block is durable already; this journal goes on behind it.
    pub(super) fn begin(&mut self, first: FirstBlock) {
        assert_eq!(self.next_number, FIRST_NUMBER, "a journal begins once");
        self.next_number = FIRST_NUMBER + 1;
        self.durable = FIRST_NUMBER;
        self.meta.prev_header_crc = first.header_crc;
        self.files.begin(first);
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(super) fn durable_needed_from(&self) -> u64 {
        self.durable_needed_from
    }

    /// Nothing waits and nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting_bytes == 0 && self.inflight.is_empty()
    }

    /// Whether another batch may be accepted: not while the disk has no room for those that were. Once full, the queue has room
    /// again at half.
    pub(super) fn has_room(&mut self) -> bool {
        let limit = if self.room { JOURNAL_WAITING_BYTES_MAX } else { JOURNAL_WAITING_BYTES_MAX / 2 };
        self.room = self.waiting_bytes < limit;
        self.room && !self.out_of_space
    }

    /// Puts a checked batch into the block being filled; `stamp` writes the server's part on it and says what is to be done when
    /// it is durable.
    pub(super) fn put(
        &mut self,
        slabs: &mut Slabs,
        batch: BatchBytes<'_>,
        facts: &Ingested,
        now: Duration,
        stamp: impl FnOnce(&mut [u8]) -> PendingAppend,
    ) {
        if !self.filling.has_room(&batch) {
            let next = self.filling.successor();
            let full = std::mem::replace(&mut self.filling, next);
            self.full.push_back(full);
        }
        let filling = &mut self.filling;
        filling.feed(slabs, 1, batch.copied_bytes(), now);
        let append = match batch {
            BatchBytes::Borrowed(bytes) => stamp(filling.block.append_inline(bytes)),
            BatchBytes::Received { mut frame, batch } => {
                let append = stamp(&mut frame[batch.clone()]);
                filling.block.push_extent(frame, batch, facts.payload_crc, facts.payload_bytes);
                append
            }
        };
        filling.appends.push(append);
        filling.arrivals.add(now);
        filling.batch_bytes += facts.batch_bytes;
        self.waiting_bytes += facts.batch_bytes;
    }

    /// Orders the next write if one may be started and batches wait for it.
    pub(super) fn write_next(
        &mut self,
        needed_from: u64,
        now: Now,
        times: &mut StageTimes,
        actions: &mut Vec<Action>,
    ) -> Option<Closed> {
        if self.waiting_bytes == 0 || self.inflight.len() >= JOURNAL_WRITES_INFLIGHT_MAX {
            return None;
        }
        let next = self.full.front().unwrap_or(&self.filling).block.block_bytes_if_closed();
        let Some(place) = self.files.place(self.next_number, next as u64) else {
            self.placeless_since.get_or_insert(now.monotonic);
            return None;
        };
        (self.placeless_since, self.out_of_space) = (None, false);
        let meta = self.meta(place, needed_from, now);
        let mut full = self.full.pop_front();
        let filling = full.as_mut().unwrap_or(&mut self.filling);
        let closed = filling.block.close(meta);
        let appends = std::mem::take(&mut filling.appends);
        filling.arrivals.end(now.monotonic, times);
        self.waiting_bytes -= std::mem::take(&mut filling.batch_bytes);
        self.last_with_batches = closed.number;
        Some(self.order(meta, closed, appends, now, actions))
    }

    /// Orders a block without batches, which says how far the journal is known durable and what of it is still needed; `None` if
    /// it has no place now. Where batches wait for a place and nothing else is needed it makes one.
    pub(super) fn write_watermark(
        &mut self,
        slabs: &mut Slabs,
        needed_from: u64,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> Option<Closed> {
        assert!(self.inflight.is_empty(), "a block behind others carries no news that they do not");
        let is_idle = self.is_idle();
        let place = self.files.place_empty(self.next_number, self.needs_nothing(needed_from), !is_idle)?;
        let meta = self.meta(place, needed_from, now);
        if is_idle {
            self.filling.feed(slabs, 0, 0, now.monotonic);
        }
        let closed = if is_idle { self.filling.block.close(meta) } else { OpenBlock::new(ALIGN_BYTES).close(meta) };
        Some(self.order(meta, closed, Vec::new(), now, actions))
    }

    fn meta(&self, (file, offset): (u32, u64), needed_from: u64, now: Now) -> BlockMeta {
        BlockMeta {
            number: self.next_number,
            file,
            offset,
            durable_watermark: self.durable,
            needed_from,
            wall_ms: now.wall_ms,
            ..self.meta
        }
    }

    fn order(
        &mut self,
        meta: BlockMeta,
        closed: ClosedBlock,
        appends: Vec<PendingAppend>,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> Closed {
        let BlockMeta { number, file, offset, needed_from, durable_watermark: watermark, .. } = meta;
        self.next_number += 1;
        self.meta.prev_header_crc = closed.header_crc;
        let (block_bytes, batches) = (u64::from(closed.block_bytes), closed.batches.len());
        actions.push(Action::WriteBlock { number, file, offset, buffers: closed.buffers });
        let block = DurableBlock { number, bytes: block_bytes, appends, batches: closed.batches };
        let (ordered_at, written_at) = (now.monotonic, None);
        self.inflight.push_back(InflightBlock { block, ordered_at, written_at, needed_from, watermark });
        Closed { number, block_bytes, batches }
    }

    pub(super) fn on_written(&mut self, number: u64, now: Now) {
        let block = self.inflight.iter_mut().find(|inflight| inflight.block.number == number);
        block.expect("every write is answered once").written_at = Some(now.monotonic);
        self.idle_since = now.monotonic;
    }

    /// Takes out the next block of the complete prefix: it is durable. Never one behind a block that is not, however many of
    /// them are written: recovery stops at the first gap.
    pub(super) fn pop_durable(&mut self, now: Now, times: &mut StageTimes) -> Option<DurableBlock> {
        let written_at = self.inflight.front()?.written_at?;
        let InflightBlock { block, needed_from, watermark, ordered_at, .. } = self.inflight.pop_front()?;
        times.note(ShardStage::JournalWrite, written_at.saturating_sub(ordered_at), block.batches.len());
        times.note(ShardStage::JournalOrder, now.monotonic.saturating_sub(written_at), block.batches.len());
        self.durable = block.number;
        self.durable_needed_from = needed_from;
        self.watermark_durable = watermark;
        // None of its batches is needed, so that it has none, and nothing is behind it.
        if needed_from == self.durable && self.next_number == self.durable + 1 && block.appends.is_empty() {
            self.files.rewind(self.durable);
        }
        Some(block)
    }

    /// When a watermark block is due, if nothing else happens: the newest batches are above every watermark on disk, so that
    /// recovery could take damage to them for a torn tail; or `needed_from` has moved so far that saying so frees a file.
    pub(super) fn watermark_at(&self, needed_from: u64) -> Option<Duration> {
        if self.would_make_place(needed_from) {
            return Some(self.idle_since);
        }
        let ambiguous = self.watermark_durable < self.last_with_batches;
        let frees = needed_from > self.durable_needed_from && self.files.would_release(needed_from);
        let possible = self.is_idle() && self.files.has_empty_place(self.needs_nothing(needed_from));
        (possible && (ambiguous || frees)).then(|| self.idle_since + JOURNAL_IDLE)
    }

    /// Everything before the next block is published.
    fn needs_nothing(&self, needed_from: u64) -> bool {
        needed_from == self.next_number
    }

    /// Batches wait because no file has room for them, and a block that says `needed_from` has a place and would give a file back,
    /// or let the one that is full be filled again: nothing in it is needed any more. The latter always has a place, and comes
    /// in the end: while batches wait for a place, everything durable is published at once.
    fn would_make_place(&self, needed_from: u64) -> bool {
        self.placeless_since.is_some()
            && self.inflight.is_empty()
            && needed_from > self.durable_needed_from
            && (self.needs_nothing(needed_from) || self.files.would_release(needed_from))
            && self.files.has_empty_place(self.needs_nothing(needed_from))
    }

    /// Accepted batches wait for room on the disk. What is published makes some.
    pub(super) fn lacks_place(&self) -> bool {
        self.placeless_since.is_some()
    }

    /// When nothing more is to be accepted, if the next block still has no place then.
    pub(super) fn out_of_space_at(&self) -> Option<Duration> {
        let since = self.placeless_since.filter(|_| !self.out_of_space)?;
        Some(since + JOURNAL_PLACE_WAIT_MAX)
    }

    /// Whether the next block has had no place for too long.
    pub(super) fn check_space(&mut self, now: Duration) -> bool {
        self.out_of_space |= self.out_of_space_at().is_some_and(|at| at <= now);
        self.out_of_space
    }

    /// The final block of a clean stop says that nothing is needed (unless the journal never held anything). It always has a
    /// place: what is behind the last batches are empty blocks, so that nothing before it is needed, not even these.
    pub(super) fn final_watermark_due(&self, needed_from: u64) -> bool {
        self.last_with_batches > 0
            && (self.watermark_durable < self.last_with_batches || self.durable_needed_from <= self.last_with_batches)
            && needed_from > self.last_with_batches
    }

    /// Everything accepted and not yet durable; for the end after a failure.
    pub(super) fn take_pending(&mut self) -> Vec<PendingAppend> {
        let inflight = std::mem::take(&mut self.inflight).into_iter().flat_map(|inflight| inflight.block.appends);
        let full = std::mem::take(&mut self.full).into_iter().flat_map(|full| full.appends);
        let filling = std::mem::take(&mut self.filling.appends);
        self.waiting_bytes = 0;
        inflight.chain(full).chain(filling).collect()
    }
}
