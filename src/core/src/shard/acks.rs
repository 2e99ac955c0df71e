//! From durable to acknowledged: what happens when the longest complete prefix of the journal grows.

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::response::{AppendAck, Response};
use riverrun_protocol::types::{Level, Position};

use super::append_session::AppendSessionKey;
use super::connection::ConnectionKey;
use super::stream::{MemoryBatch, StreamKey};
use super::{Shard, Turn};

/// An accepted batch on its way to the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingAppend {
    pub(super) stream: StreamKey,
    pub(super) ack: PendingAck,
}

/// Whom to tell, and what.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingAck {
    pub(super) to: AckTo,
    /// The first record; and (last number + 1, last timestamp) (`s2-semantics.md` B8).
    pub(super) start: Position,
    pub(super) end: Position,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AckTo {
    /// A single append, by the request's id.
    Request(ConnectionKey, u64),
    Session(AppendSessionKey),
    /// Nobody: the stream is deleted, and this is its last record.
    TerminalTrim(StreamKey),
}

/// A block, once it belongs to the complete prefix: of a journal, or of memory.
#[derive(Debug)]
pub(super) struct DurableBlock {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) appends: Vec<PendingAppend>,
    pub(super) batches: Vec<Bytes>,
}

impl Shard {
    /// First every batch of the block becomes stable, then all are acknowledged: an ack's tail is the stream's as of now
    /// (`s2-semantics.md` B8), and whoever is answered after an ack sees at least as much (C14).
    pub(super) fn on_block_durable(&mut self, turn: &mut Turn<'_>, block: DurableBlock) {
        let DurableBlock { number, bytes, appends, batches } = block;
        let overhead = overhead_of_each(bytes, &batches);
        for (append, bytes) in appends.iter().zip(batches) {
            let footprint = overhead + bytes.len() as u32;
            let batch = Batch::parse(bytes).expect("the shard stamped it itself, and nobody wrote to it since");
            let batch = MemoryBatch { batch, block: number, footprint };
            self.on_batch_durable(turn, append.stream, batch);
        }
        for append in &appends {
            self.settle(turn, *append);
        }
        for append in appends {
            self.on_settled(turn, append.stream);
        }
    }

    /// More of the stream is stable, and the acks for it are out: what waited for that.
    fn on_settled(&mut self, turn: &mut Turn<'_>, key: StreamKey) {
        self.release_refusals(turn, key);
        self.answer_closed(turn, key);
    }

    fn on_batch_durable(&mut self, turn: &mut Turn<'_>, key: StreamKey, batch: MemoryBatch) {
        let bytes = batch.batch.bytes().len() as u64;
        let stream = &mut self.streams[key];
        let stable_before = stream.stable;
        stream.on_journaled(batch);
        let is_news = stream.stable != stable_before;
        self.lanes.of_mut(stream.class).on_journaled(key, stream, bytes, turn.now.monotonic);
        if is_news {
            self.wake_tail(key);
        }
    }

    /// Acknowledges what is stable; what a standard stream still has to store waits for that.
    fn settle(&mut self, turn: &mut Turn<'_>, append: PendingAppend) {
        let stream = &mut self.streams[append.stream];
        if append.ack.end.seq_num <= stream.stable.seq_num {
            let (tail, level) = (stream.stable, self.level_of(append.stream));
            self.acknowledge(turn, append.ack, tail, level);
        } else {
            stream.awaiting_store.push_back(append.ack);
        }
    }

    /// A standard stream's records reached the store.
    pub(super) fn settle_stored(&mut self, turn: &mut Turn<'_>, key: StreamKey) {
        loop {
            let stream = &mut self.streams[key];
            let tail = stream.stable;
            let is_stable = stream.awaiting_store.front().is_some_and(|ack| ack.end.seq_num <= tail.seq_num);
            let Some(ack) = is_stable.then(|| stream.awaiting_store.pop_front()).flatten() else { break };
            self.acknowledge(turn, ack, tail, self.level_of(key));
        }
        self.on_settled(turn, key);
    }

    /// What a stable record of this stream has reached.
    pub(super) fn level_of(&self, key: StreamKey) -> Level {
        let stream = &self.streams[key];
        let is_stored = stream.is_standard() && stream.stable == stream.published;
        if is_stored { self.config.store_level() } else { self.config.journal_level() }
    }

    fn acknowledge(&mut self, turn: &mut Turn<'_>, ack: PendingAck, tail: Position, level: Level) {
        assert!(!self.failed, "nothing is acknowledged after a failure (reliability.md P9)");
        if let AckTo::TerminalTrim(stream) = ack.to {
            return self.on_terminal_trim_stable(turn, stream);
        }
        let response =
            Response::AppendAck(AppendAck { start: ack.start, end: ack.end, tail, level, shard: self.config.shard });
        self.counters.acks += 1;
        match ack.to {
            AckTo::Request(connection, id) => {
                self.reply(turn, connection, id, response);
                self.end_request(connection, id);
            }
            AckTo::Session(session) => self.acknowledge_input(turn, session, response),
            AckTo::TerminalTrim(_) => {}
        }
    }
}

/// What a block takes beyond its batches, spread over them.
fn overhead_of_each(block_bytes: u64, batches: &[Bytes]) -> u32 {
    let bytes: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    (block_bytes.saturating_sub(bytes) / batches.len().max(1) as u64) as u32
}
