//! Everything that leaves for a client passes here, so that a connection's untaken output is known to the byte.

use std::time::Duration;

use bytes::BytesMut;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, FRAME_HEADER_BYTES};
use riverrun_protocol::response::{AppendAck, Push, ReadBatches, Response};
use riverrun_protocol::types::{Level, Position};

use super::connection::ConnectionKey;
use super::untaken::Untaken;
use super::{Shard, Turn};
use crate::action::Action;
use crate::event::ConnectionId;
use crate::limits::{CONNECTION_OUTPUT_BYTES_MAX, OUTPUT_FULL_EIGHTHS, OUTPUT_SHARE, PUSH_BYTES_MIN};

/// Lengths of the frames that are sent most, without the batches in them. Measured with the protocol's own writer: a second
/// copy of its layouts here would drift.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameBytes {
    append_ack: u64,
    records: u64,
    records_with_tail: u64,
}

impl FrameBytes {
    pub(super) fn measure() -> Self {
        let position = Position::default();
        let ack = AppendAck { start: position, end: position, tail: position, level: Level::Memory, shard: 0 };
        let records = |tail| Push::Records(ReadBatches { tail, parts: Vec::new() });
        Self {
            append_ack: written(|out| Response::AppendAck(ack).write_head(0, out)),
            records: written(|out| records(None).write_head(0, out)),
            records_with_tail: written(|out| records(Some(position)).write_head(0, out)),
        }
    }

    fn of_batches(&self, batches: &ReadBatches) -> u64 {
        let head = if batches.tail.is_some() { self.records_with_tail } else { self.records };
        head + batches.parts.iter().map(|part| part.len() as u64).sum::<u64>()
    }

    fn of_response(&self, response: &Response) -> u64 {
        match response {
            Response::AppendAck(_) => self.append_ack,
            Response::ReadBatches(batches) => self.of_batches(batches),
            other => written(|out| other.write_head(0, out)),
        }
    }

    fn of_push(&self, push: &Push) -> u64 {
        match push {
            Push::Records(batches) => self.of_batches(batches),
            Push::Page(page) => written(|out| push.write_head(0, out)) + page.stored.len() as u64,
            other => written(|out| other.write_head(0, out)),
        }
    }

    /// What a push costs a reader's credit: what the reader has to hold of it. Of records that is the body, of a page what it holds
    /// decompressed.
    pub(super) fn credit_cost(&self, push: &Push) -> u64 {
        match push {
            Push::Page(page) => page.raw_bytes.into(),
            push => self.of_push(push) - FRAME_HEADER_BYTES as u64,
        }
    }
}

fn written(write: impl FnOnce(&mut BytesMut)) -> u64 {
    let mut out = BytesMut::new();
    write(&mut out);
    out.len() as u64
}

type Give = fn(&mut Untaken, u64, Duration);

impl Shard {
    /// Answers; nobody is there to be answered once the connection is closed.
    pub(super) fn reply(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64, response: Response) {
        let bytes = self.frame_bytes.of_response(&response);
        if let Some(connection) = self.count_output(connection, bytes, Untaken::give_answer) {
            turn.actions.push(Action::Reply { connection, id, response });
        }
    }

    /// `stable_at`: as in the action.
    pub(super) fn push(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        push: Push,
        stable_at: Option<Duration>,
    ) {
        let bytes = self.frame_bytes.of_push(&push);
        if let Some(connection) = self.count_output(connection, bytes, Untaken::give) {
            turn.actions.push(Action::Push { connection, id, push, stable_at });
        }
    }

    pub(super) fn fail(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64, error: ErrorFrame) {
        let bytes = written(|out| error.write(id, out));
        if let Some(connection) = self.count_output(connection, bytes, Untaken::give_answer) {
            turn.actions.push(Action::Fail { connection, id, error });
        }
    }

    /// What a connection may let wait now before it is pushed more. Nothing where that is less than a push: its last byte may be one
    /// that is kept back until there is room (`docs/PROTOCOL.md`), and each of very many would be given a push more.
    pub(super) fn output_share(&self) -> u64 {
        let free = self.config.output_bytes_max.saturating_sub(self.output_bytes);
        Some(free / OUTPUT_SHARE).filter(|share| *share >= PUSH_BYTES_MIN).unwrap_or(0).min(CONNECTION_OUTPUT_BYTES_MAX)
    }

    /// Whether so little is free that only one push at a time may wait, or none.
    pub fn is_output_short(&self) -> bool {
        self.output_share() < PUSH_BYTES_MIN
    }

    /// Whether nobody is given a push, not even those who have taken everything: for each of very many that is too much as well.
    pub(super) fn is_output_full(&self) -> bool {
        self.output_bytes >= self.output_eighths(OUTPUT_FULL_EIGHTHS)
    }

    /// Of what may wait for sockets.
    pub(super) fn output_eighths(&self, eighths: u64) -> u64 {
        self.config.output_bytes_max / 8 * eighths
    }

    /// What one push holds at most, unless its first batch is larger.
    pub(super) fn push_bytes_max(&self) -> u64 {
        self.output_share().clamp(PUSH_BYTES_MIN, BATCH_METERED_BYTES_MAX)
    }

    fn count_output(&mut self, key: ConnectionKey, bytes: u64, give: Give) -> Option<ConnectionId> {
        let share = self.output_share();
        let connection = self.connections.get_mut(key)?;
        give(&mut connection.output, bytes, self.now);
        self.output_bytes += bytes;
        let id = connection.id;
        if connection.wants_stop(share) != connection.stopped {
            self.note_flow(key);
        }
        Some(id)
    }

    /// The socket took some of it: readers that it held up may go on.
    pub(super) fn on_output_sent(&mut self, id: ConnectionId, bytes: u64) {
        let Some(key) = self.connections.find(id) else { return };
        self.output_bytes -= self.connections[key].output.take(bytes, self.now);
        self.join_round(key);
        self.end_silence(key);
        self.note_flow(key);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn lengths_are_those_of_the_frames() {
        let sizes = FrameBytes::measure();
        for tail in [None, Some(Position { seq_num: u64::MAX, timestamp: 1 })] {
            let batches = ReadBatches { tail, parts: vec![Bytes::from_static(&[7; 300]), Bytes::from_static(&[8; 5])] };
            let push = Push::Records(batches.clone());
            assert_eq!(sizes.of_push(&push), written(|out| push.write(u64::MAX, out)));
            let response = Response::ReadBatches(batches);
            assert_eq!(sizes.of_response(&response), written(|out| response.write(1, out)));
        }
        let position = Position { seq_num: u64::MAX, timestamp: u64::MAX };
        let ack = AppendAck { start: position, end: position, tail: position, level: Level::Object, shard: 9 };
        assert_eq!(sizes.append_ack, written(|out| Response::AppendAck(ack).write(3, out)));
    }
}
