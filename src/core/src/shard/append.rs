//! A batch from the wire to its place in a stream: checked, held up while there is no room, numbered and stamped.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{self, Ingested, Stamp};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{AppendConditions, StreamRef};
use riverrun_protocol::types::Position;

use super::acks::{AckTo, PendingAck, PendingAppend};
use super::commands::Effects;
use super::conditions::Refusal;
use super::connection::{ConnectionKey, InProgress};
use super::load::Deferred;
use super::rights::Missing;
use super::stream::{Stream, StreamKey};
use super::streams::Located;
use super::timestamps::Timestamps;
use super::{Shard, Turn, conditions, rights};
use crate::action::{Action, LoadCause};
use crate::event::{AppendRights, BatchBytes};
use crate::limits::{CONNECTION_WAITING_BYTES_MAX, CONNECTION_WAITING_BYTES_SHARE, SHARD_WAITING_BYTES_MAX};

/// A batch that passed ingest (`s2-semantics.md` B2, step 2).
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) bytes: BatchBytes<'a>,
    pub(super) conditions: AppendConditions,
    pub(super) facts: Ingested,
}

/// The same, for as long as it has to wait.
#[derive(Debug)]
pub(super) struct OwnedInput {
    bytes: OwnedBytes,
    conditions: AppendConditions,
    facts: Ingested,
}

#[derive(Debug)]
enum OwnedBytes {
    Copied(Bytes),
    Received { frame: BytesMut, batch: std::ops::Range<usize> },
}

impl Input<'_> {
    fn into_owned(self) -> OwnedInput {
        let bytes = match self.bytes {
            BatchBytes::Borrowed(bytes) => OwnedBytes::Copied(Bytes::copy_from_slice(bytes)),
            BatchBytes::Received { frame, batch } => OwnedBytes::Received { frame, batch },
        };
        OwnedInput { bytes, conditions: self.conditions, facts: self.facts }
    }

    /// What it would take while it waits.
    fn waiting_bytes(&self) -> usize {
        match &self.bytes {
            BatchBytes::Borrowed(bytes) => bytes.len(),
            BatchBytes::Received { frame, .. } => frame.capacity(),
        }
    }
}

impl OwnedInput {
    /// What it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        match &self.bytes {
            OwnedBytes::Copied(bytes) => bytes.len(),
            OwnedBytes::Received { frame, .. } => frame.capacity(),
        }
    }
}

/// An append that waits until there is room.
#[derive(Debug)]
pub(super) struct WaitingAppend {
    pub(super) stream: StreamKey,
    connection: ConnectionKey,
    to: AckTo,
    input: OwnedInput,
}

impl Shard {
    pub(super) fn on_append(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        target: &StreamRef,
        input: Result<Input<'_>, BadInput>,
    ) {
        let input = match input {
            Ok(input) => input,
            Err(bad) => {
                self.tell_of_denial(turn, connection, &bad, target);
                return self.refuse_append(turn, connection, AckTo::Request(connection, id), bad.into());
            }
        };
        let located = self.locate(turn, connection, target, LoadCause::Append, input.waiting_bytes());
        self.connections[connection].begin(id, InProgress::Request);
        match located {
            Err(error) => self.refuse_append(turn, connection, AckTo::Request(connection, id), error),
            Ok(Located::Open(stream)) => self.offer(turn, stream, connection, AckTo::Request(connection, id), input),
            Ok(Located::Loading(load)) => {
                let input = self.keep(input);
                self.defer(turn, load, connection, Deferred::Append { id, input });
            }
        }
    }

    /// What somebody tried and may not do is for the audit stream, whatever else becomes of it.
    pub(super) fn tell_of_denial(
        &self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        bad: &BadInput,
        target: &StreamRef,
    ) {
        if let BadInput::Denied(missing) = bad {
            let (connection, operation) = (self.connections[connection].id, missing.operation);
            turn.actions.push(Action::Denied { connection, operation, target: target.clone() });
        }
    }

    /// For a batch that cannot go on right now.
    pub(super) fn keep(&mut self, input: Input<'_>) -> OwnedInput {
        self.counters.copied_bytes += input.bytes.copied_bytes() as u64;
        input.into_owned()
    }

    /// The stream is open: accepts the batch, or lets it wait behind those that wait already, so that nothing overtakes.
    pub(super) fn offer(
        &mut self,
        turn: &mut Turn<'_>,
        stream: StreamKey,
        connection: ConnectionKey,
        to: AckTo,
        input: Input<'_>,
    ) {
        if self.may_accept(stream) {
            self.accept(turn, stream, connection, to, input);
        } else {
            let input = self.keep(input);
            self.wait_for_room(turn, WaitingAppend { stream, connection, to, input });
        }
    }

    /// As [`Shard::offer`], for a batch that was kept.
    pub(super) fn offer_owned(
        &mut self,
        turn: &mut Turn<'_>,
        stream: StreamKey,
        connection: ConnectionKey,
        to: AckTo,
        input: OwnedInput,
    ) {
        let append = WaitingAppend { stream, connection, to, input };
        if self.may_accept(stream) {
            self.accept_owned(turn, append);
        } else {
            self.wait_for_room(turn, append);
        }
    }

    /// To be refused by a stream that is closed, no batch needs to wait.
    fn may_accept(&mut self, stream: StreamKey) -> bool {
        !self.streams[stream].is_open() || (self.waiting_appends.is_empty() && self.has_append_room())
    }

    fn has_append_room(&mut self) -> bool {
        self.backlog.has_room() && self.writer.has_room()
    }

    fn accept_owned(&mut self, turn: &mut Turn<'_>, append: WaitingAppend) {
        let WaitingAppend { stream, connection, to, input: OwnedInput { bytes, conditions, facts } } = append;
        match bytes {
            OwnedBytes::Copied(bytes) => {
                let input = Input { bytes: BatchBytes::Borrowed(&bytes), conditions, facts };
                self.accept(turn, stream, connection, to, input);
            }
            OwnedBytes::Received { frame, batch } => {
                let input = Input { bytes: BatchBytes::Received { frame, batch }, conditions, facts };
                self.accept(turn, stream, connection, to, input);
            }
        }
    }

    /// The batch's turn has come (`s2-semantics.md` B2, steps 6-8). Every check is before the first byte is taken.
    fn accept(&mut self, turn: &mut Turn<'_>, key: StreamKey, connection: ConnectionKey, to: AckTo, input: Input<'_>) {
        if let AckTo::Session(session) = to
            && self.discards_waiting(session)
        {
            return self.discard_input(turn, session);
        }
        if let Err(refusal) = self.check_accept(key, &input) {
            return self.refuse_revealing(turn, key, connection, to, refusal);
        }
        self.counters.appends += 1;
        self.counters.appended_records += u64::from(input.facts.record_count);
        self.counters.appended_bytes += input.facts.batch_bytes as u64;
        self.counters.copied_bytes += input.bytes.copied_bytes() as u64;
        self.put(turn, key, to, input);
    }

    fn check_accept(&self, key: StreamKey, input: &Input<'_>) -> Result<(), Refusal> {
        let stream = &self.streams[key];
        stream.check_open()?;
        conditions::check(stream, &input.conditions, &input.facts)
    }

    /// From here on the batch has its numbers, and nothing but the end of the process keeps it from becoming stable.
    pub(super) fn put(&mut self, turn: &mut Turn<'_>, key: StreamKey, to: AckTo, input: Input<'_>) {
        let Input { bytes, facts, .. } = input;
        let stream = &mut self.streams[key];
        stream.on_put(turn.now);
        let stamp = stamp_of(stream, turn.now.wall_ms, self.config.steady_ms(turn.now));
        if facts.has_fences {
            let numbered = batch::commands(bytes.batch())
                .map(|(index, command)| (stamp.first_seq_num + u64::from(index), command));
            stream.set_fence(Effects::of(numbered));
        }
        let timestamps = Timestamps::new(stream.next.timestamp, stamp.arrival_ms, &stream.entry.config);
        self.writer.put(&mut self.slabs, bytes, &facts, turn.now.monotonic, |batch| {
            let (first, last) = stamp_batch(batch, &stamp, timestamps);
            let start = Position { seq_num: stamp.first_seq_num, timestamp: first };
            let end = Position { seq_num: stamp.first_seq_num + u64::from(facts.record_count), timestamp: last };
            stream.next = end;
            PendingAppend { stream: key, ack: PendingAck { to, start, end } }
        });
    }

    fn wait_for_room(&mut self, turn: &mut Turn<'_>, append: WaitingAppend) {
        if let Err(error) = self.count_waiting(append.connection, append.input.bytes()) {
            return self.refuse_append(turn, append.connection, append.to, error);
        }
        self.streams[append.stream].users += 1;
        self.connections[append.connection].waiting_appends += 1;
        self.waiting_appends.push_back(append);
    }

    /// Lets waiting appends in, oldest first, while there is room. True if any went in.
    pub(super) fn admit_waiting(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut admitted = false;
        while !self.waiting_appends.is_empty() && self.has_append_room() {
            let Some(append) = self.take_waiting() else { break };
            self.accept_owned(turn, append);
            admitted = true;
        }
        admitted
    }

    fn take_waiting(&mut self) -> Option<WaitingAppend> {
        let append = self.waiting_appends.pop_front()?;
        self.forget_waiting(&append);
        Some(append)
    }

    fn forget_waiting(&mut self, append: &WaitingAppend) {
        self.streams[append.stream].users -= 1;
        self.uncount_waiting(append.connection, append.input.bytes());
        if let Some(connection) = self.connections.get_mut(append.connection) {
            connection.waiting_appends -= 1;
        }
    }

    /// Refuses all that wait for room, oldest first; they never had an effect.
    pub(super) fn refuse_waiting(&mut self, turn: &mut Turn<'_>, error: &ErrorFrame) {
        while let Some(append) = self.take_waiting() {
            self.refuse_in_turn(turn, append.connection, append.to, error.clone());
        }
    }

    /// Refuses those of one stream that wait for room, oldest first.
    pub(super) fn refuse_waiting_of(&mut self, turn: &mut Turn<'_>, stream: StreamKey, error: &ErrorFrame) {
        let waiting = std::mem::take(&mut self.waiting_appends);
        for append in waiting {
            if append.stream == stream {
                self.forget_waiting(&append);
                self.refuse_in_turn(turn, append.connection, append.to, error.clone());
            } else {
                self.waiting_appends.push_back(append);
            }
        }
    }

    /// The connection is closed: what it had waiting was not accepted, and never will be.
    pub(super) fn drop_waiting_of(&mut self, connection: ConnectionKey) {
        let waiting = std::mem::take(&mut self.waiting_appends);
        for append in waiting {
            if append.connection == connection {
                self.forget_waiting(&append);
            } else {
                self.waiting_appends.push_back(append);
            }
        }
    }

    /// # Errors
    /// `Overloaded` where the connection or the shard holds too many waiting bytes.
    pub(super) fn count_waiting(&mut self, connection: ConnectionKey, bytes: usize) -> Result<(), ErrorFrame> {
        self.check_waiting(connection, bytes)?;
        self.connections[connection].waiting_bytes += bytes;
        self.waiting_bytes += bytes;
        self.note_flow(connection);
        Ok(())
    }

    /// As [`Shard::count_waiting`], without counting. Each connection has a share of its own, however much others hold: what was
    /// on its way when it was told to stop finds room there, so that back-pressure never becomes a refusal.
    pub(super) fn check_waiting(&self, connection: ConnectionKey, bytes: usize) -> Result<(), ErrorFrame> {
        let of_connection = self.connections[connection].waiting_bytes + bytes;
        if of_connection > CONNECTION_WAITING_BYTES_MAX {
            return Err(overloaded(
                "this connection sent more appends than may wait; wait for acks before sending more",
            ));
        }
        if of_connection > CONNECTION_WAITING_BYTES_SHARE && self.waiting_bytes + bytes > SHARD_WAITING_BYTES_MAX {
            return Err(overloaded("the server holds too many waiting appends; try again later"));
        }
        Ok(())
    }

    pub(super) fn uncount_waiting(&mut self, connection: ConnectionKey, bytes: usize) {
        self.waiting_bytes -= bytes;
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.waiting_bytes -= bytes;
        }
        self.note_flow(connection);
    }

    /// Refuses a batch that had no effect: a single append is answered, a session is poisoned.
    pub(super) fn refuse_append(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        to: AckTo,
        error: ErrorFrame,
    ) {
        self.counters.appends_refused += 1;
        match to {
            AckTo::Request(_, id) => {
                self.fail(turn, connection, id, error);
                self.end_request(connection, id);
            }
            AckTo::Session(session) => self.refuse_input(turn, session, error),
            // Nobody sent it, and nothing refuses it.
            AckTo::TerminalTrim(_) => {}
        }
    }

    /// As [`Shard::refuse_append`], for a batch whose turn has come: in its session it is the first to be refused, whatever was
    /// said of those behind it.
    fn refuse_in_turn(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, to: AckTo, error: ErrorFrame) {
        match to {
            AckTo::Session(session) if self.discards_waiting(session) => self.discard_input(turn, session),
            AckTo::Session(session) => {
                self.poison(session, error.clone());
                self.refuse_append(turn, connection, to, error);
            }
            _ => self.refuse_append(turn, connection, to, error),
        }
    }
}

/// Why a batch is refused before anything is looked up.
#[derive(Debug)]
pub(super) enum BadInput {
    Malformed(ErrorFrame),
    Denied(Missing),
}

impl From<BadInput> for ErrorFrame {
    fn from(bad: BadInput) -> Self {
        match bad {
            BadInput::Malformed(error) => error,
            BadInput::Denied(missing) => missing.into(),
        }
    }
}

/// Structure, limits, sums, command syntax (`s2-semantics.md` A3-A5, B5) and rights, before anything is looked up.
pub(super) fn ingest<'a>(
    bytes: BatchBytes<'a>,
    conditions: AppendConditions,
    allowed: AppendRights,
) -> Result<Input<'a>, BadInput> {
    let facts = batch::check_ingest(bytes.batch()).map_err(|error| BadInput::Malformed(error.into()))?;
    rights::check(allowed, &facts).map_err(BadInput::Denied)?;
    Ok(Input { bytes, conditions, facts })
}

pub(super) fn overloaded(why: &str) -> ErrorFrame {
    ErrorFrame::new(ErrorCode::Overloaded, why)
}

/// The server's part of the next batch's header.
fn stamp_of(stream: &Stream, arrival_ms: u64, written_ms: u64) -> Stamp {
    Stamp {
        stream_id: stream.entry.id,
        first_seq_num: stream.next.seq_num,
        arrival_ms,
        expires_at_ms: stream.entry.expires_at_ms(written_ms),
    }
}

/// Numbers the batch and assigns its timestamps; returns the first and the last of them.
fn stamp_batch(batch: &mut [u8], stamp: &Stamp, mut timestamps: Timestamps) -> (u64, u64) {
    let (mut first, mut last) = (None, 0);
    batch::stamp(batch, stamp, |client| {
        last = timestamps.assign(client);
        first.get_or_insert(last);
        last
    });
    (first.unwrap_or(last), last)
}
