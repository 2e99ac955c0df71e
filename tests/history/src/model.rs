//! The model of a stream: its state, and what an operation with the answer it got does to it.
//!
//! This is S2's own model (tail, hash over all records, fencing token), but for three things. A stream's first token is
//! the empty one, which can be presented like any other, as S2's service has it; S2's model starts with none, and takes
//! an empty one that is presented to a fresh stream for a violation. A failed condition that is reported as one needs a
//! state in which a condition fails. And an indefinite append without effect is no step at all: the search leaves it out.

use crate::OpId;
use crate::hash::extend;
use crate::tokens::TokenId;

/// A stream at one moment. 24 bytes stand for everything that was ever appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct State {
    pub(crate) tail: u64,
    pub(crate) stream_hash: u64,
    pub(crate) fencing_token: TokenId,
}

/// What has to hold for an append to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Conditions {
    pub(crate) match_seq_num: Option<u64>,
    pub(crate) fencing_token: Option<TokenId>,
}

/// An operation together with what it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step<'h> {
    /// Takes effect. `tail` is what it was acknowledged with, if it was.
    Append { record_hashes: &'h [u64], conditions: Conditions, sets: Option<TokenId>, tail: Option<u64> },
    /// Saw the stream.
    Observe { tail: u64, stream_hash: Option<u64> },
    /// Saw that a condition does not hold.
    ConditionFailed(Conditions),
}

/// Why an operation cannot come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it presented another fencing_token")]
    FencingToken,
    #[error("its match_seq_num is not the tail")]
    MatchSeqNum,
    #[error("it was acknowledged with tail {acknowledged}, and would make {made}")]
    AcknowledgedTail { made: u64, acknowledged: u64 },
    #[error("it saw tail {saw}")]
    SawTail { saw: u64 },
    #[error("it saw hash {saw:016x}")]
    SawHash { saw: u64 },
    #[error("its conditions hold")]
    ConditionsHold,
    #[error("it would make tail {made}, and {by} needs the stream at tail {needed}")]
    JumpsOver { made: u64, needed: u64, by: OpId },
    #[error("it would make tail {tail} with hash {made:016x}, and {by} saw hash {saw:016x} there")]
    OtherContent { tail: u64, made: u64, saw: u64, by: OpId },
}

impl Step<'_> {
    /// The state after the step, if it is possible in `state`.
    pub(crate) fn apply(&self, state: &State) -> Result<State, Refusal> {
        match self {
            Step::Append { record_hashes, conditions, sets, tail } => {
                conditions.check(state)?;
                append(state, record_hashes, *sets, *tail)
            }
            Step::Observe { tail, .. } if *tail != state.tail => Err(Refusal::SawTail { saw: *tail }),
            Step::Observe { stream_hash: Some(saw), .. } if *saw != state.stream_hash => {
                Err(Refusal::SawHash { saw: *saw })
            }
            Step::Observe { .. } => Ok(*state),
            Step::ConditionFailed(conditions) => match conditions.check(state) {
                Ok(()) => Err(Refusal::ConditionsHold),
                Err(_) => Ok(*state),
            },
        }
    }
}

impl Conditions {
    fn check(&self, state: &State) -> Result<(), Refusal> {
        if self.fencing_token.is_some_and(|token| token != state.fencing_token) {
            return Err(Refusal::FencingToken);
        }
        if self.match_seq_num.is_some_and(|seq_num| seq_num != state.tail) {
            return Err(Refusal::MatchSeqNum);
        }
        Ok(())
    }
}

fn append(
    state: &State,
    record_hashes: &[u64],
    sets: Option<TokenId>,
    acknowledged: Option<u64>,
) -> Result<State, Refusal> {
    let made = state.tail + record_hashes.len() as u64;
    match acknowledged {
        Some(acknowledged) if acknowledged != made => Err(Refusal::AcknowledgedTail { made, acknowledged }),
        _ => Ok(State {
            tail: made,
            stream_hash: extend(state.stream_hash, record_hashes),
            fencing_token: sets.unwrap_or(state.fencing_token),
        }),
    }
}
