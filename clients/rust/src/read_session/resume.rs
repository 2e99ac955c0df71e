//! Where a read session is, and what is left of its bounds: what a reconnect has to ask for so that no record is skipped or
//! repeated (`s2-semantics.md` I5). Pure.

use std::time::Duration;

use riverrun_protocol::batch::Batch;
use riverrun_protocol::request::{ReadParams, ReadStart};
use riverrun_protocol::response::SessionOpened;
use riverrun_protocol::types::{Position, StreamId};
use tokio::time::Instant;

use crate::error::{Error, Terminal};

#[derive(Debug)]
pub(super) struct Resume {
    /// As the application asked; count and bytes shrink with what arrives.
    params: ReadParams,
    /// The lowest number that may still come; `None` until the start is known as a number.
    next: Option<u64>,
    stream_id: Option<StreamId>,
    tail: Option<Position>,
    tail_at: Option<Instant>,
    caught_up: bool,
}

impl Resume {
    pub(super) fn new(params: ReadParams) -> Self {
        Self { params, next: None, stream_id: None, tail: None, tail_at: None, caught_up: false }
    }

    /// What to ask for now.
    pub(super) fn params(&self, now: Instant) -> ReadParams {
        let mut params = self.params.clone();
        if let Some(next) = self.next {
            params.start = ReadStart::SeqNum(next);
        }
        // Full until a tail has been seen, then less by the whole seconds since the last frame that had one.
        if let (Some(wait), Some(at)) = (params.wait_secs, self.tail_at) {
            let waited: Duration = now.saturating_duration_since(at);
            params.wait_secs = Some(wait.saturating_sub(waited.as_secs().min(u32::MAX.into()) as u32));
        }
        params
    }

    /// A bound is used up: there is nothing left to ask for.
    pub(super) fn is_satisfied(&self) -> bool {
        self.params.count == Some(0) || self.params.bytes == Some(0)
    }

    /// A reconnect was answered 416 with this tail. If the session stands exactly at it, everything up to it was delivered,
    /// and the server would have ended the session cleanly had the connection lasted a moment longer.
    pub(super) fn has_read_up_to(&self, tail: Position) -> bool {
        self.next == Some(tail.seq_num)
    }

    pub(super) fn next_seq_num(&self) -> Option<u64> {
        self.next
    }

    pub(super) fn stream_id(&self) -> Option<StreamId> {
        self.stream_id
    }

    pub(super) fn tail(&self) -> Option<Position> {
        self.tail
    }

    /// `s2-semantics.md` C13.
    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// # Errors
    /// `Recreated` if the name now belongs to another stream.
    pub(super) fn on_opened(&mut self, opened: &SessionOpened) -> Result<(), Error> {
        if *self.stream_id.get_or_insert(opened.stream_id) != opened.stream_id {
            return Err(Error::Terminal(Terminal::Recreated));
        }
        if self.next.is_none() {
            self.next = settled(&self.params, opened.tail);
        }
        Ok(())
    }

    /// # Errors
    /// A batch of another stream, or one that repeats what was delivered.
    pub(super) fn on_batch(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.stream_id != Some(batch.stream_id()) {
            return Err(Error::violation(format_args!("records of another stream, {}", batch.stream_id())));
        }
        if let Some(next) = self.next
            && batch.first_seq_num() < next
        {
            let first = batch.first_seq_num();
            return Err(Error::violation(format_args!("record {first} came where {next} was the lowest that could")));
        }
        self.next = Some(batch.end_seq_num());
        self.caught_up = false;
        use_up(&mut self.params.count, batch.record_count().into());
        use_up(&mut self.params.bytes, batch.metered_bytes());
        Ok(())
    }

    /// The tail that came with the records delivered last.
    pub(super) fn on_tail(&mut self, tail: Position, now: Instant) {
        self.caught_up = self.next == Some(tail.seq_num);
        self.tail = Some(tail);
        self.tail_at = Some(now);
    }

    /// Everything below `tail` has been delivered (`s2-semantics.md` C8).
    pub(super) fn on_heartbeat(&mut self, tail: Position, now: Instant) {
        self.next = self.next.max(Some(tail.seq_num));
        self.on_tail(tail, now);
    }

    pub(super) fn on_lost(&mut self) {
        self.caught_up = false;
    }
}

/// A start that the tail at opening settles as a number, so that a reconnect before the first frame does not settle it anew,
/// further on (`s2-semantics.md` C4, steps 1 and 2).
fn settled(params: &ReadParams, tail: Position) -> Option<u64> {
    match params.start {
        ReadStart::SeqNum(seq_num) => Some(seq_num.min(tail.seq_num)),
        ReadStart::TailOffset(offset) => Some(tail.seq_num.saturating_sub(offset)),
        ReadStart::Timestamp(timestamp) if timestamp > tail.timestamp => Some(tail.seq_num),
        ReadStart::Timestamp(_) => None,
    }
}

fn use_up(bound: &mut Option<u64>, amount: u64) {
    if let Some(left) = bound {
        *left = left.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests;
