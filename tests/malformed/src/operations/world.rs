//! A shard, and around it the least that it can live on: a disk whose writes complete when they are told to, a store that
//! keeps chunks in memory, a catalog of a few streams.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use riverrun_core::action::{Action, PagesFrom, PagesOrder};
use riverrun_core::chunk::{ChunkId, ChunkInput, StoredChunk, StreamState};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_core::event::{
    AppendRights, BatchBytes, ConnectionId, Event, Loaded, LoadedStream, ShardRequest, StoreFailure,
};
use riverrun_core::journal::{BlockHeader, BlockMeta, directory, first_block, verify_payload};
use riverrun_core::limits::JOURNAL_WRITES_INFLIGHT_MAX;
use riverrun_core::shard::{JournalConfig, ShardConfig};
use riverrun_core::{Now, Shard};
use riverrun_protocol::batch::{Batch, Record, encode};
use riverrun_protocol::request::{AppendConditions, Read, ReadParams, ReadStart, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, StreamId, StreamName};
use riverrun_protocol::{ErrorFrame, error::ErrorCode};

use super::model::{Asked, Said};

const JOURNAL: JournalConfig = JournalConfig { journal_id: [5; 16], salt: 77 };
const STORE_ID: [u8; 16] = [8; 16];
const FILE_BYTES: u64 = 8 << 20;
/// So small that history is read from the store.
const TAIL_CACHE_BYTES: u64 = 4 << 10;
/// Turns in which everything is done that one event gives rise to.
const TURNS_MAX: usize = 10_000;

pub struct World {
    shard: Shard,
    now: Now,
    /// Blocks on their way to the disk, with what they hold: of which stream up to which number.
    writing: BTreeMap<u64, Vec<(usize, u64)>>,
    written: BTreeMap<u64, Vec<(usize, u64)>>,
    durable_number: u64,
    durable: BTreeMap<usize, u64>,
    chunks: VecDeque<Arc<ChunkInput>>,
    stored: BTreeMap<ChunkId, Arc<ChunkInput>>,
    said: Vec<(Asked, Said)>,
    due: VecDeque<Event<'static>>,
    /// Who a connection is now: it gets a new number when it is closed.
    connections: BTreeMap<u8, u64>,
    next_connection: u64,
    next_file: u32,
    pub gave_up: bool,
}

impl World {
    pub fn new() -> Self {
        let mut config = ShardConfig::new(0, 1, 1, STORE_ID, Some(JOURNAL));
        config.tail_cache_bytes_max = TAIL_CACHE_BYTES;
        let now = Now { monotonic: Duration::from_secs(100), wall_ms: 1_000_000 };
        let mut shard = Shard::new(config, Vec::new(), 1);
        let (first, _) = first_block(FIRST);
        shard.begin_journal(first);
        let ready = Event::JournalFileReady { file: 0, bytes: FILE_BYTES };
        let mut world = Self {
            shard,
            now,
            writing: BTreeMap::new(),
            written: BTreeMap::new(),
            durable_number: 1,
            durable: BTreeMap::new(),
            chunks: VecDeque::new(),
            stored: BTreeMap::new(),
            said: Vec::new(),
            due: VecDeque::from([ready]),
            connections: BTreeMap::new(),
            next_connection: 0,
            next_file: 1,
            gave_up: false,
        };
        world.settle();
        world
    }

    pub fn connection(&mut self, who: u8) -> u64 {
        *self.connections.entry(who).or_insert_with(|| {
            self.next_connection += 1;
            self.next_connection
        })
    }

    pub fn close_connection(&mut self, who: u8) -> u64 {
        let closed = self.connection(who);
        self.connections.remove(&who);
        self.tell(Event::ConnectionClosed { connection: ConnectionId::new(0, closed) });
        closed
    }

    pub fn append(
        &mut self,
        stream: usize,
        asked: Asked,
        bodies: &[String],
        is_fence: bool,
        conditions: AppendConditions,
    ) {
        let headers = || if is_fence { vec![(Bytes::new(), Bytes::from_static(b"fence"))] } else { Vec::new() };
        let record = |body: &String| Record { headers: headers(), ..Record::new(body.clone()) };
        let batch = encode(&bodies.iter().map(record).collect::<Vec<_>>()).expect("a small batch");
        let batch = BatchBytes::Borrowed(&batch);
        self.ask(asked, ShardRequest::Append { target: target(stream), conditions, rights: AppendRights::ALL, batch });
    }

    pub fn check_tail(&mut self, stream: usize, asked: Asked) {
        self.ask(asked, ShardRequest::CheckTail(target(stream)));
    }

    pub fn read(&mut self, stream: usize, asked: Asked, from: u64, count: u64) {
        let params = ReadParams { count: Some(count), ..ReadParams::new(ReadStart::SeqNum(from)) };
        self.ask(asked, ShardRequest::Read(Read { target: target(stream), params }));
    }

    fn ask(&mut self, (connection, id): Asked, request: ShardRequest<'_>) {
        self.tell(Event::RequestReceived { connection: ConnectionId::new(0, connection), id, request });
    }

    /// One of the writes on their way arrives, in whatever order.
    pub fn write_done(&mut self, which: usize) {
        let Some(&number) = self.writing.keys().nth(which % self.writing.len().max(1)) else { return };
        let holds = self.writing.remove(&number).expect("just found");
        self.written.insert(number, holds);
        while let Some(holds) = self.written.remove(&(self.durable_number + 1)) {
            self.durable_number += 1;
            self.durable.extend(holds);
        }
        self.tell(Event::BlockWritten { number, outcome: Ok(()) });
    }

    /// Whether there was one to fail.
    pub fn fail_write(&mut self) -> bool {
        let Some((number, _)) = self.writing.pop_first() else { return false };
        self.tell(Event::BlockWritten { number, outcome: Err("EIO".to_owned()) });
        true
    }

    /// The store takes the oldest chunk, or does not for now.
    pub fn store_chunk(&mut self, takes: bool) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        let raw_bytes = chunk.streams.iter().flat_map(|stream| &stream.batches).map(|batch| batch.len() as u64).sum();
        let stored = StoredChunk { id: chunk.id, object_bytes: raw_bytes, raw_bytes };
        let outcome = if takes { Ok(stored) } else { Err(StoreFailure::Transient("busy".to_owned())) };
        if takes {
            self.stored.insert(chunk.id, chunk.clone());
        }
        self.tell(Event::ChunkStored { chunk: chunk.id, outcome });
    }

    /// Time passes, with a turn whenever the shard wants one.
    pub fn wait(&mut self, ms: u64) {
        let end = self.now.monotonic + Duration::from_millis(ms);
        while let Some(at) = self.shard.next_timeout().filter(|at| *at <= end) {
            self.advance_to(at.max(self.now.monotonic));
            self.tell(Event::TimeoutReached);
        }
        self.advance_to(end);
        self.tell(Event::TimeoutReached);
    }

    fn advance_to(&mut self, at: Duration) {
        self.now.wall_ms += (at - self.now.monotonic).as_millis() as u64;
        self.now.monotonic = at;
    }

    /// Whatever is on its way arrives.
    pub fn finish(&mut self) {
        while !self.writing.is_empty() || !self.chunks.is_empty() {
            self.write_done(0);
            self.store_chunk(true);
        }
    }

    pub fn durable(&self) -> &BTreeMap<usize, u64> {
        &self.durable
    }

    pub fn take_said(&mut self) -> Vec<(Asked, Said)> {
        std::mem::take(&mut self.said)
    }

    fn tell(&mut self, event: Event<'_>) {
        self.turn(event);
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            match self.due.pop_front() {
                Some(event) => self.turn(event),
                None if self.shard.next_timeout().is_some_and(|at| at <= self.now.monotonic) => {
                    self.turn(Event::TimeoutReached);
                }
                None => return,
            }
        }
        panic!("the shard goes on for ever although nothing happens");
    }

    fn turn(&mut self, event: Event<'_>) {
        let mut actions = Vec::new();
        self.shard.handle(self.now, event, &mut actions);
        self.shard.flush(self.now, &mut actions);
        actions.into_iter().for_each(|action| self.execute(action));
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::Reply { connection, id, response } => {
                let mut frame = BytesMut::new();
                response.write(id, &mut frame);
                self.hear(connection, id, answer(response), frame.len());
            }
            Action::Fail { connection, id, error } => {
                let mut frame = BytesMut::new();
                error.write(id, &mut frame);
                self.hear(connection, id, refusal(error), frame.len());
            }
            Action::WriteBlock { number, buffers, .. } => self.begin_write(number, &buffers.concat().into()),
            Action::PrepareJournalFile => {
                self.due.push_back(Event::JournalFileReady { file: self.next_file, bytes: FILE_BYTES });
                self.next_file += 1;
            }
            Action::StoreChunk { chunk } => self.chunks.push_back(chunk),
            Action::LoadStream { load, target, .. } => {
                self.due.push_back(Event::StreamLoaded { load, outcome: Ok(loaded(target)) });
            }
            Action::LoadPages { load, order } => {
                let pages = self.pages(&order);
                self.due.push_back(Event::PagesLoaded { load, outcome: Ok(pages) });
            }
            Action::Fatal { .. } => assert!(!std::mem::replace(&mut self.gave_up, true), "said once"),
            Action::ReleaseJournalFile { .. } | Action::InheritedPublished => {}
            other => panic!("nothing was done that asks for {other:?}"),
        }
    }

    /// What the socket takes, it takes at once.
    fn hear(&mut self, connection: ConnectionId, id: u64, said: Said, bytes: usize) {
        self.said.push(((connection.0, id), said));
        self.due.push_back(Event::OutputSent { connection, bytes: bytes as u64 });
    }

    fn begin_write(&mut self, number: u64, block: &Bytes) {
        assert!(!self.gave_up, "P9: nothing is written after a failure");
        let header = BlockHeader::decode(block).expect("a shard writes blocks");
        verify_payload(&header, block).expect("with right sums");
        let batches = directory(&header, block).expect("with a right directory").into_iter();
        let batches = batches.map(|batch| Batch::parse(batch).expect("of stamped batches"));
        let holds = batches.map(|batch| (usize::from(batch.stream_id().0[0]), batch.end_seq_num())).collect();
        assert!(self.writing.insert(number, holds).is_none(), "numbers are given once");
        assert!(self.writing.len() <= JOURNAL_WRITES_INFLIGHT_MAX, "at most q writes are in flight");
    }

    fn pages(&self, order: &PagesOrder) -> Vec<Loaded> {
        let parts = self.stored[&order.chunk].streams.iter().filter(|part| part.state.stream_id == order.stream_id);
        let batches = parts.flat_map(|part| &part.batches).map(|batch| Batch::parse(batch.clone()).expect("sound"));
        let wanted = batches.filter(|batch| match order.from {
            PagesFrom::SeqNum(number) => batch.end_seq_num() > number,
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
}

const FIRST: BlockMeta = BlockMeta {
    store_id: STORE_ID,
    journal_id: JOURNAL.journal_id,
    salt: JOURNAL.salt,
    epoch: 1,
    shard: 0,
    q: JOURNAL_WRITES_INFLIGHT_MAX as u32,
    number: 1,
    file: 0,
    offset: 0,
    durable_watermark: 0,
    needed_from: 1,
    prev_header_crc: 0,
    wall_ms: 1,
};

fn target(stream: usize) -> StreamRef {
    let stream = StreamName::new(&stream.to_string()).expect("a name");
    StreamRef { basin: BasinName::new("the-basin").expect("a name"), stream }
}

/// The stream's name is its number, and its id begins with it.
fn loaded(target: StreamRef) -> LoadedStream {
    let mut id = StreamId([9; 16]);
    id.0[0] = target.stream.as_str().parse().expect("a number");
    let entry = StreamEntry::new(id, target.basin, target.stream, 1, SYSTEM_DEFAULTS);
    let state = StreamState { stream_id: id, ..StreamState::default() };
    LoadedStream { entry: entry.into(), state, chunks: Vec::new(), quiet_since_ms: None }
}

fn answer(response: Response) -> Said {
    match response {
        Response::AppendAck(ack) => Said::Ack { start: ack.start.seq_num, end: ack.end.seq_num },
        Response::Tail(report) => Said::Tail(report.tail.seq_num),
        Response::ReadBatches(batches) => {
            let batches = batches.batches().expect("whole batches");
            let first = batches.first().map_or(0, Batch::first_seq_num);
            let records = batches.iter().flat_map(|batch| batch.records().collect::<Vec<_>>());
            let text = |body: Bytes| String::from_utf8(body.to_vec()).expect("as it was sent");
            Said::Records { first, bodies: records.map(|record| text(record.expect("a record").body)).collect() }
        }
        other => panic!("nobody asked for {other:?}"),
    }
}

fn refusal(error: ErrorFrame) -> Said {
    match (error.code, error.fencing_token, error.seq_num, error.tail) {
        (ErrorCode::FencingTokenMismatch, Some(token), ..) => Said::Fenced(token.as_str().to_owned()),
        (ErrorCode::SeqNumMismatch, _, Some(next), _) => Said::SeqNumMismatch(next),
        (ErrorCode::Unwritten, _, _, Some(tail)) => Said::Unwritten(tail.seq_num),
        (code, ..) => Said::Failed(format!("{code:?}: {}", error.message)),
    }
}
