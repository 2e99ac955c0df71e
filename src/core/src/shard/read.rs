//! Where a read starts, and whether it may (`s2-semantics.md` C1, C3, C4).

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{ReadParams, ReadStart, StreamRef};
use riverrun_protocol::types::Position;

use super::connection::{ConnectionKey, InProgress};
use super::load::Deferred;
use super::reader::{Reader, ReaderKey, ReaderKind};
use super::stream::{Stream, StreamKey};
use super::streams::Located;
use super::{Shard, Turn};
use crate::action::LoadCause;

/// A read's start, resolved as far as what is in memory allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Start {
    pub(super) cursor: u64,
    /// The record is in a chunk that begins at the cursor: skip what is earlier than this.
    pub(super) not_before: Option<u64>,
}

impl Start {
    fn at(cursor: u64) -> Self {
        Self { cursor, not_before: None }
    }
}

/// Reading at or beyond the tail without permission to wait: 416, with the tail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unwritten(pub(super) Position);

/// C4, steps 1-4, with T = the stable tail right now.
pub(super) fn resolve_start(stream: &Stream, params: &ReadParams, may_follow: bool) -> Result<Start, Unwritten> {
    let tail = stream.stable;
    let start = match params.start {
        ReadStart::TailOffset(offset) => ReadStart::SeqNum(tail.seq_num.saturating_sub(offset)),
        start => start,
    };
    let is_beyond = match start {
        ReadStart::SeqNum(seq_num) => seq_num > tail.seq_num,
        ReadStart::Timestamp(timestamp) => timestamp > tail.timestamp,
        ReadStart::TailOffset(_) => false,
    };
    match start {
        _ if is_beyond && !params.clamp => Err(Unwritten(tail)),
        ReadStart::Timestamp(timestamp) if !is_beyond => Ok(first_at_or_after(stream, timestamp)),
        ReadStart::SeqNum(seq_num) if seq_num < tail.seq_num => Ok(Start::at(seq_num.max(stream.start_seq_num))),
        _ if may_follow => Ok(Start::at(tail.seq_num)),
        _ => Err(Unwritten(tail)),
    }
}

/// The first surviving record with this timestamp or a later one, which is at or below the tail's; the tail where there is
/// none. Timestamps never decrease, so that what is in memory answers for sure only where its first record is earlier.
fn first_at_or_after(stream: &Stream, timestamp: u64) -> Start {
    let in_memory = stream.memory.front().is_some_and(|first| first.batch.first_timestamp() < timestamp);
    let chunk = stream.chunks.get(stream.chunks.partition_point(|chunk| chunk.last_timestamp < timestamp));
    match chunk {
        Some(chunk) if !in_memory => {
            let survivor = chunk.first_seq_num.max(stream.start_seq_num);
            let is_first = chunk.first_timestamp >= timestamp;
            Start { cursor: survivor, not_before: (!is_first).then_some(timestamp) }
        }
        _ => Start::at(first_in_memory(stream, timestamp).max(stream.start_seq_num)),
    }
}

fn first_in_memory(stream: &Stream, timestamp: u64) -> u64 {
    let index = stream.memory.partition_point(|batch| batch.batch.last_timestamp() < timestamp);
    let first = stream.memory.get(index).map(|memory| &memory.batch);
    let seq_num = first.map(|batch| batch.first_seq_num() + u64::from(batch.first_at_or_after(timestamp)));
    seq_num.map_or(stream.stable.seq_num, |seq_num| seq_num.min(stream.stable.seq_num))
}

impl Shard {
    /// The way of both kinds of read: checked, put under its id, and admitted when its stream is there.
    pub(super) fn begin_read(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionKey,
        id: u64,
        target: &StreamRef,
        kind: ReaderKind,
        params: ReadParams,
    ) {
        if let Err(error) = check_params(&params) {
            return self.fail(turn, connection, id, error);
        }
        let located = match self.locate(turn, connection, target, LoadCause::Read, 0) {
            Ok(located) => located,
            Err(error) => return self.fail(turn, connection, id, error),
        };
        let reader = self.readers.insert(Reader::new(connection, id, kind, &params));
        self.connections[connection].begin(id, InProgress::Reader(reader));
        match located {
            Located::Open(stream) => self.admit_read(turn, reader, stream, &params),
            Located::Loading(load) => self.defer(turn, load, connection, Deferred::Read { reader, params }),
        }
    }

    /// The stream is there: from here on the tail that this read was admitted at is fixed (C14).
    pub(super) fn admit_read(
        &mut self,
        turn: &mut Turn<'_>,
        key: ReaderKey,
        stream_key: StreamKey,
        params: &ReadParams,
    ) {
        let Some(reader) = self.readers.get_mut(key) else { return };
        if reader.closing {
            return self.end_reader(turn, key);
        }
        let stream = &mut self.streams[stream_key];
        stream.recently_used = true;
        match resolve_start(stream, params, reader.may_follow) {
            Ok(start) => {
                stream.users += 1;
                reader.admit(stream_key, start.cursor, start.not_before, stream.stable);
                self.read_admitted(turn, key, stream_key);
                self.mark_ready(key);
            }
            Err(Unwritten(tail)) => self.fail_reader(turn, key, unwritten(tail)),
        }
    }

    fn read_admitted(&mut self, turn: &mut Turn<'_>, key: ReaderKey, stream: StreamKey) {
        if self.readers[key].is_session() {
            self.read_session_opened(turn, key, stream);
        } else {
            self.counters.reads += 1;
        }
    }
}

/// Before the stream is looked up, so that a read that can never be served creates no stream (C1).
fn check_params(params: &ReadParams) -> Result<(), ErrorFrame> {
    match (params.start, params.until) {
        (ReadStart::Timestamp(start), Some(until)) if start >= until => {
            Err(ErrorFrame::new(ErrorCode::Invalid, "start `timestamp` exceeds or equal to `until`"))
        }
        _ => Ok(()),
    }
}

fn unwritten(tail: Position) -> ErrorFrame {
    let why = format!("nothing is written there: the tail is {} @ {}", tail.seq_num, tail.timestamp);
    ErrorFrame { tail: Some(tail), ..ErrorFrame::new(ErrorCode::Unwritten, why) }
}
