//! What accepted batches are handed to: the journal, or memory in a `memory:` store; and when it is told to go on.

use std::time::Duration;

use riverrun_protocol::batch::Ingested;

use super::acks::{DurableBlock, PendingAppend};
use super::config::ShardConfig;
use super::journal_writer::{Closed, JournalWriter};
use super::memory_writer::MemoryWriter;
use super::{Shard, Turn};
use crate::action::Action;
use crate::buffer::Slabs;
use crate::event::BatchBytes;
use crate::journal::FirstBlock;
use crate::journal::first::FIRST_NUMBER;
use crate::time::Now;

#[derive(Debug)]
pub(super) enum Writer {
    Journal(Box<JournalWriter>),
    Memory(MemoryWriter),
}

impl Writer {
    pub(super) fn new(config: &ShardConfig) -> Self {
        match config.journal {
            Some(_) => Self::Journal(Box::new(JournalWriter::new(config))),
            None => Self::Memory(MemoryWriter::default()),
        }
    }

    pub(super) fn put(
        &mut self,
        slabs: &mut Slabs,
        batch: BatchBytes<'_>,
        facts: &Ingested,
        now: Duration,
        stamp: impl FnOnce(&mut [u8]) -> PendingAppend,
    ) {
        match self {
            Self::Journal(journal) => journal.put(slabs, batch, facts, now, stamp),
            Self::Memory(memory) => memory.put(batch, facts, stamp),
        }
    }

    pub(super) fn has_room(&mut self) -> bool {
        match self {
            Self::Journal(journal) => journal.has_room(),
            Self::Memory(_) => true,
        }
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        match self {
            Self::Journal(journal) => journal.waiting_bytes(),
            Self::Memory(_) => 0,
        }
    }

    /// Nothing that was accepted is on its way any more.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Journal(journal) => journal.is_idle(),
            Self::Memory(memory) => memory.is_empty(),
        }
    }

    pub(super) fn journal(&self) -> Option<&JournalWriter> {
        match self {
            Self::Journal(journal) => Some(journal),
            Self::Memory(_) => None,
        }
    }

    pub(super) fn journal_mut(&mut self) -> Option<&mut JournalWriter> {
        match self {
            Self::Journal(journal) => Some(journal),
            Self::Memory(_) => None,
        }
    }

    pub(super) fn take_pending(&mut self) -> Vec<PendingAppend> {
        self.journal_mut().map(JournalWriter::take_pending).unwrap_or_default()
    }
}

impl Shard {
    /// The driver has made the journal's first block durable, and hands its file over with the first
    /// [`crate::event::Event::JournalFileReady`]. Before anything else happens.
    pub fn begin_journal(&mut self, first: FirstBlock) {
        let Writer::Journal(journal) = &mut self.writer else { return };
        journal.begin(first);
        self.backlog.on_block_closed(FIRST_NUMBER, u64::from(first.block_bytes), 0);
    }

    /// Hands on what waits: to as many journal writes as may be started, or to memory, where it is stable at once.
    pub(super) fn write_blocks(&mut self, turn: &mut Turn<'_>) {
        match &mut self.writer {
            Writer::Journal(_) => self.write_journal_blocks(turn),
            Writer::Memory(_) => self.settle_memory_block(turn),
        }
    }

    fn write_journal_blocks(&mut self, turn: &mut Turn<'_>) {
        while let Writer::Journal(journal) = &mut self.writer {
            let needed_from = self.backlog.needed_from(journal.next_number());
            let Some(closed) = journal.write_next(needed_from, turn.now, &mut self.stage_times, turn.actions) else {
                break;
            };
            self.on_block_closed(closed);
        }
        self.order_journal_file(turn);
    }

    fn on_block_closed(&mut self, closed: Closed) {
        self.backlog.on_block_closed(closed.number, closed.block_bytes, closed.batches);
        self.counters.block_bytes += closed.block_bytes;
        if closed.batches > 0 {
            self.counters.blocks += 1;
        } else {
            self.counters.watermark_blocks += 1;
        }
    }

    fn order_journal_file(&mut self, turn: &mut Turn<'_>) {
        if self.writer.journal_mut().is_some_and(|journal| journal.files.wants_one()) {
            turn.actions.push(Action::PrepareJournalFile);
        }
    }

    fn settle_memory_block(&mut self, turn: &mut Turn<'_>) {
        let Writer::Memory(memory) = &mut self.writer else { return };
        let Some(block) = memory.take_block() else { return };
        let bytes = block.batches.iter().map(|batch| batch.len() as u64).sum();
        let (number, batches) = (block.number, block.batches.len());
        self.backlog.on_block_closed(number, bytes, batches);
        self.on_block_durable(turn, DurableBlock { number, bytes, appends: block.appends, batches: block.batches });
    }

    pub(super) fn on_journal_file_ready(&mut self, file: u32, bytes: u64) {
        if let Some(journal) = self.writer.journal_mut() {
            journal.files.on_ready(file, bytes);
        }
    }

    /// A write came back. What it completes is acknowledged in order; a failure ends the shard (reliability.md D8).
    pub(super) fn on_block_written(&mut self, turn: &mut Turn<'_>, number: u64, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            return self.fail_shard(turn, &format!("the journal write of block {number} failed: {why}"));
        }
        if let Some(journal) = self.writer.journal_mut() {
            journal.on_written(number, turn.now);
        }
        while let Some(block) = self.pop_durable(turn.now) {
            self.on_block_durable(turn, block);
        }
        self.release_journal_files(turn);
    }

    fn pop_durable(&mut self, now: Now) -> Option<DurableBlock> {
        self.writer.journal_mut()?.pop_durable(now, &mut self.stage_times)
    }

    fn release_journal_files(&mut self, turn: &mut Turn<'_>) {
        let Some(journal) = self.writer.journal_mut() else { return };
        while let Some(file) = journal.files.pop_released(journal.durable_needed_from()) {
            turn.actions.push(Action::ReleaseJournalFile { file });
        }
    }

    /// The journal has been idle for a while: one block says how far it is durable, and what of it is still needed.
    pub(super) fn write_due_watermark(&mut self, turn: &mut Turn<'_>) {
        let Some(journal) = self.writer.journal() else { return };
        let due = journal.watermark_at(self.backlog.needed_from(journal.next_number()));
        if due.is_some_and(|at| at <= turn.now.monotonic) {
            self.write_watermark(turn);
        }
    }

    pub(super) fn write_watermark(&mut self, turn: &mut Turn<'_>) {
        let Writer::Journal(journal) = &mut self.writer else { return };
        let needed_from = self.backlog.needed_from(journal.next_number());
        if let Some(closed) = journal.write_watermark(&mut self.slabs, needed_from, turn.now, turn.actions) {
            self.on_block_closed(closed);
        }
        self.order_journal_file(turn);
    }
}
