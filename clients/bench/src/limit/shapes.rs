//! The workloads that the model is asked about.

use serde::{Deserialize, Serialize};

/// Durable writes in flight (performance.md 3.4: start with 2 to 4, at most 8).
const COMMITS_IN_FLIGHT: u32 = 8;
/// Frames from here on are received where the journal writes them from; smaller ones are copied once.
const ZERO_COPY_BYTES: u64 = 64 << 10;

/// What a workload asks of the machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// b: body bytes of a record.
    pub record_bytes: u64,
    /// n: records of a client's batch.
    pub records_per_batch: u64,
    /// Batches without an ack, of all producers together. A closed loop has one per producer, or its depth of them.
    pub batches_in_flight: u64,
    /// q: durable writes in flight, at most.
    pub commits_in_flight: u32,
    /// k: cores for the server, and for the generator too if it shares them.
    pub server_cores: u32,
    pub generator_shares_cores: bool,
    /// How often the server copies each byte.
    pub copies: u32,
    pub compression: Compression,
}

/// Whether the compression of chunks counts as the server's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Later, or elsewhere.
    #[default]
    Aside,
    #[value(name = "zstd-1")]
    #[serde(rename = "zstd-1")]
    Zstd1,
    #[value(name = "zstd-3")]
    #[serde(rename = "zstd-3")]
    Zstd3,
}

impl Compression {
    pub(super) fn level(self) -> Option<i32> {
        match self {
            Self::Aside => None,
            Self::Zstd1 => Some(1),
            Self::Zstd3 => Some(3),
        }
    }
}

impl Shape {
    /// On `cores` that the generator shares, with the copies that a batch of this size costs; compression aside.
    pub fn new(record_bytes: u64, records_per_batch: u64, batches_in_flight: u64, cores: u32) -> Self {
        Self {
            record_bytes,
            records_per_batch,
            batches_in_flight,
            commits_in_flight: COMMITS_IN_FLIGHT,
            server_cores: cores,
            generator_shares_cores: true,
            copies: u32::from(record_bytes.saturating_mul(records_per_batch) < ZERO_COPY_BYTES),
            compression: Compression::Aside,
        }
    }

    pub fn batch_bytes(&self) -> u64 {
        self.record_bytes.saturating_mul(self.records_per_batch)
    }

    pub fn in_flight_bytes(&self) -> u64 {
        self.batch_bytes().saturating_mul(self.batches_in_flight)
    }

    /// 16 streams, 16 producers, 250 records of 1000 bytes, one batch of each in flight (performance.md 2.3).
    pub fn w3(cores: u32) -> Self {
        Self::new(1000, 250, 16, cores)
    }
}

/// The shapes that a machine is told about unasked (performance.md 2.3, and the rows that are measured against the limit).
pub(super) fn named(cores: u32) -> Vec<(&'static str, Shape)> {
    let w3 = Shape::w3(cores);
    vec![
        ("W0: one record of 1 KiB at a time", Shape::new(1024, 1, 1, cores)),
        ("W1: one batch of 64 x 1 KiB at a time", Shape::new(1024, 64, 1, cores)),
        ("W2: one producer, 64 batches of one record", Shape::new(1024, 1, 64, cores)),
        ("W3: 16 producers, 250 x 1000 B", w3.clone()),
        ("W3 with zstd level 1 on the same cores", Shape { compression: Compression::Zstd1, ..w3 }),
        ("one producer, 8 batches of 1000 x 1000 B", Shape::new(1000, 1000, 8, cores)),
        ("16 producers, 4 batches each of 100 x 100 B", Shape::new(100, 100, 64, cores)),
        ("64 producers, 64 requests each of one 1 KiB record", Shape::new(1024, 1, 4096, cores)),
    ]
}
