//! The state machine of one core.
//!
//! The route of an append: `request` -> `append` (checked, numbered, stamped) -> `writer` (the journal's blocks) ->
//! `acks` (stable: acknowledged, readers woken) -> `sealing` and `publishing` (chunks). The route of a read: `read`
//! (where it starts) -> `serve` (whose turn it is) -> `take` (which records) from memory or `history` -> `follow` (at the
//! tail). `load` brings streams in that are not in memory.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::action::Action;
use crate::buffer::Slabs;
use crate::event::{Event, RecoveredStream};
use crate::limits::CHUNK_RAW_BYTES_MAX;
use crate::time::Now;

pub use config::{JournalConfig, ShardConfig};
pub use counters::{Counter, CounterKind, ShardCounters};
pub use stage_times::{ShardStage, StageTime};

mod config;
mod counters;

mod append;
mod append_session;
mod check_tail;
mod conditions;
mod deletion;
mod drain;
mod failure;
mod flow;
mod load;
mod reconfigure;
mod refusals;
mod request;
mod rights;

mod acks;
mod backlog;
mod commands;
mod journal_files;
mod journal_writer;
mod lanes;
mod memory_writer;
mod publishing;
mod sealing;
mod stage_times;
mod timestamps;
mod writer;

mod follow;
mod history;
mod lag;
mod read;
mod read_session;
mod reader;
mod removed;
mod serve;
mod single_read;
mod take;

mod connection;
mod output;
mod pacing;
mod scattered;
mod slab;
mod stalled;
mod stream;
mod streams;
mod tail_cache;
mod timers;
mod untaken;

#[cfg(test)]
mod tests;

/// Everything one core knows and decides: the streams of its partition, their records that no chunk has yet, the sessions on
/// them. It does no I/O, reads no clock and waits for nothing: facts come in by [`Shard::handle`], orders go out.
///
/// A driver's turn: `handle` for each thing that happened, then one `flush`, then it executes the actions in order, then sleeps
/// until something happens or [`Shard::next_timeout`] is reached ([`Event::TimeoutReached`]). All `now`s of a turn are the same.
///
/// What must hold at all times:
/// - per stream `start_pos <= stable_pos <= next_pos` (see `Stream`), and only what is stable is shown to anyone;
/// - blocks become durable in order of number, chunks become published in order of number;
/// - no acknowledgement after a failure;
/// - the same events give the same actions: nothing depends on a hash's order, a pointer or the time of day.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
    /// Of the turn in progress.
    now: Duration,
    counters: ShardCounters,
    stage_times: stage_times::StageTimes,

    connections: connection::Connections,
    append_sessions: slab::Slab<append_session::AppendSession>,
    readers: slab::Slab<reader::Reader>,
    streams: streams::Streams,
    loads: load::Loads,

    writer: writer::Writer,
    /// What is received and written lies here.
    slabs: Slabs,
    backlog: backlog::Backlog,
    lanes: lanes::Lanes,
    tail_cache: tail_cache::TailCache,
    /// Recovered batches that no chunk of this epoch has or will have yet.
    inherited_unsealed: usize,
    inherited_reported: bool,

    /// Appends that wait for room, over all connections in order of arrival.
    waiting_appends: VecDeque<append::WaitingAppend>,
    /// Of these, and of appends that wait for their stream.
    waiting_bytes: usize,
    flow_noted: Vec<connection::ConnectionKey>,
    held_refusals: refusals::HeldRefusals,
    /// Streams that the catalog says are deleted, and that are not gone yet.
    deleted: Vec<stream::StreamKey>,

    /// Connections with readers that can go on.
    round: VecDeque<connection::ConnectionKey>,
    followers: usize,
    pacing: pacing::Pacing,
    timers: timers::Timers,
    page_loads_inflight: usize,
    page_queue: VecDeque<reader::ReaderKey>,
    /// Loaded pages, over all readers, and who holds any.
    loaded_bytes: usize,
    holders: BTreeSet<reader::ReaderKey>,
    /// Given and not taken, over all connections.
    output_bytes: u64,
    /// So much slabs held besides when the cache had become empty.
    scattered_in_vain_bytes: u64,
    stalled_look_at: Duration,

    frame_bytes: output::FrameBytes,
    /// One generator per purpose, so that one more heartbeat does not move a retry.
    heartbeat_chance: StdRng,
    retry_chance: StdRng,

    draining: bool,
    drained: bool,
    failed: bool,
}

/// What is the same for everything that happens in one turn.
struct Turn<'a> {
    now: Now,
    actions: &'a mut Vec<Action>,
}

impl Shard {
    /// `recovered`: the streams that have durable records in no chunk yet; these are stable at once (those of a stream that was
    /// always standard when they are stored), and published first.
    ///
    /// # Panics
    /// If a budget is beyond what the formats hold.
    pub fn new(config: ShardConfig, recovered: Vec<RecoveredStream>, seed: u64) -> Self {
        assert!(config.chunk_bytes_max <= CHUNK_RAW_BYTES_MAX as u64 / 2, "a chunk may exceed its mark by a batch");
        let mut shard = Self {
            now: Duration::ZERO,
            counters: ShardCounters::default(),
            stage_times: stage_times::StageTimes::default(),
            connections: connection::Connections::default(),
            append_sessions: slab::Slab::default(),
            readers: slab::Slab::default(),
            streams: streams::Streams::default(),
            loads: load::Loads::default(),
            writer: writer::Writer::new(&config),
            slabs: Slabs::new(config.allocate),
            backlog: backlog::Backlog::new(config.unpublished_bytes_max),
            lanes: lanes::Lanes::new(&config),
            tail_cache: tail_cache::TailCache::new(config.tail_cache_bytes_max),
            inherited_unsealed: 0,
            inherited_reported: false,
            waiting_appends: VecDeque::new(),
            waiting_bytes: 0,
            flow_noted: Vec::new(),
            held_refusals: refusals::HeldRefusals::default(),
            deleted: Vec::new(),
            round: VecDeque::new(),
            followers: 0,
            pacing: pacing::Pacing::default(),
            timers: timers::Timers::default(),
            page_loads_inflight: 0,
            page_queue: VecDeque::new(),
            loaded_bytes: 0,
            holders: BTreeSet::new(),
            output_bytes: 0,
            scattered_in_vain_bytes: 0,
            stalled_look_at: Duration::ZERO,
            frame_bytes: output::FrameBytes::measure(),
            heartbeat_chance: StdRng::seed_from_u64(seed ^ 0x6865_6172_7462_6561),
            retry_chance: StdRng::seed_from_u64(seed ^ 0x7265_7472_7920_2020),
            draining: false,
            drained: false,
            failed: false,
            config,
        };
        recovered.into_iter().for_each(|stream| shard.recover(stream));
        shard
    }

    /// A page-aligned buffer for a frame that is received into it and written from there ([`BatchBytes::Received`]).
    ///
    /// [`BatchBytes::Received`]: crate::event::BatchBytes::Received
    pub fn frame_buffer(&mut self, bytes: usize, now: Now) -> BytesMut {
        self.slabs.take(bytes, now.monotonic)
    }

    /// Sets aside, and touches, memory for this many bytes of frames.
    pub fn prepare_memory(&mut self, bytes: usize) {
        self.slabs.prepare(bytes);
    }

    /// One thing happened.
    pub fn handle(&mut self, now: Now, event: Event<'_>, actions: &mut Vec<Action>) {
        let turn = &mut self.turn(now, actions);
        match event {
            Event::RequestReceived { connection, id, request } => self.on_request(turn, connection, id, request),
            Event::OutputSent { connection, bytes } => self.on_output_sent(connection, bytes),
            Event::ConnectionClosed { connection } => self.on_connection_closed(connection),
            Event::StreamLoaded { load, outcome } => match self.loads.end(load) {
                load::Load::Stream(stream) => self.on_stream_loaded(turn, load, stream, outcome),
                load::Load::Pages(_) => unreachable!("a load of pages is answered by PagesLoaded"),
            },
            Event::PagesLoaded { load, outcome } => match self.loads.end(load) {
                load::Load::Pages(wanted) => self.on_pages_loaded(turn, load, wanted, outcome),
                load::Load::Stream(_) => unreachable!("a load of a stream is answered by StreamLoaded"),
            },
            Event::TimeoutReached => {}
            Event::CloseStream { call, target, when } => self.on_close_stream(turn, call, target, when),
            Event::StreamReopened { target, stream_id } => self.on_stream_reopened(turn, &target, stream_id),
            Event::StreamDeleted { call, target, stream_id } => self.on_stream_deleted(turn, call, &target, stream_id),
            Event::StreamReconfigured { call, entry } => self.on_stream_reconfigured(turn, call, entry),
            Event::StartRaised { target, stream_id, start_seq_num } => {
                self.on_start_raised(&target, stream_id, start_seq_num);
            }
            // After a failure nothing that the disk or the store says changes what clients are told.
            _ if self.failed => {}
            Event::BlockWritten { number, outcome } => self.on_block_written(turn, number, outcome),
            Event::JournalFileReady { file, bytes } => self.on_journal_file_ready(file, bytes),
            Event::ChunkStored { chunk, outcome } => self.on_chunk_stored(turn, chunk, outcome),
            Event::DrainRequested => self.on_drain_requested(turn),
        }
    }

    /// The end of a turn: what was gathered is written, sealed and sent.
    pub fn flush(&mut self, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut self.turn(now, actions);
        if !self.failed {
            self.write_accepted(turn);
            self.refuse_without_space(turn);
            self.retry_due_chunks(turn);
            self.seal_due_chunks(turn);
            self.report_inherited(turn);
            self.write_due_watermark(turn);
        }
        self.release_held_pushes();
        self.on_reader_timers(turn);
        self.close_stalled(turn);
        self.start_queued_loads(turn);
        self.serve_readers(turn);
        self.finish_deletions(turn);
        if self.slabs.trim(self.now) {
            self.let_go_of_scattered();
        }
        if !self.failed {
            self.finish_drain(turn);
        }
        self.decide_flow(turn);
    }

    /// When [`Event::TimeoutReached`] is wanted, on the monotonic clock; a time that has passed means: right after this turn.
    pub fn next_timeout(&self) -> Option<Duration> {
        let work_remains = (!self.round.is_empty() && !self.is_output_full()).then_some(self.now);
        let lanes = self.lanes.next_timeout(&self.config, &self.streams.slab).filter(|_| !self.failed);
        let journal = self.writer.journal().filter(|_| !self.failed);
        let watermark =
            journal.and_then(|journal| journal.watermark_at(self.backlog.needed_from(journal.next_number())));
        let out_of_space = journal.and_then(journal_writer::JournalWriter::out_of_space_at);
        let memory = self.slabs.trim_at().filter(|_| !self.failed);
        let held = self.pacing.release_at();
        let stalled = self.look_for_stalled_at();
        [work_remains, lanes, watermark, out_of_space, memory, held, stalled, self.timers.next()]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn counters(&self) -> ShardCounters {
        ShardCounters {
            unpublished_bytes: self.backlog.bytes(),
            journal_waiting_bytes: self.writer.waiting_bytes() as u64,
            waiting_bytes: self.waiting_bytes as u64,
            output_bytes: self.output_bytes,
            loaded_bytes: self.loaded_bytes as u64,
            slab_bytes: self.slabs.bytes() as u64,
            tail_cache_bytes: self.tail_cache.bytes(),
            streams_open: self.streams.len() as u64,
            connections: self.connections.len() as u64,
            append_sessions: self.append_sessions.len() as u64,
            readers: self.readers.len() as u64,
            followers: self.followers as u64,
            ..self.counters
        }
    }

    /// How long batches spent in stages that came to an end since this was last called: once a turn.
    pub fn take_stage_times(&mut self) -> impl Iterator<Item = StageTime> + '_ {
        self.stage_times.take()
    }

    fn turn<'a>(&mut self, now: Now, actions: &'a mut Vec<Action>) -> Turn<'a> {
        self.now = now.monotonic;
        Turn { now, actions }
    }

    /// Appends that waited may fit into the room that a block just closed leaves, and these into another block.
    fn write_accepted(&mut self, turn: &mut Turn<'_>) {
        loop {
            self.write_blocks(turn);
            if !self.admit_waiting(turn) {
                return;
            }
        }
    }

    /// The disk has had no room for what is accepted for too long: what only waits is told so, and had no effect (reliability.md
    /// F16). What is accepted has its numbers, and stays.
    fn refuse_without_space(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.monotonic;
        if self.writer.journal_mut().is_some_and(|journal| journal.check_space(now)) {
            let why =
                "the disk has no room for another journal file, and nothing was published that frees one; try again";
            self.refuse_waiting(turn, &append::overloaded(why));
        }
    }

    /// Takes in a stream that recovery found with records in no chunk. Their blocks belong to older journals.
    fn recover(&mut self, recovered: RecoveredStream) {
        let mut stream = stream::Stream::new(recovered.stream);
        let batches: Vec<_> = recovered.unpublished.into_iter().map(stream::MemoryBatch::recovered).collect();
        self.inherited_unsealed += batches.len();
        let bytes = batches.iter().map(|batch| batch.batch.bytes().len() as u64).sum();
        for batch in batches {
            self.backlog.on_recovered(batch.footprint);
            stream.on_recovered(batch);
        }
        stream.end_recovery();
        let class = stream.class;
        let key = self.streams.insert(stream);
        let stream = &mut self.streams[key];
        if stream.has_unsealed() {
            self.lanes.of_mut(class).on_journaled(key, stream, bytes, self.now);
        }
    }

    fn report_inherited(&mut self, turn: &mut Turn<'_>) {
        if !self.inherited_reported && self.backlog.inherited_batches() == 0 {
            self.inherited_reported = true;
            turn.actions.push(Action::InheritedPublished);
        }
    }
}
