//! What a read asks for (`s2-semantics.md` C1).

use riverrun_protocol::request::{ReadParams, ReadStart};

use super::{boolean, number, values};
use crate::error::HttpError;

const NAMES: [&str; 8] = ["seq_num", "timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait"];

/// The parameters as they were sent, each by itself in order. Bounds that S2 sets for unary reads are the broker's to apply.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadQuery {
    pub seq_num: Option<u64>,
    pub timestamp: Option<u64>,
    pub tail_offset: Option<u64>,
    pub clamp: bool,
    pub count: Option<u64>,
    /// Metered.
    pub bytes: Option<u64>,
    /// Exclusive upper timestamp.
    pub until: Option<u64>,
    pub wait_secs: Option<u32>,
}

impl ReadQuery {
    /// # Errors
    /// `bad_query`.
    pub fn parse(query: &str) -> Result<Self, HttpError> {
        let [seq_num, timestamp, tail_offset, clamp, count, bytes, until, wait] = values(query, NAMES)?;
        Ok(Self {
            seq_num: number("seq_num", seq_num)?,
            timestamp: number("timestamp", timestamp)?,
            tail_offset: number("tail_offset", tail_offset)?,
            clamp: boolean("clamp", clamp)?.unwrap_or(false),
            count: number("count", count)?,
            bytes: number("bytes", bytes)?,
            until: number("until", until)?,
            wait_secs: number("wait", wait)?,
        })
    }

    /// As the broker takes it. Judged from the query alone, so that a read which is refused creates no stream.
    ///
    /// # Errors
    /// `invalid` for more than one start, and for a timestamp that is not before `until`.
    pub fn params(&self) -> Result<ReadParams, HttpError> {
        let params = self.unchecked_params()?;
        match (params.start, params.until) {
            (ReadStart::Timestamp(from), Some(until)) if from >= until => {
                Err(HttpError::invalid("start `timestamp` exceeds or equal to `until`"))
            }
            _ => Ok(params),
        }
    }

    /// Whether a timestamp lies before `until` left open: a resumed read does not ask (`s2-semantics.md` C10).
    pub(crate) fn unchecked_params(&self) -> Result<ReadParams, HttpError> {
        Ok(ReadParams {
            start: self.start()?,
            clamp: self.clamp,
            count: self.count,
            bytes: self.bytes,
            until: self.until,
            wait_secs: self.wait_secs,
        })
    }

    /// Without any, at the tail.
    fn start(&self) -> Result<ReadStart, HttpError> {
        match (self.seq_num, self.timestamp, self.tail_offset) {
            (Some(seq_num), None, None) => Ok(ReadStart::SeqNum(seq_num)),
            (None, Some(timestamp), None) => Ok(ReadStart::Timestamp(timestamp)),
            (None, None, offset) => Ok(ReadStart::TailOffset(offset.unwrap_or(0))),
            _ => Err(HttpError::invalid("only one of seq_num, timestamp, or tail_offset can be provided")),
        }
    }
}
