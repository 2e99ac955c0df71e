//! What the outcome of a put-if-absent of a chunk means (reliability.md F34, F35, D12).
//!
//! "Already exists" is no verdict: it may be one's own put, whose answer was lost, found by the retry. "Conflict" (S3's 409)
//! is none either: it says that another request was under way, not that it won. So every answer but "created" is settled by
//! reading the object back, or by trying again.

use crate::chunk::{EncodedChunk, Object, same_object};
use crate::plan::found::Found;
use crate::stored::StoredError;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    Created,
    /// 412, or a file of that name.
    AlreadyExists,
    /// 409.
    Conflict,
    /// Time-out, connection lost, 500: it may have been done, or may yet be.
    Ambiguous(String),
    /// Certainly not done, and worth trying again: connection refused, 503, 429.
    NotDone(String),
    /// Certainly not done, and never will be: no permission, no such bucket.
    Refused(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PutStep {
    /// The object is there, whole, and it is this one.
    Stored,
    /// Read the whole object, then [`after_read_back`].
    ReadBack { pause: bool },
    /// Put the same bytes again, after a pause.
    Retry,
    /// Stop acknowledging, end the process.
    Fatal(PutFailure),
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PutFailure {
    #[error("epoch {by_epoch} has taken over this store")]
    Fenced { by_epoch: u64 },
    #[error("another process publishes in the same epoch: it put an object under this chunk's name")]
    OtherWriter,
    #[error("the object under this chunk's name cannot be used: {0}")]
    Damaged(StoredError),
    #[error("the store refuses to take objects: {0}")]
    Refused(String),
}

pub fn after_put(outcome: &PutOutcome) -> PutStep {
    match outcome {
        PutOutcome::Created => PutStep::Stored,
        PutOutcome::AlreadyExists => PutStep::ReadBack { pause: false },
        PutOutcome::Ambiguous(_) => PutStep::ReadBack { pause: true },
        PutOutcome::Conflict | PutOutcome::NotDone(_) => PutStep::Retry,
        PutOutcome::Refused(why) => PutStep::Fatal(PutFailure::Refused(why.clone())),
    }
}

/// `found` is what lies under the chunk's name; `Err` where the store did not answer. A damaged object is read a second time
/// before it is believed (F37): pass `damaged_before` then.
pub fn after_read_back(mine: &EncodedChunk, found: Result<Found, String>, damaged_before: bool) -> PutStep {
    match found {
        Err(_) => PutStep::ReadBack { pause: true },
        // Not there yet. A put of the same bytes if absent does no harm if the first one still lands.
        Ok(Found::Absent) => PutStep::Retry,
        Ok(Found::Fence(header)) => PutStep::Fatal(PutFailure::Fenced { by_epoch: header.writer_epoch }),
        Ok(Found::Chunk(theirs)) => match same_object(mine, &Object::Chunk(*theirs)) {
            true => PutStep::Stored,
            false => PutStep::Fatal(PutFailure::OtherWriter),
        },
        Ok(Found::Damaged(_)) if !damaged_before => PutStep::ReadBack { pause: true },
        Ok(Found::Damaged(error)) => PutStep::Fatal(PutFailure::Damaged(error)),
    }
}
