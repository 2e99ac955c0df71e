//! Which record goes into which batch, and when a batch is ready. No I/O and no clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use futures::FutureExt;
use riverrun_protocol::batch::Record;
use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX};
use riverrun_protocol::response::AppendAck;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{BatchAck, ProducerConfig};
use crate::batch::AppendBatch;
use crate::deadline::after;
use crate::error::{Error, NotDone};

#[derive(Debug)]
pub(super) struct Batcher {
    linger: Duration,
    records_max: usize,
    bytes_max: u64,
    room_max: u32,
    forming: Option<Forming>,
    /// Full or lingered, oldest first.
    sealed: VecDeque<Sealed>,
    /// Of the latest batch that has got a record.
    latest: Option<BatchAck>,
    phase: Phase,
    /// The first failure that no flush has reported yet.
    failure: Option<Error>,
}

#[derive(Debug)]
enum Phase {
    Open,
    Closed,
    Failed(Error),
}

#[derive(Debug)]
struct Forming {
    batch: Sealed,
    metered_bytes: u64,
    since: Instant,
    ack: BatchAck,
}

/// A batch that takes no more records.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Empty once `encoded` is there.
    records: Vec<Record>,
    encoded: Option<AppendBatch>,
    /// Settled when it is first tried, and kept: a batch that is tried again belongs where it belonged.
    match_seq_num: Option<u64>,
    outcome: oneshot::Sender<Result<AppendAck, Error>>,
    /// To be given back with the outcome.
    room: usize,
}

impl Sealed {
    /// The batch as sent: encoded once, however often it is tried.
    pub(super) fn encoded(&mut self) -> Result<AppendBatch, Error> {
        if let Some(encoded) = &self.encoded {
            return Ok(encoded.clone());
        }
        let encoded = AppendBatch::encode(&std::mem::take(&mut self.records))?;
        Ok(self.encoded.insert(encoded).clone())
    }

    /// The number its first record must get; `next` counts on from batch to batch, as they are tried in order.
    pub(super) fn place(&mut self, next: &mut Option<u64>, record_count: u32) -> Option<u64> {
        if let (None, Some(seq_num)) = (self.match_seq_num, *next) {
            self.match_seq_num = Some(seq_num);
            // Where it would overflow the stream is full, and the server says so.
            *next = Some(seq_num.saturating_add(record_count.into()));
        }
        self.match_seq_num
    }

    /// Tells every record's ticket; returns the room that is free again.
    pub(super) fn settle(self, outcome: Result<AppendAck, Error>) -> usize {
        // Nobody holds a ticket any more: nobody wants to know.
        let _ = self.outcome.send(outcome);
        self.room
    }
}

/// What became of a record that was taken in.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) ack: BatchAck,
    /// The record's place in its batch.
    pub(super) index: u32,
    /// The worker has something new to do or to wait for.
    pub(super) ring: bool,
}

/// What the worker is to do next.
#[derive(Debug)]
pub(super) enum Work {
    Send(Sealed),
    /// Nothing before this moment.
    WaitUntil(Instant),
    Wait,
    End,
}

impl Batcher {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            linger: config.linger,
            records_max: config.batch_records_max.clamp(1, BATCH_RECORDS_MAX),
            bytes_max: config.batch_bytes_max.clamp(1, BATCH_METERED_BYTES_MAX),
            room_max: config.buffer_bytes_max.max(1),
            forming: None,
            sealed: VecDeque::new(),
            latest: None,
            phase: Phase::Open,
            failure: None,
        }
    }

    /// The room a record takes: its metered size, capped so that a record larger than the buffer can pass alone.
    pub(super) fn room_for(&self, record: &Record) -> u32 {
        record.metered_bytes().min(self.room_max.into()) as u32
    }

    /// # Errors
    /// `NotDone` once it is closed or has failed.
    pub(super) fn push(&mut self, record: Record, room: u32, now: Instant) -> Result<Pushed, Error> {
        if !matches!(self.phase, Phase::Open) {
            return Err(self.refusal());
        }
        let metered_bytes = record.metered_bytes();
        let sealed_before = self.sealed.len();
        if self.forming.as_ref().is_some_and(|forming| forming.metered_bytes + metered_bytes > self.bytes_max) {
            self.seal();
        }
        let is_first = self.forming.is_none();
        let forming = self.forming.get_or_insert_with(|| Forming::new(now));
        let index = forming.push(record, metered_bytes, room);
        let ack = forming.ack.clone();
        if forming.batch.records.len() >= self.records_max || forming.metered_bytes >= self.bytes_max {
            self.seal();
        }
        Ok(Pushed { ack, index, ring: is_first || self.sealed.len() > sealed_before })
    }

    /// Ends the forming batch, if there is one. The outcome of the latest batch of all.
    pub(super) fn seal(&mut self) -> Option<BatchAck> {
        if let Some(forming) = self.forming.take() {
            self.latest = Some(forming.ack);
            self.sealed.push_back(forming.batch);
        }
        self.latest.clone()
    }

    pub(super) fn next_work(&mut self, now: Instant) -> Work {
        let due = self.forming.as_ref().map(|forming| after(forming.since, self.linger));
        if due.is_some_and(|due| due <= now) {
            self.seal();
        }
        match (self.sealed.pop_front(), due, &self.phase) {
            (Some(batch), ..) => Work::Send(batch),
            (None, Some(due), _) => Work::WaitUntil(due),
            (None, None, Phase::Open) => Work::Wait,
            (None, None, _) => Work::End,
        }
    }

    /// Puts batches back that were not done, in front of those that were not tried yet.
    pub(super) fn put_back(&mut self, batches: Vec<Sealed>) {
        batches.into_iter().rev().for_each(|batch| self.sealed.push_front(batch));
    }

    /// No more records; what is there will still be sent.
    pub(super) fn close(&mut self) {
        self.seal();
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Closed;
        }
    }

    /// Nothing more will be sent. Returns the batches that never will be.
    pub(super) fn fail(&mut self, error: &Error) -> Vec<Sealed> {
        self.seal();
        self.note_failure(error);
        self.phase = Phase::Failed(error.clone());
        self.sealed.drain(..).collect()
    }

    /// For the next flush to report.
    pub(super) fn note_failure(&mut self, error: &Error) {
        self.failure.get_or_insert_with(|| error.clone());
    }

    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Why no more records are taken in.
    pub(super) fn refusal(&self) -> Error {
        match &self.phase {
            Phase::Failed(error) => Error::poisoned(error),
            Phase::Open | Phase::Closed => Error::NotDone(NotDone::Closed),
        }
    }
}

impl Forming {
    fn new(since: Instant) -> Self {
        let (outcome, ack) = oneshot::channel();
        let batch = Sealed { records: Vec::new(), encoded: None, match_seq_num: None, outcome, room: 0 };
        Self { batch, metered_bytes: 0, since, ack: ack.shared() }
    }

    fn push(&mut self, record: Record, metered_bytes: u64, room: u32) -> u32 {
        let index = self.batch.records.len() as u32;
        self.batch.records.push(record);
        self.batch.room += room as usize;
        self.metered_bytes += metered_bytes;
        index
    }
}

#[cfg(test)]
mod tests;
