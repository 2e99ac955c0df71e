//! What went by, in one table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::capture::Piece;
use crate::describe::{Described, kind_name};
use crate::view::Sighting;
use crate::view::line::duration;

/// Latencies are kept to 3 digits, up to this; a longer one counts as this one.
const LATENCY_MAX: Duration = Duration::from_secs(3600);

/// Counts by kind, and how long answers took.
#[derive(Debug, Default)]
pub struct Summary {
    kinds: BTreeMap<u8, Kind>,
    bad: u64,
    rubbish_bytes: u64,
    missed_bytes: u64,
    frames: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Kind {
    frames: u64,
    bytes: u64,
    /// Of frames of this kind, as answers.
    latency_us: Histogram<u64>,
}

impl Default for Kind {
    fn default() -> Self {
        let longest = LATENCY_MAX.as_micros() as u64;
        let latency_us = Histogram::new_with_max(longest, 3).expect("the bounds are constants that hdrhistogram takes");
        Kind { frames: 0, bytes: 0, latency_us }
    }
}

impl Summary {
    pub fn add(&mut self, sighting: &Sighting) {
        match (&sighting.piece, &sighting.described) {
            (Piece::Frame { bytes, .. }, Some(described)) => self.add_frame(described, bytes.len(), sighting.latency),
            (Piece::Bad { .. }, _) => self.bad += 1,
            (Piece::Rubbish { bytes, .. }, _) => self.rubbish_bytes += bytes.len() as u64,
            (Piece::Missed { bytes, .. }, _) => self.missed_bytes += bytes,
            (Piece::Frame { .. }, None) => {}
        }
    }

    /// Whether everything seen was a frame that its receiver could accept.
    pub fn is_clean(&self) -> bool {
        self.bad == 0 && self.rubbish_bytes == 0
    }

    fn add_frame(&mut self, described: &Described, bytes: usize, latency: Option<Duration>) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.bad += u64::from(described.judged.error.is_some());
        let kind = self.kinds.entry(described.header.kind).or_default();
        kind.frames += 1;
        kind.bytes += bytes as u64;
        if let Some(latency) = latency {
            kind.latency_us.saturating_record(latency.as_micros() as u64);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>10} {:>14} {:>10} {:>10}", "kind", "frames", "bytes", "p50", "max")?;
        for (number, kind) in &self.kinds {
            let answered = !kind.latency_us.is_empty();
            let latency = |us: u64| if answered { duration(Duration::from_micros(us)) } else { "-".to_owned() };
            let p50 = latency(kind.latency_us.value_at_quantile(0.5));
            let max = latency(kind.latency_us.max());
            let name = kind_name(*number);
            writeln!(f, "{name:<20} {:>10} {:>14} {p50:>10} {max:>10}", kind.frames, kind.bytes)?;
        }
        write!(f, "{:<20} {:>10} {:>14}", "all", self.frames, self.bytes)?;
        let troubles = [
            (self.bad, "bad frames"),
            (self.rubbish_bytes, "bytes in no frame"),
            (self.missed_bytes, "bytes forwarded but not decoded"),
        ];
        troubles.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, "\n{count} {what}"))
    }
}
