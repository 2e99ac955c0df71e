//! `read BASIN/STREAM`.

use std::time::SystemTime;

use riverrun_protocol::request::{ReadParams, ReadStart};

use crate::Globals;
use crate::copy::{self, Plan};
use crate::errors::{Exit, Failure};
use crate::format::Format;
use crate::output::Target;
use crate::time::{ago_ms, parse_duration, parse_timestamp_ms, show_timestamp};
use crate::uri::StreamUri;

/// Print records: history, then live
///
/// Without a start (--seq-num, --timestamp, --ago, --tail-offset) it begins at the tail, with what comes from now on. Without a
/// bound (--count, --bytes, --until) it follows for ever. With one it ends when the bound is met, or at the tail.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "\
Text output is byte for byte what was appended, each record ended by a line feed: nothing is decoded or replaced (S2's CLI \
replaces what is not UTF-8). Command records, which text cannot show, go to stderr.

Ctrl-C says where it stopped and prints the command that goes on from there. Times are milliseconds since 1970 or \
RFC 3339.

Examples:
  riverrun read my-basin-1/logs --seq-num 0
  riverrun read my-basin-1/logs --timestamp 2026-02-18T04:00:00Z --until 2026-02-18T05:00:00Z --format json
  riverrun read my-basin-1/logs --seq-num 0 --count 1000 > first-thousand.log")]
pub struct Read {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    #[command(flatten)]
    pub start: Start,
    /// At most this many records
    #[arg(short = 'n', long)]
    pub count: Option<u64>,
    /// At most this many metered bytes (a body's, its headers', and 8 per record); the first record that goes beyond is left
    /// out
    #[arg(short, long)]
    pub bytes: Option<u64>,
    /// End in front of the first record with this timestamp or a later one
    #[arg(long, value_parser = parse_timestamp_ms, value_name = "TIME")]
    pub until: Option<u64>,
    /// A start behind the tail becomes the tail, instead of an error
    #[arg(long)]
    pub clamp: bool,
    /// How records are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The file to append to; `-` is stdout
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: Target,
}

/// Where to start. Without any of these: at the tail, with what comes from now on.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
#[group(multiple = false)]
pub struct Start {
    /// Start at this sequence number
    #[arg(short, long)]
    pub seq_num: Option<u64>,
    /// Start at the first record with this timestamp or a later one
    #[arg(long, value_parser = parse_timestamp_ms, value_name = "TIME")]
    pub timestamp: Option<u64>,
    /// Start this long ago, like 90s, 15m, 1h 30m or 2d
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    pub ago: Option<humantime::Duration>,
    /// Start this many records in front of the tail [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub tail_offset: Option<u64>,
}

impl Start {
    fn resolve(&self, now: SystemTime) -> ReadStart {
        match (self.seq_num, self.timestamp, self.ago) {
            (Some(seq_num), ..) => ReadStart::SeqNum(seq_num),
            (_, Some(timestamp), _) => ReadStart::Timestamp(timestamp),
            (.., Some(ago)) => ReadStart::Timestamp(ago_ms(now, *ago)),
            _ => ReadStart::TailOffset(self.tail_offset.unwrap_or(0)),
        }
    }
}

pub async fn run(globals: &Globals, args: Read) -> Result<(), Failure> {
    let Read { uri, start, count, bytes, until, clamp, format, output } = args;
    let start = start.resolve(SystemTime::now());
    check_until(&uri, start, until)?;
    // No wait: with a bound the read ends at the tail, without one it follows for ever (s2-semantics.md J2, C7).
    let params = ReadParams { start, clamp, count, bytes, until, wait_secs: None };
    copy::run(globals, Plan { uri, params, format, output }).await
}

/// The server would refuse it too (`s2-semantics.md` C1), in words that no option here is called by.
fn check_until(uri: &StreamUri, start: ReadStart, until: Option<u64>) -> Result<(), Failure> {
    let (ReadStart::Timestamp(from), Some(until)) = (start, until) else { return Ok(()) };
    if from < until {
        return Ok(());
    }
    let (from, until) = (show_timestamp(from), show_timestamp(until));
    let why = format!("it would start at {from}, which is not earlier than --until, {until}");
    let advice = "start earlier, with --timestamp or --ago, or leave out --until";
    Err(Failure::new(format!("{uri} cannot be read"), why, advice).with_exit(Exit::Usage))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn c1_without_a_start_a_read_begins_at_the_tail() {
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let ago = Some(Duration::from_secs(30).into());
        for (start, wanted) in [
            (Start::default(), ReadStart::TailOffset(0)),
            (Start { tail_offset: Some(3), ..Start::default() }, ReadStart::TailOffset(3)),
            (Start { seq_num: Some(0), ..Start::default() }, ReadStart::SeqNum(0)),
            (Start { timestamp: Some(7), ..Start::default() }, ReadStart::Timestamp(7)),
            (Start { ago, ..Start::default() }, ReadStart::Timestamp(70_000)),
        ] {
            assert_eq!(start.resolve(now), wanted);
        }
    }

    #[test]
    fn c1_a_start_behind_until_is_a_usage_error() {
        let uri = "my-basin-1/logs".parse().unwrap();
        assert_eq!(check_until(&uri, ReadStart::Timestamp(4), Some(5)), Ok(()));
        assert_eq!(check_until(&uri, ReadStart::SeqNum(5), Some(5)), Ok(()));
        assert_eq!(check_until(&uri, ReadStart::Timestamp(5), None), Ok(()));
        assert_eq!(check_until(&uri, ReadStart::Timestamp(5), Some(5)).unwrap_err().exit, Exit::Usage);
    }
}
