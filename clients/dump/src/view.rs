//! What people and programs get to see of frames.

pub mod hex;
pub mod json;
pub mod line;
pub mod value;

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use crate::capture::Piece;
use crate::describe::{Described, Detail, Direction};

/// How frames are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// One line per frame.
    #[default]
    Line,
    /// One line per frame, and below it every byte with the field it belongs to.
    Hex,
    /// One JSON object per frame, which `encode` turns back into the same bytes.
    Jsonl,
}

/// What to show of record bodies and headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Payload {
    Size,
    Text,
    Hex,
}

/// The first column of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Time {
    /// Seconds since the start.
    #[default]
    Relative,
    /// UTC, RFC 3339.
    Absolute,
    /// No time, so that two runs print the same.
    None,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub format: Format,
    /// Left open, it is what loses nothing in JSON and what shows least elsewhere.
    pub payload: Option<Payload>,
    pub show_secrets: bool,
    pub time: Time,
    /// What relative times count from.
    pub start: SystemTime,
}

impl Options {
    pub fn payload_or_size(&self) -> Payload {
        self.payload.unwrap_or(Payload::Size)
    }

    /// How far frames must be taken apart for this format.
    pub fn detail(&self) -> Detail {
        match self.format {
            Format::Line if self.payload_or_size() == Payload::Size => Detail::BatchHeaders,
            _ => Detail::Records,
        }
    }
}

/// A piece of one direction's bytes, and what is known about it beyond its bytes.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Where several are told apart.
    pub connection: Option<u64>,
    pub direction: Direction,
    /// When it went by; captured bytes do not say.
    pub when: Option<SystemTime>,
    pub piece: Piece,
    /// For a frame.
    pub described: Option<Described>,
    /// For an answer, how long after its request it came.
    pub latency: Option<Duration>,
}

/// Prints one sighting.
///
/// # Errors
/// The output's own, a broken pipe included.
pub fn print(out: &mut dyn Write, sighting: &Sighting, options: &Options) -> io::Result<()> {
    match options.format {
        Format::Jsonl => writeln!(out, "{}", json::object(sighting, options)),
        Format::Line => line::print(out, sighting, options),
        Format::Hex => {
            line::print(out, sighting, options)?;
            hex::print(out, sighting, options)
        }
    }
}
