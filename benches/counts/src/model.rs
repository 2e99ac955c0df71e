//! A shard whose disk, store and sockets do at once what they are told.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use riverrun_core::action::Action;
use riverrun_core::chunk::{StoredChunk, StreamState};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_core::event::{ConnectionId, Event, LoadedStream, ShardRequest};
use riverrun_core::shard::{JournalConfig, ShardConfig};
use riverrun_core::{Now, Shard};
use riverrun_protocol::types::StreamId;

use crate::samples::WALL_MS;

const FILE_BYTES: u64 = 256 << 20;
const TURN: Duration = Duration::from_micros(100);

pub struct Model {
    shard: Shard,
    now: Now,
    files: u32,
    /// Kept from turn to turn, as a driver does.
    actions: Vec<Action>,
    events: Vec<Event<'static>>,
    /// Of the frame that is being sent.
    head: BytesMut,
    pub replies: u64,
    pub pushes: u64,
}

impl Model {
    pub fn new() -> Self {
        let journal = JournalConfig { journal_id: [5; 16], salt: 77 };
        let config = ShardConfig::new(0, 1, 1, [8; 16], Some(journal));
        Self {
            shard: Shard::new(config, Vec::new(), 1),
            now: Now { monotonic: Duration::from_secs(1), wall_ms: WALL_MS },
            files: 0,
            actions: Vec::new(),
            events: Vec::new(),
            head: BytesMut::new(),
            replies: 0,
            pushes: 0,
        }
    }

    /// A turn with this request, and then as many more as it gives rise to.
    pub fn request(&mut self, connection: ConnectionId, id: u64, request: ShardRequest<'_>) {
        self.shard.handle(self.now, Event::RequestReceived { connection, id, request }, &mut self.actions);
        self.end_turn();
        while !self.events.is_empty() {
            let mut events = std::mem::take(&mut self.events);
            events.drain(..).for_each(|event| self.shard.handle(self.now, event, &mut self.actions));
            self.end_turn();
            if self.events.is_empty() {
                self.events = events;
                return;
            }
        }
    }

    /// Nothing happens for a while.
    pub fn pause(&mut self, time: Duration) {
        self.now.monotonic += time;
    }

    fn end_turn(&mut self) {
        self.shard.flush(self.now, &mut self.actions);
        let mut actions = std::mem::take(&mut self.actions);
        actions.drain(..).for_each(|action| self.carry_out(action));
        self.actions = actions;
        self.shard.take_stage_times().for_each(drop);
        self.now.monotonic += TURN;
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Reply { connection, id, response } => {
                self.replies += 1;
                response.write_head(id, &mut self.head);
                self.send(connection, response.parts());
            }
            Action::Push { connection, id, push, .. } => {
                self.pushes += 1;
                push.write_head(id, &mut self.head);
                self.send(connection, push.parts());
            }
            Action::WriteBlock { number, .. } => self.events.push(Event::BlockWritten { number, outcome: Ok(()) }),
            Action::PrepareJournalFile => {
                self.files += 1;
                self.events.push(Event::JournalFileReady { file: self.files, bytes: FILE_BYTES });
            }
            Action::StoreChunk { chunk } => {
                let stored = StoredChunk { id: chunk.id, object_bytes: 1, raw_bytes: 1 };
                self.events.push(Event::ChunkStored { chunk: chunk.id, outcome: Ok(stored) });
            }
            Action::LoadStream { load, target, .. } => {
                let id = StreamId([7; 16]);
                let entry = StreamEntry::new(id, target.basin, target.stream, WALL_MS, SYSTEM_DEFAULTS);
                let state = StreamState { stream_id: id, ..StreamState::default() };
                let loaded = LoadedStream { entry: Arc::new(entry), state, chunks: Vec::new(), quiet_since_ms: None };
                self.events.push(Event::StreamLoaded { load, outcome: Ok(loaded) });
            }
            Action::InheritedPublished | Action::ReleaseJournalFile { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    /// The socket takes all of it.
    fn send(&mut self, connection: ConnectionId, parts: &[Bytes]) {
        let bytes = self.head.len() + parts.iter().map(Bytes::len).sum::<usize>();
        self.head.clear();
        self.events.push(Event::OutputSent { connection, bytes: bytes as u64 });
    }
}
