//! A small language for histories written by hand. Records are numbers.

use riverrun_history::{Append, History, Op, OpId, Outcome, Verdict, check, stream_hash};

/// An append that nobody heard of again.
pub const LOST: Outcome = Outcome::AppendIndefiniteFailure;
pub const REFUSED: Outcome = Outcome::AppendDefiniteFailure;
pub const CONDITION_FAILED: Outcome = Outcome::AppendConditionFailed;

pub fn append<const N: usize>(records: [u64; N]) -> Append {
    Append::new(records)
}

pub fn acked(tail: u64) -> Outcome {
    Outcome::AppendSuccess { tail }
}

pub fn saw<const N: usize>(records: [u64; N]) -> Outcome {
    Outcome::ReadSuccess { tail: N as u64, stream_hash: stream_hash(&records) }
}

pub fn saw_records<const N: usize>(records: [u64; N]) -> Outcome {
    Outcome::ReadRecords { record_hashes: records.to_vec() }
}

pub fn tail(tail: u64) -> Outcome {
    Outcome::CheckTailSuccess { tail }
}

pub trait Say {
    /// Called and answered with nothing in between.
    fn done(&mut self, op: impl Into<Op>, outcome: Outcome) -> OpId;
}

impl Say for History {
    fn done(&mut self, op: impl Into<Op>, outcome: Outcome) -> OpId {
        let id = self.call(0, op);
        self.returned(id, outcome);
        id
    }
}

#[track_caller]
pub fn passes(history: &History) -> Vec<OpId> {
    match check(history) {
        Verdict::Linearizable { order } => order,
        other => panic!("{other}"),
    }
}

/// The report of the violation.
#[track_caller]
pub fn fails(history: &History) -> String {
    match check(history) {
        Verdict::Violation { report, .. } => report,
        other => panic!("should be a violation: {other}"),
    }
}
