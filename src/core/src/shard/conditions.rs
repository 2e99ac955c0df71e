//! What must hold for a batch to get numbers, asked at the moment it would get them (`s2-semantics.md` B3, B4, B9).

use riverrun_protocol::batch::Ingested;
use riverrun_protocol::config::TimestampingMode;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::AppendConditions;

use super::stream::Stream;

/// A batch's refusal, and what it gives away.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: ErrorFrame,
    /// It speaks of records that may not be stable yet: nobody is told before everything below this number is (B9).
    pub(super) revealed_to: u64,
}

impl From<ErrorFrame> for Refusal {
    /// One that says nothing of the stream's records.
    fn from(error: ErrorFrame) -> Self {
        Self { error, revealed_to: 0 }
    }
}

/// In B3's order: the fencing token, the sequence number, the timestamps; the first that fails is the answer.
pub(super) fn check(stream: &Stream, conditions: &AppendConditions, facts: &Ingested) -> Result<(), Refusal> {
    let next = stream.next.seq_num;
    if conditions.fencing_token.as_ref().is_some_and(|token| *token != stream.fence.token) {
        let error = ErrorFrame::fencing_token_mismatch(stream.fence.token.clone());
        return Err(Refusal { error, revealed_to: stream.fence.set_by });
    }
    if conditions.match_seq_num.is_some_and(|seq_num| seq_num != next) {
        return Err(Refusal { error: ErrorFrame::seq_num_mismatch(next), revealed_to: next });
    }
    let requires_timestamps = stream.entry.config.timestamping_mode == TimestampingMode::ClientRequire;
    if requires_timestamps && !facts.has_all_timestamps {
        let why = "record timestamp was required but was missing";
        return Err(ErrorFrame::new(ErrorCode::Invalid, why).into());
    }
    Ok(())
}
