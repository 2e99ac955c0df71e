//! What a run does, as plain data: everything that a result has to say so that somebody else can repeat it.

use std::path::PathBuf;
use std::time::Duration;

use miette::miette;
use riverrun_protocol::config::StorageClass;
use riverrun_protocol::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX};
use serde::Serialize;

use crate::stamp::STAMP_BYTES;

/// A record is metered with this much more than its body.
pub const RECORD_METERED_OVERHEAD_BYTES: u64 = 8;

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Workload {
    pub name: String,
    pub streams: u32,
    /// How a producer chooses the stream of its next batch.
    pub pick: Pick,
    /// Each has a client of its own, and so a connection of its own.
    pub producers: u32,
    /// Batches that a producer may have in flight.
    pub depth: u32,
    /// Closed loop: records in each batch. Open loop: at most so many of those that are due go into one.
    pub batch_records: u32,
    pub record_bytes: u32,
    pub payload: Payload,
    /// Where `Payload::Lines` come from.
    pub lines: Option<PathBuf>,
    pub storage: Storage,
    pub pacing: Pacing,
    /// Records per second over all producers; open loop only.
    pub rate: f64,
    /// Open loop: how long a producer waits behind the first due record for more of them.
    pub linger_us: u32,
    pub consumers_per_stream: u32,
    pub consumers_per_connection: u32,
    pub warmup_seconds: f64,
    pub seconds: f64,
    /// Closed loop: ends after about so many bytes of bodies, if that is earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    pub seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// Producer i writes to stream i, wrapping around, in one append session.
    Own,
    /// Each batch goes to any stream, as a call of its own.
    Uniform,
    /// As uniform, stream k with a share proportional to 1/k.
    Zipf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// One JSON object per record; zstd makes about 2.7:1 of it.
    Json,
    /// Lines of a file, one per record, over and over; they keep their lengths.
    Lines,
    /// Incompressible.
    Random,
    Zeros,
}

/// When a record is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// In the node's journal.
    Express,
    /// In the object store.
    Standard,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// The next batch when there is room for it.
    Closed,
    /// Records at times fixed in advance, evenly spaced.
    Constant,
    /// Records at times fixed in advance, exponentially spaced.
    Poisson,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            name: "workload".to_owned(),
            streams: 1,
            pick: Pick::Own,
            producers: 1,
            depth: 1,
            batch_records: 1,
            record_bytes: 1024,
            payload: Payload::Json,
            lines: None,
            storage: Storage::Express,
            pacing: Pacing::Closed,
            rate: 1000.0,
            linger_us: 0,
            consumers_per_stream: 0,
            consumers_per_connection: 1,
            warmup_seconds: 0.5,
            seconds: 8.0,
            bytes_max: None,
            seed: 1,
        }
    }
}

impl From<Storage> for StorageClass {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Express => Self::Express,
            Storage::Standard => Self::Standard,
        }
    }
}

impl Workload {
    pub fn is_open_loop(&self) -> bool {
        self.pacing != Pacing::Closed
    }

    /// Bodies begin with when they were meant to be sent, for the consumers to compare with.
    pub fn is_stamped(&self) -> bool {
        self.consumers_per_stream > 0
    }

    /// A stream has one writer, so that a producer knows which sequence numbers its records get.
    pub fn has_single_writers(&self) -> bool {
        self.pick == Pick::Own && self.producers <= self.streams
    }

    pub fn consumers(&self) -> u64 {
        u64::from(self.streams) * u64::from(self.consumers_per_stream)
    }

    pub fn warmup(&self) -> Duration {
        Duration::from_secs_f64(self.warmup_seconds)
    }

    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// # Errors
    /// A workload that cannot be run, and what to change.
    pub fn check(&self) -> miette::Result<()> {
        let batch_bytes =
            u64::from(self.batch_records) * (u64::from(self.record_bytes) + RECORD_METERED_OVERHEAD_BYTES);
        let wrong = if self.streams == 0 || self.producers == 0 || self.depth == 0 || self.batch_records == 0 {
            "streams, producers, depth and batch records are at least 1"
        } else if self.batch_records as usize > BATCH_RECORDS_MAX {
            "a batch holds at most 1000 records: lower --batch-records"
        } else if self.payload != Payload::Lines && !self.is_open_loop() && batch_bytes > BATCH_METERED_BYTES_MAX {
            "a batch holds at most 1 MiB, 8 bytes per record included: lower --batch-records or --record-bytes"
        } else if self.payload == Payload::Lines && self.lines.is_none() {
            "the payload class lines needs a file: --lines FILE"
        } else if self.is_stamped() && (self.record_bytes as usize) < STAMP_BYTES {
            "with consumers a record begins with a stamp of 16 bytes: raise --record-bytes"
        } else if self.is_open_loop() && (self.rate.is_nan() || self.rate <= 0.0) {
            "an open loop needs a rate above 0: --rate RECORDS_PER_S"
        } else {
            return Ok(());
        };
        Err(miette!("this workload cannot be run: {wrong}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_refused_with_what_to_change() {
        let refusal = |workload: Workload| workload.check().expect_err("refused").to_string();
        let large = Workload { batch_records: 1000, record_bytes: 2000, ..Workload::default() };
        assert!(refusal(large).contains("--record-bytes"));
        let lines = Workload { payload: Payload::Lines, ..Workload::default() };
        assert!(refusal(lines).contains("--lines FILE"));
        let still = Workload { pacing: Pacing::Poisson, rate: 0.0, ..Workload::default() };
        assert!(refusal(still).contains("--rate"));
        assert!(Workload::default().check().is_ok());
    }
}
