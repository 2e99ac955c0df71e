//! The read that is answered once (`s2-semantics.md` C2, C9): one batch's worth of records, or what comes within the wait.

use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX, UNARY_WAIT_SECS_MAX};
use riverrun_protocol::request::{Read, ReadParams};
use riverrun_protocol::response::{ReadBatches, Response};

use super::connection::ConnectionKey;
use super::reader::{Phase, Reader, ReaderKind};
use super::take::Taken;
use super::{Shard, Turn};

impl Shard {
    pub(super) fn on_read(&mut self, turn: &mut Turn<'_>, connection: ConnectionKey, id: u64, read: Read) {
        let Read { target, params } = read;
        let kind = ReaderKind::Single(Taken::default());
        self.begin_read(turn, connection, id, &target, kind, with_implicit_bounds(&params));
    }

    /// Everything that was found, which may be nothing. Only an answer that was waited for carries the tail.
    pub(super) fn answer_read(&mut self, turn: &mut Turn<'_>, reader: &Reader, taken: Taken) {
        let follows = matches!(reader.phase, Phase::Following { .. });
        let stream = reader.stream.filter(|_| follows && !taken.is_empty());
        let tail = stream.map(|stream| self.streams[stream].stable);
        let batches = ReadBatches { tail, parts: taken.parts };
        self.reply(turn, reader.connection, reader.id, Response::ReadBatches(batches));
    }
}

/// C2: a single read always has bounds, and never waits for longer than a minute.
fn with_implicit_bounds(params: &ReadParams) -> ReadParams {
    let count_max = BATCH_RECORDS_MAX as u64;
    ReadParams {
        count: Some(params.count.map_or(count_max, |count| count.min(count_max))),
        bytes: Some(params.bytes.map_or(BATCH_METERED_BYTES_MAX, |bytes| bytes.min(BATCH_METERED_BYTES_MAX))),
        wait_secs: params.wait_secs.map(|wait| wait.min(UNARY_WAIT_SECS_MAX)),
        ..params.clone()
    }
}
