//! Records on their way in and out.

use std::vec;

use bytes::Bytes;
use riverrun_protocol::batch::{self, Batch, Record, RecordView};
use riverrun_protocol::response::ReadBatches;
use riverrun_protocol::types::Position;

use crate::error::Error;

/// Records encoded once, ready to be sent as often as wanted: the checksums are in it, and clones share the bytes.
///
/// ```
/// use riverrun_client::{AppendBatch, Record};
///
/// let batch = AppendBatch::encode(&[Record::new("a"), Record::new("b")])?;
/// assert_eq!(batch.record_count(), 2);
/// assert_eq!(batch.metered_bytes(), 18);
/// # Ok::<(), riverrun_client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppendBatch {
    bytes: Bytes,
    record_count: u32,
    metered_bytes: u64,
}

impl AppendBatch {
    /// # Errors
    /// `NotDone(InvalidInput)` beyond a limit of `s2-semantics.md` A5: 1 to 1000 records, 1 MiB metered.
    pub fn encode(records: &[Record]) -> Result<Self, Error> {
        let bytes = batch::encode(records).map_err(|error| Error::invalid(error.what))?.freeze();
        let metered_bytes = records.iter().map(Record::metered_bytes).sum();
        Ok(Self { bytes, record_count: records.len() as u32, metered_bytes })
    }

    /// A batch that was encoded elsewhere, checked as the server would.
    ///
    /// # Errors
    /// `NotDone(InvalidInput)` if it is not one whole sound batch.
    pub fn from_encoded(bytes: Bytes) -> Result<Self, Error> {
        let facts = batch::check_ingest(&bytes).map_err(Error::invalid)?;
        Ok(Self { bytes, record_count: facts.record_count, metered_bytes: facts.metered_bytes })
    }

    /// As sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn record_count(&self) -> u32 {
        self.record_count
    }

    /// `s2-semantics.md` A4.
    pub fn metered_bytes(&self) -> u64 {
        self.metered_bytes
    }
}

/// What a single read found. The batches' checksums have been verified.
#[derive(Clone, Debug)]
pub struct ReadResult {
    /// In order of sequence number; empty where a wait expired (`s2-semantics.md` C9).
    pub batches: Vec<Batch>,
    /// Present where the records came live.
    pub tail: Option<Position>,
}

impl ReadResult {
    pub fn record_count(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.record_count())).sum()
    }

    /// Every record, over all batches.
    pub fn records(&self) -> impl Iterator<Item = Result<RecordView, Error>> {
        self.batches.iter().flat_map(records)
    }
}

/// One batch's records; what cannot be taken apart is `Corrupt`.
fn records(batch: &Batch) -> impl Iterator<Item = Result<RecordView, Error>> {
    batch.records().map(|record| record.map_err(|error| damaged(batch, &error)))
}

/// Takes a batch apart for iteration without borrowing it.
pub(crate) fn into_records(batch: &Batch) -> vec::IntoIter<Result<RecordView, Error>> {
    records(batch).collect::<Vec<_>>().into_iter()
}

/// Cuts received bytes into batches and verifies every sum down to the producer's (reliability.md F23, P8).
pub(crate) fn verified(received: &ReadBatches) -> Result<Vec<Batch>, Error> {
    let batches = received.batches().map_err(|error| Error::corrupt("a batch as received", &error))?;
    verify(&batches)?;
    Ok(batches)
}

/// The sums that parsing a batch leaves unchecked: those of its payload.
pub(crate) fn verify(batches: &[Batch]) -> Result<(), Error> {
    batches.iter().try_for_each(|batch| batch.verify_payload().map_err(|error| damaged(batch, &error)))
}

fn damaged(batch: &Batch, error: &riverrun_protocol::DecodeError) -> Error {
    let (first, end) = (batch.first_seq_num(), batch.end_seq_num());
    Error::corrupt(format_args!("records {first}..{end} of stream {}", batch.stream_id()), error)
}
