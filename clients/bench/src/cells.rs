//! The named cells: workloads that others can name, run again and compare with. W0 to W14 are those of the workload matrix, the
//! rest are what this project promises numbers for.

use miette::miette;

use crate::workload::{Pacing, Pick, Workload};

/// What a cell does with its workload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Producers, and live consumers where there are any.
    Live,
    /// As `Live` at half the maximum, with check-tail calls and reads of fresh records beside it.
    Probe,
    /// Writes, then reads from 0 at maximum speed.
    CatchUp,
    /// An open loop without and with catch-up reads beside it.
    UnderCatchUp,
    /// Streams and sessions that do nothing.
    Idle,
    /// First appends to streams that are not there yet.
    Creation,
}

#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    workload: fn() -> Workload,
}

impl Cell {
    pub fn workload(&self) -> Workload {
        Workload { name: self.name.to_owned(), ..(self.workload)() }
    }
}

macro_rules! cells {
    ($($name:literal $kind:ident $about:literal { $($field:ident: $value:expr),* $(,)? })*) => {
        &[$(Cell {
            name: $name,
            kind: Kind::$kind,
            about: $about,
            workload: || Workload { $($field: $value,)* ..Workload::default() },
        }),*]
    };
}

pub const CELLS: &[Cell] = cells! {
    "W0" Live "1 stream, 1 producer, 1 record of 1 KiB at a time" {}
    "W1" Live "1 stream, 1 producer, 64 x 1 KiB, one batch at a time" { batch_records: 64 }
    "W2" Live "1 stream, 1 producer, 1 record of 1 KiB, 64 in flight" { depth: 64 }
    "W3" Live "16 streams, 16 producers, 250 x 1000 B, one batch at a time each" {
        streams: 16, producers: 16, batch_records: 250, record_bytes: 1000,
    }
    "W5" Live "1 stream, 8 KiB records at 10 MiB/s, open loop (--rate 128 is 1 MiB/s, 12800 is 100)" {
        pacing: Pacing::Constant, rate: 1280.0, record_bytes: 8192, batch_records: 120, depth: 64, linger_us: 1000,
    }
    "W6" Live "16 streams, 100 B records, 50,000/s in all, open loop" {
        streams: 16, producers: 16, pacing: Pacing::Constant, rate: 50_000.0, record_bytes: 100, batch_records: 1000,
        depth: 16, linger_us: 1000,
    }
    "W7" Live "1,000 streams (--streams 100000, 1000000), 1 KiB, a record per append, Zipf 1.0 (--pick uniform), open loop" {
        streams: 1000, producers: 4, pick: Pick::Zipf, pacing: Pacing::Poisson, rate: 5000.0, depth: 256,
    }
    "W8" Live "1 producer, 20,000 x 1 KiB per s to 32 live consumers (--consumers 1, 256), open loop" {
        pacing: Pacing::Constant, rate: 20_000.0, batch_records: 1000, depth: 64, linger_us: 500,
        consumers_per_stream: 32,
    }
    "W10" CatchUp "writes --mib, waits until it is in chunks, then 1, 8 and 32 readers from 0 (--cold: without caches)" {
        batch_records: 1000, record_bytes: 1000, depth: 8, warmup_seconds: 0.0,
    }
    "W11" UnderCatchUp "W5 at half the maximum, alone and then beside a cold W10" {
        pacing: Pacing::Constant, record_bytes: 8192, batch_records: 120, depth: 64, linger_us: 1000, seconds: 5.0,
    }
    "W12" Idle "10,000 idle streams (--streams 1000000), one idle consumer for each of the first 10,000" {
        streams: 10_000, consumers_per_stream: 1, consumers_per_connection: 1000,
    }
    "W14" Creation "create, open and first append on 10,000 new streams (--streams 100000)" {
        streams: 10_000, producers: 4, depth: 64,
    }
    "single" Live "1 stream, 1 producer, 1000 x 1000 B, 8 in flight" { batch_records: 1000, record_bytes: 1000, depth: 8 }
    "steady" Live "20,000 records/s of 1 KiB from 16 producers, a record per append, open loop" {
        streams: 16, producers: 16, pacing: Pacing::Constant, rate: 20_000.0, depth: 256,
    }
    "small" Live "100 B records in batches of 100, 16 producers" {
        streams: 16, producers: 16, batch_records: 100, record_bytes: 100, depth: 8,
    }
    "pipelined" Live "one record of 1 KiB per request, 16 in flight on each of 64 connections" {
        streams: 64, producers: 64, depth: 16,
    }
    "fanout256" Live "2,000 x 1 KiB per s to 256 live consumers, open loop" {
        pacing: Pacing::Constant, rate: 2000.0, batch_records: 1000, depth: 64, consumers_per_stream: 256,
    }
    "fanout1000" Live "500 x 1 KiB per s to 1,000 live consumers, open loop" {
        pacing: Pacing::Constant, rate: 500.0, batch_records: 1000, depth: 64, consumers_per_stream: 1000,
    }
    "probe" Probe "W3's shape at half the maximum ingest; check-tail calls and reads of fresh records beside it" {
        streams: 16, producers: 16, pacing: Pacing::Constant, record_bytes: 1000, batch_records: 250, depth: 16,
        linger_us: 2000, seconds: 5.0,
    }
};

/// By name, in any case.
///
/// # Errors
/// There is none of this name, or a reason why.
pub fn cell(name: &str) -> miette::Result<&'static Cell> {
    if let Some(cell) = CELLS.iter().find(|cell| cell.name.eq_ignore_ascii_case(name)) {
        return Ok(cell);
    }
    let why = match name.to_ascii_uppercase().as_str() {
        "W4" | "W9" => {
            "it is for acks from memory, and Riverrun's acks are durable; W3 and W8 are its durable relatives"
        }
        "W13" => {
            "it is a test of what survives kill -9 and power cuts, not a measurement: tests/e2e/kill.rs, .ci/power"
        }
        _ => "riverrun bench cells lists them all",
    };
    Err(miette!("there is no cell {name}: {why}"))
}

/// One line each.
pub fn list() -> String {
    CELLS.iter().map(|cell| format!("{:<11} {}\n", cell.name, cell.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_can_be_run() {
        for cell in CELLS {
            cell.workload().check().unwrap_or_else(|error| panic!("{}: {error}", cell.name));
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_refusals_say_why() {
        assert_eq!(cell("w3").expect("there").workload().streams, 16);
        assert!(cell("W4").expect_err("none").to_string().contains("durable"));
        assert!(cell("W13").expect_err("none").to_string().contains("kill"));
        assert!(cell("W99").expect_err("none").to_string().contains("bench cells"));
    }
}
