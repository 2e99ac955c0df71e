//! A driver over models: does what it is told at once, or holds it back until a test says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use riverrun_protocol::access::Operation;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::{CompressedPage, Push, ReadBatches, Response};
use riverrun_protocol::types::{Position, StreamId};

use super::client::{Said, target};
use super::disk::{Disk, FILE_BYTES};
use super::store::Store;
use crate::action::{Action, LoadCause, NotClosed, PagesOrder};
use crate::chunk::ChunkInput;
use crate::event::{CallId, CloseWhen, ConnectionId, Event, LoadFailure, LoadId, ShardRequest, StoreFailure};
use crate::shard::{JournalConfig, Shard, ShardConfig};
use crate::time::Now;
use riverrun_protocol::config::{StorageClass, StreamConfig};

pub(super) const BASIN: &str = "the-basin";
/// Turns in which everything is done that one event gives rise to.
const TURNS_MAX: usize = 10_000;
pub(super) const WALL_MS: u64 = 1_000_000;

/// What is held back instead of being done at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Hold {
    Writes,
    Files,
    Chunks,
    StreamLoads,
    PageLoads,
    /// Output stays in the sockets' buffers.
    Output,
}

/// What the control plane hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Closed { call: u64, outcome: Result<Position, NotClosed> },
    Configured { call: u64 },
    Gone { call: u64 },
}

pub(super) struct World {
    pub(super) shard: Shard,
    config: ShardConfig,
    pub(super) now: Now,
    pub(super) disk: Disk,
    pub(super) store: Store,
    pub(super) held: BTreeSet<Hold>,
    files_wanted: usize,
    pub(super) chunks: VecDeque<Arc<ChunkInput>>,
    stream_loads: VecDeque<(LoadId, riverrun_protocol::request::StreamRef, LoadCause)>,
    pub(super) page_loads: VecDeque<(LoadId, PagesOrder)>,
    /// Whether sessions are opened by a client that takes pages.
    pub(super) takes_pages: bool,
    said: BTreeMap<ConnectionId, Vec<(u64, Said)>>,
    unsent: BTreeMap<ConnectionId, u64>,
    pub(super) stopped: BTreeSet<ConnectionId>,
    pub(super) fatal: Option<String>,
    /// What the audit stream is told of.
    pub(super) denied: Vec<(Operation, StreamRef)>,
    pub(super) drained: bool,
    told: Vec<Told>,
    pub(super) inherited_published: bool,
    /// Every action, in short; for tests that compare two runs.
    pub(super) trace: Vec<String>,
}

/// A journaled shard of its own store, with the shape that most tests want: chunks are only sealed when a test asks for it.
pub(super) fn config() -> ShardConfig {
    let journal = JournalConfig { journal_id: [5; 16], salt: 77 };
    ShardConfig::new(3, 4, 9, [8; 16], Some(journal))
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: ShardConfig) -> Self {
        let mut store = Store::default();
        store.basins.insert(BASIN.to_owned(), (true, true));
        Self::on(config, Disk::default(), store, BTreeSet::new())
    }

    fn on(config: ShardConfig, disk: Disk, store: Store, held: BTreeSet<Hold>) -> Self {
        let recovered = store.recover(disk.recover());
        let mut world = Self {
            shard: Shard::new(config.clone(), recovered, 1),
            config,
            now: Now { monotonic: Duration::from_secs(100), wall_ms: WALL_MS },
            disk: Disk::default(),
            store,
            held,
            files_wanted: 0,
            chunks: VecDeque::new(),
            stream_loads: VecDeque::new(),
            page_loads: VecDeque::new(),
            takes_pages: false,
            said: BTreeMap::new(),
            unsent: BTreeMap::new(),
            stopped: BTreeSet::new(),
            fatal: None,
            denied: Vec::new(),
            drained: false,
            told: Vec::new(),
            inherited_published: false,
            trace: Vec::new(),
        };
        world.turn(Vec::new());
        world
    }

    /// The process is gone; the next epoch starts on what is left. Chunks in flight never arrive.
    pub(super) fn crash(self) -> Self {
        let config = ShardConfig { epoch: self.config.epoch + 1, ..self.config };
        Self::on(config, self.disk, self.store, BTreeSet::new())
    }

    /// As [`World::crash`], with this held back from the start.
    pub(super) fn crash_holding(self, what: Hold) -> Self {
        let config = ShardConfig { epoch: self.config.epoch + 1, ..self.config };
        Self::on(config, self.disk, self.store, BTreeSet::from([what]))
    }

    pub(super) fn create(&mut self, stream: &str) {
        self.store.create_stream(BASIN, stream, StorageClass::Express);
    }

    pub(super) fn create_standard(&mut self, stream: &str) {
        self.store.create_stream(BASIN, stream, StorageClass::Standard);
    }

    /// The catalog gets a new configuration of the stream, and the shard is told.
    pub(super) fn reconfigure(&mut self, stream: &str, change: impl FnOnce(&mut StreamConfig)) {
        let known = self.store.streams.get_mut(&(BASIN.to_owned(), stream.to_owned())).expect("a known stream");
        let entry = Arc::make_mut(&mut known.entry);
        change(&mut entry.config);
        entry.config_version += 1;
        let entry = Arc::clone(&known.entry);
        self.turn(vec![Event::StreamReconfigured { call: CallId(77), entry }]);
        assert_eq!(self.take_told(), [Told::Configured { call: 77 }], "answered at once");
    }

    /// The first step of a deletion.
    pub(super) fn close_stream(&mut self, call: u64, stream: &str, when: CloseWhen) {
        self.turn(vec![Event::CloseStream { call: CallId(call), target: target(stream), when }]);
    }

    pub(super) fn reopen_stream(&mut self, stream: &str) {
        let stream_id = self.stream_id(stream);
        self.turn(vec![Event::StreamReopened { target: target(stream), stream_id }]);
    }

    /// The second step: the catalog holds it, and the shard is told.
    pub(super) fn delete_stream(&mut self, call: u64, stream: &str) {
        let known = self.store.streams.get_mut(&(BASIN.to_owned(), stream.to_owned())).expect("a known stream");
        Arc::make_mut(&mut known.entry).deleted_at_ms = Some(self.now.wall_ms);
        let stream_id = known.entry.id;
        self.turn(vec![Event::StreamDeleted { call: CallId(call), target: target(stream), stream_id }]);
    }

    pub(super) fn stream_id(&self, stream: &str) -> StreamId {
        self.store.streams[&(BASIN.to_owned(), stream.to_owned())].entry.id
    }

    pub(super) fn hold(&mut self, what: Hold) {
        self.held.insert(what);
    }

    /// From now on it is done again, beginning with what was held.
    pub(super) fn release(&mut self, what: Hold) {
        self.held.remove(&what);
        match what {
            Hold::Writes => self.complete_writes(),
            Hold::Files => self.turn(Vec::new()),
            Hold::Chunks => self.store_chunks(),
            Hold::StreamLoads => self.load_streams(),
            Hold::PageLoads => self.load_all_pages(),
            Hold::Output => self.send_output(),
        }
    }

    pub(super) fn request(&mut self, connection: ConnectionId, id: u64, request: ShardRequest<'_>) {
        self.turn(vec![Event::RequestReceived { connection, id, request }]);
    }

    /// One turn with these events, and then as many more as what is not held gives rise to.
    pub(super) fn turn(&mut self, events: Vec<Event<'_>>) {
        self.one_turn(events);
        self.settle();
    }

    pub(super) fn one_turn(&mut self, events: Vec<Event<'_>>) {
        let mut actions = Vec::new();
        for event in events {
            self.shard.handle(self.now, event, &mut actions);
        }
        self.shard.flush(self.now, &mut actions);
        actions.into_iter().for_each(|action| self.execute(action));
    }

    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            let events = self.due_events();
            if events.is_empty() {
                return;
            }
            self.one_turn(events);
        }
        panic!("the shard goes on for ever although nothing happens");
    }

    /// What an eager driver reports after a turn.
    fn due_events(&mut self) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        if !self.held.contains(&Hold::Files) && self.files_wanted > 0 && self.disk.can_prepare_file() {
            self.files_wanted = 0;
            events.push(Event::JournalFileReady { file: self.disk.prepare_file(), bytes: FILE_BYTES });
        }
        if !self.held.contains(&Hold::Writes) {
            events.extend(self.disk.unwritten().into_iter().map(|number| self.written(number)));
        }
        if !self.held.contains(&Hold::Chunks) {
            while let Some(event) = self.stored() {
                events.push(event);
            }
        }
        if !self.held.contains(&Hold::StreamLoads) {
            while let Some(event) = self.stream_loaded() {
                events.push(event);
            }
        }
        if !self.held.contains(&Hold::PageLoads) {
            while let Some(event) = self.pages_loaded() {
                events.push(event);
            }
        }
        if !self.held.contains(&Hold::Output) {
            events.extend(self.sent());
        }
        if self.shard.next_timeout().is_some_and(|at| at <= self.now.monotonic) {
            events.push(Event::TimeoutReached);
        }
        events
    }

    fn written(&mut self, number: u64) -> Event<'static> {
        self.disk.complete(number);
        Event::BlockWritten { number, outcome: Ok(()) }
    }

    fn stored(&mut self) -> Option<Event<'static>> {
        let chunk = self.chunks.pop_front()?;
        let outcome = Ok(self.store.put(&chunk));
        Some(Event::ChunkStored { chunk: chunk.id, outcome })
    }

    fn stream_loaded(&mut self) -> Option<Event<'static>> {
        let (load, target, cause) = self.stream_loads.pop_front()?;
        Some(Event::StreamLoaded { load, outcome: self.store.load_stream(&target, cause) })
    }

    fn pages_loaded(&mut self) -> Option<Event<'static>> {
        let (load, order) = self.page_loads.pop_front()?;
        Some(Event::PagesLoaded { load, outcome: Ok(self.store.load_pages(&order)) })
    }

    fn sent(&mut self) -> Vec<Event<'static>> {
        let unsent = std::mem::take(&mut self.unsent);
        unsent.into_iter().map(|(connection, bytes)| Event::OutputSent { connection, bytes }).collect()
    }

    /// Completes one held write, in whatever order the test likes.
    pub(super) fn complete_write(&mut self, number: u64) {
        let event = self.written(number);
        self.turn(vec![event]);
    }

    pub(super) fn complete_writes(&mut self) {
        while let Some(number) = self.disk.unwritten().first() {
            self.complete_write(*number);
        }
    }

    pub(super) fn fail_write(&mut self, number: u64) {
        self.turn(vec![Event::BlockWritten { number, outcome: Err("EIO".to_owned()) }]);
    }

    pub(super) fn store_chunks(&mut self) {
        while let Some(event) = self.stored() {
            self.turn(vec![event]);
        }
    }

    /// Stores one held chunk, in whatever order the test likes.
    pub(super) fn store_chunk(&mut self, index: usize) {
        let chunk = self.chunks.remove(index).expect("a held chunk");
        let outcome = Ok(self.store.put(&chunk));
        self.turn(vec![Event::ChunkStored { chunk: chunk.id, outcome }]);
    }

    pub(super) fn fail_chunk(&mut self, index: usize, failure: StoreFailure) {
        let chunk = self.chunks.remove(index).expect("a held chunk");
        self.turn(vec![Event::ChunkStored { chunk: chunk.id, outcome: Err(failure) }]);
    }

    fn load_streams(&mut self) {
        while let Some(event) = self.stream_loaded() {
            self.turn(vec![event]);
        }
    }

    pub(super) fn fail_stream_load(&mut self, failure: LoadFailure) {
        let (load, ..) = self.stream_loads.pop_front().expect("a held load");
        self.turn(vec![Event::StreamLoaded { load, outcome: Err(failure) }]);
    }

    pub(super) fn load_some_pages(&mut self) {
        let event = self.pages_loaded().expect("a held load");
        self.turn(vec![event]);
    }

    pub(super) fn fail_pages(&mut self, failure: LoadFailure) {
        let (load, _) = self.page_loads.pop_front().expect("a held load");
        self.turn(vec![Event::PagesLoaded { load, outcome: Err(failure) }]);
    }

    fn load_all_pages(&mut self) {
        while let Some(event) = self.pages_loaded() {
            self.turn(vec![event]);
        }
    }

    /// The sockets take everything that they hold.
    pub(super) fn send_output(&mut self) {
        let events = self.sent();
        self.turn(events);
    }

    pub(super) fn close_connection(&mut self, connection: ConnectionId) {
        self.unsent.remove(&connection);
        self.turn(vec![Event::ConnectionClosed { connection }]);
    }

    /// Time passes, with a turn whenever the shard wants one.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now.monotonic + time;
        while let Some(at) = self.shard.next_timeout().filter(|at| *at <= end) {
            self.advance_to(at.max(self.now.monotonic));
            self.turn(vec![Event::TimeoutReached]);
        }
        self.advance_to(end);
        self.turn(vec![Event::TimeoutReached]);
    }

    fn advance_to(&mut self, at: Duration) {
        self.now.wall_ms += (at - self.now.monotonic).as_millis() as u64;
        self.now.monotonic = at;
    }

    /// Everything unsealed becomes a chunk by age (and is stored, unless that is held).
    pub(super) fn publish(&mut self) {
        self.wait(self.config.chunk_age_max);
    }

    /// A closed connection is not resumed.
    pub(super) fn forget_stop(&mut self, connection: ConnectionId) {
        self.stopped.remove(&connection);
    }

    fn execute(&mut self, action: Action) {
        self.trace.push(describe(&action));
        match action {
            Action::Reply { connection, id, response } => self.hear_response(connection, id, &response),
            Action::Push { connection, id, push, .. } => self.hear_push(connection, id, &push),
            Action::Fail { connection, id, error } => self.hear_error(connection, id, &error),
            Action::CloseConnection { connection } => self.hear(connection, 0, Said::Closed, 0),
            Action::StopReceiving { connection } => assert!(self.stopped.insert(connection), "stopped once"),
            Action::ResumeReceiving { connection } => assert!(self.stopped.remove(&connection), "resumed once"),
            Action::WriteBlock { number, file, offset, buffers } => {
                assert_eq!(self.fatal, None, "P9");
                let store = &self.store;
                self.disk.begin_write(number, file, offset, &buffers, |batch| store.has(batch));
            }
            Action::PrepareJournalFile => {
                assert_eq!(self.files_wanted, 0, "one order at a time");
                self.files_wanted = 1;
            }
            Action::ReleaseJournalFile { file } => {
                let store = &self.store;
                self.disk.release(file, |batch| store.has(batch));
            }
            Action::StoreChunk { chunk } => self.chunks.push_back(chunk),
            Action::InheritedPublished => {
                assert!(!std::mem::replace(&mut self.inherited_published, true), "reported once");
            }
            Action::LoadStream { load, target, cause } => self.stream_loads.push_back((load, target, cause)),
            Action::LoadPages { load, order } => {
                self.page_loads.push_back((load, order));
            }
            Action::Denied { operation, target, .. } => self.denied.push((operation, target)),
            Action::Fatal { reason } => assert_eq!(self.fatal.replace(reason), None, "said once"),
            Action::Drained => assert!(!std::mem::replace(&mut self.drained, true), "said once"),
            Action::StreamClosed { call, outcome } => self.told.push(Told::Closed { call: call.0, outcome }),
            Action::StreamConfigured { call } => self.told.push(Told::Configured { call: call.0 }),
            Action::StreamGone { call } => self.told.push(Told::Gone { call: call.0 }),
        }
    }

    fn hear_response(&mut self, connection: ConnectionId, id: u64, response: &Response) {
        let mut frame = BytesMut::new();
        response.write(id, &mut frame);
        let said = match response {
            Response::AppendAck(ack) => {
                assert_eq!(self.fatal, None, "P9: nothing is acknowledged after a failure");
                Said::Ack { start: ack.start.seq_num, end: ack.end.seq_num, tail: ack.tail.seq_num }
            }
            Response::AppendSessionOpened(opened) | Response::ReadSessionOpened(opened) => {
                self.check_visible(Some(opened.stream_id), opened.tail);
                Said::Opened { tail: opened.tail.seq_num }
            }
            Response::SessionEnded => Said::Ended,
            Response::Tail(report) => Said::Tail { seq_num: report.tail.seq_num, timestamp: report.tail.timestamp },
            Response::ReadBatches(batches) => self.said_records(batches, true),
            other => panic!("no answer of a shard: {other:?}"),
        };
        self.hear(connection, id, said, frame.len());
    }

    fn hear_push(&mut self, connection: ConnectionId, id: u64, push: &Push) {
        let mut frame = BytesMut::new();
        push.write(id, &mut frame);
        let said = match push {
            Push::Records(batches) => self.said_records(batches, false),
            Push::Page(page) => self.said_page(page),
            Push::Heartbeat { tail } => Said::Heartbeat { tail: tail.seq_num },
            Push::Draining | Push::Throttled { .. } => panic!("the driver says it"),
        };
        self.hear(connection, id, said, frame.len());
    }

    fn hear_error(&mut self, connection: ConnectionId, id: u64, error: &ErrorFrame) {
        let mut frame = BytesMut::new();
        error.write(id, &mut frame);
        let tail = error.tail.map(|tail| (tail.seq_num, tail.timestamp));
        let said = match (&error.fencing_token, error.seq_num) {
            (Some(token), _) => Said::fenced(token.as_str()),
            (None, Some(next)) => Said::SeqNumMismatch { next },
            (None, None) => Said::Error { code: error.code, outcome: error.outcome, tail },
        };
        self.hear(connection, id, said, frame.len());
    }

    fn hear(&mut self, connection: ConnectionId, id: u64, said: Said, frame_bytes: usize) {
        *self.unsent.entry(connection).or_default() += frame_bytes as u64;
        self.said.entry(connection).or_default().push((id, said));
    }

    fn said_page(&self, page: &CompressedPage) -> Said {
        let (said, _, _) = self.opened(page.stored.clone(), None);
        let Said::Records { first: Some(first), bodies, .. } = &said else { panic!("an empty page") };
        let end = first + bodies.len() as u64;
        assert_eq!((*first, end), (page.first_seq_num, page.end_seq_num), "a page holds what it says");
        said
    }

    fn said_records(&self, batches: &ReadBatches, is_answer: bool) -> Said {
        let (said, records, metered) = self.opened(batches.parts.concat().into(), batches.tail);
        assert!(records <= 1000 && metered <= 1 << 20, "A5: 1000 records and 1 MiB");
        assert!(is_answer || records > 0, "C6: never an empty data batch");
        said
    }

    /// With the number of records, and what they are metered at.
    fn opened(&self, mut bytes: bytes::Bytes, tail: Option<Position>) -> (Said, usize, u64) {
        let mut seq_nums = Vec::new();
        let mut bodies = Vec::new();
        let mut metered = 0;
        while let Some(batch) = Batch::split_first(&mut bytes).expect("whole batches or slices") {
            batch.verify_payload().expect("end to end sums");
            let end = Position { seq_num: batch.end_seq_num(), timestamp: batch.last_timestamp() };
            self.check_visible(Some(batch.stream_id()), end);
            metered += batch.metered_bytes();
            for record in batch.records() {
                let record = record.unwrap();
                seq_nums.push(record.seq_num);
                bodies.push(record.body);
            }
        }
        assert!(seq_nums.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {seq_nums:?}");
        let tail = tail.map(|tail| tail.seq_num);
        (Said::Records { first: seq_nums.first().copied(), bodies, tail }, seq_nums.len(), metered)
    }

    /// P5: what is shown is in a durable block of the complete prefix, or in the store.
    pub(super) fn check_visible(&self, stream: Option<StreamId>, end: Position) {
        let Some(stream) = stream.filter(|_| self.config.journal.is_some()) else { return };
        let known = self.store.by_id(stream);
        let is_express = known.entry.config.storage_class == StorageClass::Express;
        let in_journal = self.disk.durable_ends.get(&stream).copied().filter(|_| is_express);
        let stable = known.state.next.seq_num.max(in_journal.unwrap_or(0));
        let recovered_only = !self.inherited_published;
        assert!(end.seq_num <= stable || recovered_only, "P5: {} is shown, {stable} is stable", end.seq_num);
    }

    /// What the control plane heard since the last look.
    pub(super) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    pub(super) fn take_said(&mut self, connection: ConnectionId) -> Vec<(u64, Said)> {
        self.said.remove(&connection).unwrap_or_default()
    }

    pub(super) fn put_back(&mut self, connection: ConnectionId, said: Vec<(u64, Said)>) {
        if !said.is_empty() {
            self.said.insert(connection, said);
        }
    }

    pub(super) fn unsent(&self, connection: ConnectionId) -> u64 {
        self.unsent.get(&connection).copied().unwrap_or(0)
    }
}

/// Everything about an action, bytes as their sums.
fn describe(action: &Action) -> String {
    let sum = |parts: &[bytes::Bytes]| parts.iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
    match action {
        Action::WriteBlock { number, file, offset, buffers } => {
            format!("WriteBlock {number} {file} {offset} {:08x}", sum(buffers))
        }
        Action::Push { connection, id, push, .. } => {
            let mut frame = BytesMut::new();
            push.write_head(*id, &mut frame);
            format!("Push {connection:?} {frame:?} {:08x}", sum(push.parts()))
        }
        Action::Reply { connection, id, response } => {
            let mut frame = BytesMut::new();
            response.write_head(*id, &mut frame);
            format!("Reply {connection:?} {frame:?} {:08x}", sum(response.parts()))
        }
        Action::StoreChunk { chunk } => {
            let streams = chunk.streams.iter().map(|stream| (&stream.state, sum(&stream.batches)));
            format!("StoreChunk {:?} {} {:?}", chunk.id, chunk.compression_level, streams.collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    }
}
