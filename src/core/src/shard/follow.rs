//! At the tail: waiting, heartbeats, and being woken by what becomes stable (`s2-semantics.md` C6-C8).

use std::time::Duration;

use rand::RngExt;
use riverrun_protocol::response::Push;

use super::connection::ConnectionKey;
use super::deletion::stream_deleted;
use super::reader::{Phase, Reader, ReaderKey};
use super::stream::StreamKey;
use super::{Shard, Turn};
use crate::limits::{FOLLOW_LAG_RECORDS_MAX, HEARTBEAT_PAUSE_MAX, HEARTBEAT_PAUSE_MIN};

impl Shard {
    /// Everything that it may see was delivered: the read ends, or follows.
    pub(super) fn on_tail_reached(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let now = turn.now.monotonic;
        let reader = &mut self.readers[key];
        if reader.wait_until.is_none() {
            reader.on_delivered(now);
        }
        if !reader.may_follow || reader.wait_is_over(now) {
            return self.end_reader(turn, key);
        }
        if reader.stream.is_some_and(|stream| self.streams[stream].is_over()) {
            return self.fail_reader(turn, key, stream_deleted());
        }
        if reader.phase == Phase::CatchUp {
            self.enter_follow(turn, key);
        }
        self.join_tail(key);
    }

    /// Told at once that it has caught up: its client holds a silent session for dead (C8).
    fn enter_follow(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let heartbeat_at = Some(turn.now.monotonic + self.heartbeat_pause());
        let reader = &mut self.readers[key];
        reader.phase = Phase::Following { heartbeat_at };
        // A single read looks no further than the tail it was admitted at until it follows; something may have come since.
        if reader.is_session() {
            self.send_heartbeat(turn, key);
        }
    }

    /// Fresh and random each time, so that thousands of followers do not beat in step.
    fn heartbeat_pause(&mut self) -> Duration {
        let range = HEARTBEAT_PAUSE_MIN.as_millis() as u64..HEARTBEAT_PAUSE_MAX.as_millis() as u64;
        Duration::from_millis(self.heartbeat_chance.random_range(range))
    }

    /// Only ever to a reader at the tail: to its client a heartbeat says that everything below was delivered (C8).
    fn send_heartbeat(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let reader = &self.readers[key];
        let (connection, id) = (reader.connection, reader.id);
        let tail = self.streams[reader.stream.expect("a reader at the tail was admitted")].stable;
        debug_assert_eq!(reader.cursor, tail.seq_num);
        self.counters.heartbeats += 1;
        self.push(turn, connection, id, Push::Heartbeat { tail }, None);
    }

    fn join_tail(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        let stream = &mut self.streams[reader.stream.expect("a reader at the tail was admitted")];
        if reader.cursor < reader.limit(stream) {
            return self.mark_ready(key);
        }
        reader.woken_at = None;
        reader.at_tail_index = Some(stream.at_tail.len());
        stream.at_tail.push(key);
        self.followers += 1;
        self.arm_timer(key);
    }

    /// Takes the reader out of its stream's list, if it is there; the last one takes its place.
    pub(super) fn leave_tail(&mut self, key: ReaderKey) {
        let Some(reader) = self.readers.get_mut(key) else { return };
        let Some(index) = reader.at_tail_index.take() else { return };
        let at_tail = &mut self.streams[reader.stream.expect("a reader at the tail was admitted")].at_tail;
        at_tail.swap_remove(index);
        if let Some(moved) = at_tail.get(index) {
            self.readers[*moved].at_tail_index = Some(index);
        }
        self.followers -= 1;
    }

    /// More is stable: all that wait for it have something to do.
    pub(super) fn wake_tail_now(&mut self, key: StreamKey) {
        let stream = &mut self.streams[key];
        let stable_at = stream.held_since.take().unwrap_or(self.now);
        let mut at_tail = std::mem::take(&mut stream.at_tail);
        if !at_tail.is_empty() {
            stream.woken_at = self.now;
        }
        self.followers -= at_tail.len();
        for key in at_tail.drain(..) {
            let reader = &mut self.readers[key];
            (reader.at_tail_index, reader.woken_at) = (None, Some(stable_at));
            self.mark_ready(key);
        }
        // They will soon be back: the list keeps its room.
        self.streams[key].at_tail = at_tail;
    }

    /// A follower that cannot keep up goes back to catching up, and hears no heartbeat until it has: then one at once. A single
    /// read that waited is answered by what comes, however much that is: catching up ends it at the tail that it was admitted at.
    pub(super) fn note_lag(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        let stream = &self.streams[reader.stream.expect("only an admitted reader is ready")];
        if reader.is_session() && stream.stable.seq_num - reader.cursor > FOLLOW_LAG_RECORDS_MAX {
            reader.phase = Phase::CatchUp;
        }
    }

    /// Records are as good a sign of life as a heartbeat. The timer's entry stays where it is (see `timers`).
    pub(super) fn delay_heartbeat(&mut self, key: ReaderKey, now: Duration) {
        if let Phase::Following { .. } = self.readers[key].phase {
            let heartbeat_at = Some(now + self.heartbeat_pause());
            self.readers[key].phase = Phase::Following { heartbeat_at };
        }
    }

    fn arm_timer(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        if let Some(at) = wants_timer_at(reader) {
            self.timers.arm(key, at, &mut reader.timer);
        }
    }

    pub(super) fn on_reader_timers(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.timers.pop_due(turn.now.monotonic) {
            self.readers[key].timer = None;
            self.on_reader_timer(turn, key);
        }
    }

    /// A reader that is not at the tail has records to come, and looks at its deadlines when it is back.
    fn on_reader_timer(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let now = turn.now.monotonic;
        let reader = &self.readers[key];
        if reader.at_tail_index.is_none() {
            return;
        }
        // Records that are held back for it come first: neither its end nor a heartbeat may pass them.
        let held = reader.stream.filter(|stream| self.streams[*stream].held_since.is_some());
        if let Some(stream) = held {
            return self.wake_tail_now(stream);
        }
        if reader.wait_is_over(now) {
            return self.end_reader(turn, key);
        }
        let is_due = matches!(reader.phase, Phase::Following { heartbeat_at: Some(at) } if at <= now);
        if is_due && reader.is_session() {
            self.beat(turn, key);
        }
        self.arm_timer(key);
    }

    /// A connection with output that its socket does not take needs no more of it: it hears the heartbeat when it does.
    fn beat(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let share = self.output_share();
        let reader = &mut self.readers[key];
        let connection = &mut self.connections[reader.connection];
        if !connection.has_output_room(share) {
            reader.phase = Phase::Following { heartbeat_at: None };
            return connection.silent.push(key);
        }
        self.send_heartbeat(turn, key);
        self.delay_heartbeat(key, turn.now.monotonic);
    }

    /// There is room for output again: followers that should have heard from the server by now do so at the end of this turn.
    pub(super) fn end_silence(&mut self, key: ConnectionKey) {
        let share = self.output_share();
        let connection = &mut self.connections[key];
        if connection.silent.is_empty() || !connection.has_output_room(share) {
            return;
        }
        for key in std::mem::take(&mut connection.silent) {
            let Some(reader) = self.readers.get_mut(key) else { continue };
            // Records may have come in between, as good a sign of life.
            if reader.phase == (Phase::Following { heartbeat_at: None }) {
                reader.phase = Phase::Following { heartbeat_at: Some(self.now) };
                self.arm_timer(key);
            }
        }
    }
}

/// Single reads hear nothing until they are answered.
fn wants_timer_at(reader: &Reader) -> Option<Duration> {
    let heartbeat_at = match reader.phase {
        Phase::Following { heartbeat_at } if reader.is_session() => heartbeat_at,
        _ => None,
    };
    [heartbeat_at, reader.wait_until].into_iter().flatten().min()
}
