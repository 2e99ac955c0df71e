//! Read sessions: opened, given credit, pushed to, closed (`s2-semantics.md` C6).

use riverrun_protocol::limits::CREDIT_BYTES_MAX;
use riverrun_protocol::request::{GrantCredit, OpenReadSession};
use riverrun_protocol::response::{Push, ReadBatches, Response, SessionOpened};

use super::connection::{ConnectionKey, InProgress};
use super::reader::{Phase, ReaderKey, ReaderKind};
use super::stream::StreamKey;
use super::take::Taken;
use super::{Shard, Turn};

impl Shard {
    pub(super) fn on_open_read_session(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        open: OpenReadSession,
    ) {
        let credit = open.credit_bytes.min(CREDIT_BYTES_MAX) as i64;
        let kind = ReaderKind::Session { credit, takes_pages: open.takes_pages };
        self.begin_read(turn, connection, id, &open.target, kind, open.params);
    }

    pub(super) fn read_session_opened(&mut self, turn: &mut Turn<'_>, key: ReaderKey, stream: StreamKey) {
        self.counters.read_sessions += 1;
        let (connection, id) = (self.readers[key].connection, self.readers[key].id);
        let stream = &self.streams[stream];
        let opened = SessionOpened { stream_id: stream.entry.id, shard: self.config.shard, tail: stream.stable };
        self.reply(turn, connection, id, Response::ReadSessionOpened(opened));
    }

    /// Credit for a session that has just ended is no error: the two crossed on the way.
    pub(super) fn on_grant_credit(&mut self, connection: ConnectionKey, id: u64, grant: GrantCredit) {
        let Some(InProgress::Reader(key)) = self.connections[connection].get(id) else { return };
        let reader = &mut self.readers[key];
        if let ReaderKind::Session { credit, .. } = &mut reader.kind {
            let granted = grant.bytes.min(CREDIT_BYTES_MAX) as i64;
            *credit = (*credit + granted).min(CREDIT_BYTES_MAX as i64);
            if reader.stream.is_some() && reader.at_tail_index.is_none() {
                self.mark_ready(key);
            }
        }
    }

    pub(super) fn on_close_read_session(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64) {
        let Some(InProgress::Reader(key)) = self.connections[connection].get(id) else { return };
        let reader = &mut self.readers[key];
        if reader.is_session() && reader.stream.is_some() {
            self.end_reader(turn, key);
        } else if reader.is_session() {
            // It holds its place until its stream is there, or sessions that are opened and closed would fill all places.
            reader.closing = true;
        }
    }

    /// One push. While it follows, the reader is told the tail along with the records, and knows by that whether it has caught up
    /// (`s2-semantics.md` C13).
    pub(super) fn push_records(&mut self, turn: &mut Turn<'_>, key: ReaderKey, taken: Taken) {
        let reader = &mut self.readers[key];
        let (connection, id) = (reader.connection, reader.id);
        let stream = &self.streams[reader.stream.expect("only an admitted reader takes records")];
        let tail = matches!(reader.phase, Phase::Following { .. }).then_some(stream.stable);
        let push = match taken.page {
            Some(page) => Push::Page(page),
            None => Push::Records(ReadBatches { tail, parts: taken.parts }),
        };
        if let ReaderKind::Session { credit, .. } = &mut reader.kind {
            *credit -= self.frame_bytes.credit_cost(&push) as i64;
        }
        let stable_at = reader.woken_at.take();
        reader.on_delivered(turn.now.monotonic);
        self.delay_heartbeat(key, turn.now.monotonic);
        self.push(turn, connection, id, push, stable_at);
    }
}
