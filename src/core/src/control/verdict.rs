//! What a call about one name comes to, where it is not refused.

use riverrun_protocol::response::ProvisionResult;
use riverrun_protocol::types::StreamId;

/// How the entry is afterwards, and what that is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict<E> {
    pub entry: E,
    pub result: ProvisionResult,
}

impl<E: Clone + PartialEq> Verdict<E> {
    pub(super) fn created(entry: E) -> Self {
        Self { entry, result: ProvisionResult::Created }
    }

    pub(super) fn noop(entry: &E) -> Self {
        Self { entry: entry.clone(), result: ProvisionResult::Noop }
    }

    pub(super) fn updated(entry: E) -> Self {
        Self { entry, result: ProvisionResult::Updated }
    }

    /// Whether the catalog does not hold the entry like this yet.
    pub fn is_to_be_written(&self) -> bool {
        self.result != ProvisionResult::Noop
    }
}

/// What deleting comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deletion<E> {
    /// Begins: the entry as it is to be written.
    Begin(E),
    /// Has begun before; that is what was asked for (`s2-semantics.md` E6).
    UnderWay,
    /// Delete-on-empty only: the stream's configuration does not want it (any more).
    NotDue,
}

/// What a creation cannot decide from what is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fresh {
    /// Random bits: a re-created name shares nothing with its predecessor.
    pub id: StreamId,
    pub now_ms: u64,
}
