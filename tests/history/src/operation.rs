//! What clients ask of a stream, and what they get back.

use std::fmt;

/// What a client asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Append one batch.
    Append(Append),
    /// Read the whole stream, from 0 to the tail.
    Read,
    /// Ask for the tail.
    CheckTail,
}

/// One batch and its conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Append {
    /// [`record_hash`](crate::record_hash) of each record, in order; one at least.
    pub record_hashes: Vec<u64>,
    /// The tail must be this one.
    pub match_seq_num: Option<u64>,
    /// The stream's token must be this one. An empty token is a condition too: the stream's must be empty.
    pub fencing_token: Option<String>,
    /// The batch is a fence command: this is the stream's token after it. Of several in a batch, the last one.
    pub set_fencing_token: Option<String>,
}

impl Append {
    /// An append without conditions.
    pub fn new(record_hashes: impl Into<Vec<u64>>) -> Self {
        Append { record_hashes: record_hashes.into(), ..Append::default() }
    }

    /// Only at this tail.
    #[must_use]
    pub fn match_seq_num(self, seq_num: u64) -> Self {
        Append { match_seq_num: Some(seq_num), ..self }
    }

    /// Only under this token.
    #[must_use]
    pub fn fencing_token(self, token: impl Into<String>) -> Self {
        Append { fencing_token: Some(token.into()), ..self }
    }

    /// Sets the stream's token.
    #[must_use]
    pub fn set_fencing_token(self, token: impl Into<String>) -> Self {
        Append { set_fencing_token: Some(token.into()), ..self }
    }
}

impl From<Append> for Op {
    fn from(append: Append) -> Self {
        Op::Append(append)
    }
}

/// What came back.
///
/// The kinds are S2's: a *definite* failure had no effect, an *indefinite* one had its effect, will have it at any time
/// later, or never. Definite failures are not held against the conditions, just as in S2's model, for a request can be
/// refused on many grounds; [`AppendConditionFailed`](Outcome::AppendConditionFailed) says more, and is held to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable; `tail` is the seq_num behind the batch's last record.
    AppendSuccess {
        /// The end of the batch.
        tail: u64,
    },
    /// No effect, because a condition did not hold. There has to be a moment at which one did not.
    AppendConditionFailed,
    /// No effect, for whatever reason.
    AppendDefiniteFailure,
    /// Nobody knows. An operation that never returns counts as this.
    AppendIndefiniteFailure,
    /// The stream as it was read.
    ReadSuccess {
        /// The seq_num behind the last record.
        tail: u64,
        /// [`stream_hash`](crate::stream_hash) of all records.
        stream_hash: u64,
    },
    /// The stream as it was read, record by record. A harness ends with one of these: it settles beforehand which of the
    /// indefinite appends took effect, and where.
    ReadRecords {
        /// [`record_hash`](crate::record_hash) of each record.
        record_hashes: Vec<u64>,
    },
    /// Nothing was read.
    ReadFailure,
    /// The tail.
    CheckTailSuccess {
        /// The tail.
        tail: u64,
    },
    /// Nothing was learned.
    CheckTailFailure,
}

impl Outcome {
    /// Can this come back from `op`?
    pub fn answers(&self, op: &Op) -> bool {
        use Outcome::{
            AppendConditionFailed, AppendDefiniteFailure, AppendIndefiniteFailure, AppendSuccess, ReadFailure,
            ReadRecords, ReadSuccess,
        };
        match self {
            AppendSuccess { .. } | AppendConditionFailed | AppendDefiniteFailure | AppendIndefiniteFailure => {
                matches!(op, Op::Append(_))
            }
            ReadSuccess { .. } | ReadRecords { .. } | ReadFailure => *op == Op::Read,
            Outcome::CheckTailSuccess { .. } | Outcome::CheckTailFailure => *op == Op::CheckTail,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Append(append) => append.fmt(f),
            Op::Read => f.write_str("read"),
            Op::CheckTail => f.write_str("check_tail"),
        }
    }
}

impl fmt::Display for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "append of {}", self.record_hashes.len())?;
        if let [first, ..] = self.record_hashes[..] {
            write!(f, " from {first:016x}")?;
        }
        if let Some(seq_num) = self.match_seq_num {
            write!(f, ", match_seq_num {seq_num}")?;
        }
        if let Some(token) = &self.fencing_token {
            write!(f, ", fencing_token {token:?}")?;
        }
        self.set_fencing_token.iter().try_for_each(|token| write!(f, ", sets fencing_token {token:?}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::AppendSuccess { tail } | Outcome::CheckTailSuccess { tail } => write!(f, "tail {tail}"),
            Outcome::ReadSuccess { tail, stream_hash } => write!(f, "tail {tail}, hash {stream_hash:016x}"),
            Outcome::ReadRecords { record_hashes } => {
                write!(f, "tail {}, hash {:016x}", record_hashes.len(), crate::stream_hash(record_hashes))
            }
            Outcome::AppendConditionFailed => f.write_str("a condition failed"),
            Outcome::AppendDefiniteFailure => f.write_str("failed, definitely"),
            Outcome::AppendIndefiniteFailure => f.write_str("failed, perhaps"),
            Outcome::ReadFailure | Outcome::CheckTailFailure => f.write_str("failed"),
        }
    }
}
