//! Records as lines: what `append` reads and `read` prints (`s2-semantics.md` J5).

mod command;
mod json;
mod lines;
mod text;

use bytes::Bytes;
use riverrun_protocol::Record;
use riverrun_protocol::batch::RecordView;
use riverrun_protocol::limits::BATCH_METERED_BYTES_MAX;

pub use command::describe as describe_command;
pub use lines::{LineCutter, lines};

/// The longest input line that is looked at. A record has at most 1 MiB, and JSON may spell one byte with six.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// One line per record, in one of three spellings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Format {
    /// The body alone, byte for byte, ended by a line feed. Nothing is decoded or replaced (S2's CLI would replace what
    /// is not UTF-8). Headers cannot be shown; command records go to stderr when reading
    #[default]
    #[value(alias = "")]
    Text,
    /// One JSON object per line, with UTF-8 strings; when reading, what is not UTF-8 is replaced by U+FFFD
    #[value(alias = "raw")]
    Json,
    /// One JSON object per line, with base64 strings: any bytes survive
    #[value(aliases = ["base64", "json-binsafe"])]
    JsonBase64,
}

/// What printing made of some records.
#[derive(Debug, Default)]
pub struct Rendered {
    /// For stdout: whole lines.
    pub data: Vec<u8>,
    /// For stderr: what `text` cannot show.
    pub notes: String,
}

/// Why an input line is no record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    #[error(
        "the record has {metered_bytes} metered bytes; the most is {BATCH_METERED_BYTES_MAX} (1 MiB), 8 of which each record takes"
    )]
    RecordTooLarge { metered_bytes: u64 },
    #[error("the line has more than {LINE_BYTES_MAX} bytes (8 MiB)")]
    LineTooLong,
    #[error("it is not a JSON record: {0}")]
    Json(String),
    #[error("the {field} is not base64: {why}")]
    Base64 { field: &'static str, why: String },
    #[error("a header's name is empty, which only a command record's single header may be")]
    EmptyHeaderName,
    #[error("the command record is not valid: {0}")]
    Command(String),
}

impl Format {
    /// The name as written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::JsonBase64 => "json-base64",
        }
    }

    /// Reads one input line, its line feed already taken off, and checks every rule that a server would refuse the whole
    /// batch for: here the line can still be named.
    pub fn parse(self, line: Bytes) -> Result<Record, LineError> {
        let record = match self {
            Self::Text => text::parse(line),
            Self::Json => json::parse::<json::Utf8>(&line)?,
            Self::JsonBase64 => json::parse::<json::Base64>(&line)?,
        };
        check(&record)?;
        Ok(record)
    }

    /// Prints one record as a line.
    pub fn render(self, record: &RecordView, out: &mut Rendered) {
        match self {
            Self::Text => text::render(record, out),
            Self::Json => json::render::<json::Utf8>(record, &mut out.data),
            Self::JsonBase64 => json::render::<json::Base64>(record, &mut out.data),
        }
    }
}

/// `s2-semantics.md` A3, A5, B5.
fn check(record: &Record) -> Result<(), LineError> {
    let metered_bytes = record.metered_bytes();
    if metered_bytes > BATCH_METERED_BYTES_MAX {
        return Err(LineError::RecordTooLarge { metered_bytes });
    }
    match record.headers.as_slice() {
        [(name, word)] if name.is_empty() => command::check(word, &record.body),
        headers if headers.iter().any(|(name, _)| name.is_empty()) => Err(LineError::EmptyHeaderName),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
