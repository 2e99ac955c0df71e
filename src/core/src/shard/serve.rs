//! Who reads next, and how far it gets in one step.
//!
//! Connections that have readers with something to do take turns, and so do the readers of each: one step each time, which is
//! at most one push. A connection whose socket takes no more leaves the round until it does. So one reader that replays a
//! terabyte delays another by one push, and a turn of the loop is bounded however many followers a stream has.

use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::{CompressedPage, Response};

use super::connection::ConnectionKey;
use super::reader::{PageLoad, Phase, Reader, ReaderKey, ReaderKind};
use super::take::{Next, Taken};
use super::{Shard, Turn};
use crate::event::Loaded;
use crate::limits::{READ_TURN_BYTES_MAX, READ_TURN_PUSHES_MAX};

/// Why gathering records stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stopped {
    /// A bound was met: the read is over.
    Ended,
    /// The push is full; there is more.
    Full,
    /// Everything up to the reader's limit was taken.
    AtLimit,
    /// What comes next is in a chunk.
    NotLoaded,
}

impl Shard {
    /// The reader may be able to go on. One at the tail is not, until its stream wakes it.
    pub(super) fn mark_ready(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        if reader.at_tail_index.is_some() || std::mem::replace(&mut reader.is_ready, true) {
            return;
        }
        let connection = reader.connection;
        self.connections[connection].ready.push_back(key);
        self.join_round(connection);
    }

    pub(super) fn join_round(&mut self, key: ConnectionKey) {
        let share = self.output_share();
        let connection = &mut self.connections[key];
        if !connection.in_round && !connection.ready.is_empty() && connection.has_output_room(share) {
            connection.in_round = true;
            self.round.push_back(key);
        }
    }

    /// A turn's share of the round. What remains is for the next turn, behind whatever arrived in between.
    pub(super) fn serve_readers(&mut self, turn: &mut Turn<'_>) {
        let (mut steps, mut bytes) = (0, 0);
        while steps < READ_TURN_PUSHES_MAX && bytes < READ_TURN_BYTES_MAX as u64 && !self.is_output_full() {
            let Some(key) = self.round.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(key) else { continue };
            connection.in_round = false;
            if let Some(reader) = connection.ready.pop_front() {
                self.readers[reader].is_ready = false;
                bytes += self.step(turn, reader);
                steps += 1;
            }
            self.join_round(key);
        }
    }

    /// Returns the bytes it sent.
    fn step(&mut self, turn: &mut Turn<'_>, key: ReaderKey) -> u64 {
        self.note_lag(key);
        let mut taken = self.readers[key].take_gathered();
        self.loaded_bytes -= taken.bytes as usize;
        let stopped = self.gather(key, &mut taken);
        let bytes = taken.bytes;
        if self.readers[key].is_session() {
            self.session_gathered(turn, key, taken, stopped);
        } else {
            self.single_gathered(turn, key, taken, stopped);
        }
        bytes
    }

    fn session_gathered(&mut self, turn: &mut Turn<'_>, key: ReaderKey, taken: Taken, stopped: Stopped) {
        if !taken.is_empty() {
            self.counters.pushes += 1;
            self.count_read(&taken);
            self.push_records(turn, key, taken);
        }
        match stopped {
            Stopped::Ended => self.end_reader(turn, key),
            Stopped::AtLimit => self.on_tail_reached(turn, key),
            Stopped::NotLoaded if self.readers[key].has_credit() => self.want_pages(turn, key),
            Stopped::Full if self.readers[key].has_credit() => self.go_on(turn, key),
            // It is ready again when it is granted some.
            Stopped::NotLoaded | Stopped::Full => {}
        }
    }

    /// A single read gathers until a bound or the tail; from a wait it returns with the first batch that comes (C9). What it has
    /// gathered counts among the loaded pages while it waits for more of them.
    fn single_gathered(&mut self, turn: &mut Turn<'_>, key: ReaderKey, taken: Taken, stopped: Stopped) {
        let found_any = !taken.is_empty();
        self.loaded_bytes += taken.bytes as usize;
        self.readers[key].kind = ReaderKind::Single(taken);
        match stopped {
            Stopped::NotLoaded => {
                if found_any {
                    self.holders.insert(key);
                }
                self.want_pages(turn, key);
            }
            Stopped::AtLimit if !found_any => self.on_tail_reached(turn, key),
            Stopped::AtLimit | Stopped::Ended | Stopped::Full => self.end_reader(turn, key),
        }
    }

    /// Takes records from where the cursor is until something stops it: first what was loaded for the reader, then from memory.
    fn gather(&mut self, key: ReaderKey, taken: &mut Taken) -> Stopped {
        if self.is_overtaken_in_catch_up(key) {
            // One answer has no gap in it: a single read is answered with what it has.
            if !taken.is_empty() {
                return Stopped::Full;
            }
            self.skip_removed(key);
        }
        let reader = &self.readers[key];
        let stream = &self.streams[reader.stream.expect("only an admitted reader is ready")];
        let limit = reader.limit(stream);
        if reader.cursor >= limit {
            return Stopped::AtLimit;
        }
        if reader.not_before.is_some() && reader.loaded.is_empty() {
            return Stopped::NotLoaded;
        }
        if !reader.has_credit() {
            return Stopped::Full;
        }
        self.gather_loaded(key, limit, taken).unwrap_or_else(|| self.gather_memory(key, limit, taken))
    }

    /// `None` when everything loaded was taken.
    fn gather_loaded(&mut self, key: ReaderKey, limit: u64, taken: &mut Taken) -> Option<Stopped> {
        if self.readers[key].loaded.is_empty() {
            return None;
        }
        let push_bytes_max = self.push_bytes_max();
        loop {
            let reader = &mut self.readers[key];
            let fill = reader.fill(push_bytes_max);
            let batch = match reader.loaded.front()? {
                _ if reader.cursor >= limit => return Some(Stopped::AtLimit),
                Loaded::Batch(batch) => batch,
                Loaded::Page(_) if !taken.is_empty() => return Some(Stopped::Full),
                Loaded::Page(page) => {
                    let page = page.clone();
                    return Some(self.take_page(key, page, taken));
                }
            };
            let next = taken.take(batch, &mut reader.cursor, &mut reader.bounds, fill);
            if batch.end_seq_num() <= reader.cursor {
                self.let_go_of_first_loaded(key);
            }
            if next == Next::Unwanted {
                return Some(stopped_by(taken));
            }
        }
    }

    /// A page goes out whole. One of which the beginning was removed meanwhile is loaded again to be opened, and so is one for a
    /// reader that has caught up since.
    fn take_page(&mut self, key: ReaderKey, page: CompressedPage, taken: &mut Taken) -> Stopped {
        let reader = &mut self.readers[key];
        if page.first_seq_num != reader.cursor || !reader.takes_pages() {
            self.loaded_bytes -= reader.drop_held();
            self.holders.remove(&key);
            return Stopped::NotLoaded;
        }
        reader.cursor = page.end_seq_num;
        taken.take_page(page, &mut reader.bounds);
        self.let_go_of_first_loaded(key);
        stopped_by(taken)
    }

    fn let_go_of_first_loaded(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        self.loaded_bytes -= reader.drop_first_loaded();
        if reader.loaded.is_empty() {
            self.holders.remove(&key);
        }
    }

    fn gather_memory(&mut self, key: ReaderKey, limit: u64, taken: &mut Taken) -> Stopped {
        let push_bytes_max = self.push_bytes_max();
        let reader = &mut self.readers[key];
        let stream = &self.streams[reader.stream.expect("only an admitted reader is ready")];
        let takes_one = !reader.is_session() && matches!(reader.phase, Phase::Following { .. });
        let fill = reader.fill(push_bytes_max);
        let Some(batches) = stream.memory_from(reader.cursor).filter(|_| reader.cursor < limit) else {
            return if reader.cursor < limit { Stopped::NotLoaded } else { Stopped::AtLimit };
        };
        for memory in batches {
            if reader.cursor >= limit {
                break;
            }
            let next = taken.take(&memory.batch, &mut reader.cursor, &mut reader.bounds, fill);
            if next == Next::Unwanted || takes_one {
                return stopped_by(taken);
            }
        }
        Stopped::AtLimit
    }

    /// A session with more to send: when its turn comes again.
    fn go_on(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        self.mark_ready(key);
        self.prefetch(turn, key);
    }

    fn count_read(&mut self, taken: &Taken) {
        self.counters.read_records += taken.records;
        self.counters.read_bytes += taken.page.as_ref().map_or(taken.bytes, |page| page.raw_bytes.into());
        self.counters.read_pages += u64::from(taken.page.is_some());
    }

    /// The clean end.
    pub(super) fn end_reader(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let Some(mut reader) = self.remove_reader(key) else { return };
        match &mut reader.kind {
            ReaderKind::Session { .. } => self.reply(turn, reader.connection, reader.id, Response::SessionEnded),
            ReaderKind::Single(taken) => {
                let taken = std::mem::take(taken);
                self.count_read(&taken);
                self.answer_read(turn, &reader, taken);
            }
        }
    }

    pub(super) fn fail_reader(&mut self, turn: &mut Turn<'_>, key: ReaderKey, error: ErrorFrame) {
        let Some(reader) = self.remove_reader(key) else { return };
        self.fail(turn, reader.connection, reader.id, error);
    }

    /// Forgets the reader wherever it is noted. Its load, if one is in flight, will find nobody.
    pub(super) fn remove_reader(&mut self, key: ReaderKey) -> Option<Reader> {
        self.leave_tail(key);
        let mut reader = self.readers.remove(key)?;
        self.timers.disarm(key, &mut reader.timer);
        self.loaded_bytes -= reader.held_bytes();
        self.holders.remove(&key);
        if reader.load == PageLoad::Queued {
            self.page_queue.retain(|queued| *queued != key);
        }
        if let Some(stream) = reader.stream {
            self.streams[stream].users -= 1;
        }
        if let Some(connection) = self.connections.get_mut(reader.connection) {
            connection.end(reader.id);
            connection.silent.retain(|silent| *silent != key);
            if reader.is_ready {
                connection.ready.retain(|ready| *ready != key);
            }
        }
        Some(reader)
    }
}

fn stopped_by(taken: &Taken) -> Stopped {
    if taken.is_last { Stopped::Ended } else { Stopped::Full }
}
