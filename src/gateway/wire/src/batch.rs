//! Where records cross between S2's bodies and the protocol's batches.
//!
//! In: a JSON or protobuf body becomes an [`AppendInput`], whose records are slices of the body, and that becomes one encoded batch;
//! the protocol's own encoder judges limits and commands in S2's words. Out: the broker's batches become a [`ReadBatch`], from which
//! the writers of JSON and protobuf take one record at a time, never a list of them.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{self, Batch, Record, RecordView};
use riverrun_protocol::error::DecodeError;
use riverrun_protocol::request::{Append, AppendConditions, SessionAppend, StreamRef};
use riverrun_protocol::response::ReadBatches;
use riverrun_protocol::types::Position;

use crate::error::{HttpError, S2Code};

/// One append as a client says it (`s2-semantics.md` B1); limits not yet judged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppendInput {
    pub conditions: AppendConditions,
    pub records: Vec<Record>,
}

/// One append as the broker takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedAppend {
    pub conditions: AppendConditions,
    /// One batch, `docs/PROTOCOL.md`.
    pub batch: Bytes,
    /// Of all records (`s2-semantics.md` A4): what back-pressure counts.
    pub metered_bytes: u64,
}

impl AppendInput {
    /// # Errors
    /// `invalid` with S2's message for the rule that is broken (`s2-semantics.md` A3, A5, B5).
    pub fn encode(self) -> Result<EncodedAppend, HttpError> {
        let mut encoded = BytesMut::new();
        batch::encode_into(&self.records, &mut encoded).map_err(|error| HttpError::invalid(error.what))?;
        let metered_bytes = self.records.iter().map(Record::metered_bytes).sum();
        Ok(EncodedAppend { conditions: self.conditions, batch: encoded.freeze(), metered_bytes })
    }
}

impl EncodedAppend {
    /// As a request of its own.
    pub fn append(&self, target: StreamRef) -> Append<'_> {
        Append { target, conditions: self.conditions.clone(), batch: &self.batch }
    }

    /// As one input of an append session.
    pub fn session_append(&self) -> SessionAppend<'_> {
        SessionAppend { conditions: self.conditions.clone(), batch: &self.batch }
    }
}

/// Records as a read answers them: batches that have been checked down to the producer's sums, and the tail where the broker told it
/// (`s2-semantics.md` C8). Without records and with a tail it is a heartbeat; without both, an answer of nothing (C9).
#[derive(Clone, Debug, Default)]
pub struct ReadBatch {
    batches: Vec<Batch>,
    pub tail: Option<Position>,
}

impl ReadBatch {
    /// # Errors
    /// `storage` where a checksum is wrong, `other` where the bytes are no batches: nothing wrong is passed on.
    pub fn open(received: &ReadBatches) -> Result<Self, HttpError> {
        let batches = received.batches().map_err(|error| HttpError::broken_answer(&error))?;
        for batch in &batches {
            batch.verify_payload().map_err(|error| damaged(batch, &error))?;
        }
        Ok(Self { batches, tail: received.tail })
    }

    /// Says that everything below `tail` has been delivered (`s2-semantics.md` C8).
    pub fn heartbeat(tail: Position) -> Self {
        Self { batches: Vec::new(), tail: Some(tail) }
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub fn record_count(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.record_count())).sum()
    }

    /// `s2-semantics.md` A4.
    pub fn metered_bytes(&self) -> u64 {
        self.batches.iter().map(Batch::metered_bytes).sum()
    }

    pub fn last_seq_num(&self) -> Option<u64> {
        self.batches.last().map(|batch| batch.end_seq_num() - 1)
    }

    /// In order, as slices of the received bytes.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<RecordView, HttpError>> {
        self.batches
            .iter()
            .flat_map(|batch| batch.records().map(|record| record.map_err(|error| damaged(batch, &error))))
    }
}

fn damaged(batch: &Batch, error: &DecodeError) -> HttpError {
    let (first, end) = (batch.first_seq_num(), batch.end_seq_num());
    HttpError::new(
        S2Code::Storage,
        format!("records {first}..{end} of stream {} are damaged: {error}", batch.stream_id()),
    )
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
