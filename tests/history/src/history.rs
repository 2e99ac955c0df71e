//! The record of what clients did: calls and returns, in the order in which they happened.

use std::collections::HashMap;
use std::fmt;

use crate::{Op, Outcome};

/// The name of an operation in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub u64);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op {}", self.0)
    }
}

/// One operation. Calls and returns share one count: a smaller number was earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub id: OpId,
    /// Whose it is. Only for people: nothing follows from it.
    pub client: u64,
    /// What was asked.
    pub op: Op,
    /// What came back, if anything did.
    pub outcome: Option<Outcome>,
    /// When it was called.
    pub called_at: u64,
    /// When it returned.
    pub returned_at: Option<u64>,
}

impl Operation {
    /// An append of which nobody knows whether it took effect.
    pub(crate) fn undecided(&self) -> Option<&crate::Append> {
        match (&self.op, &self.outcome) {
            (Op::Append(append), None | Some(Outcome::AppendIndefiniteFailure)) => Some(append),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of client {}: {} -> ", self.id, self.client, self.op)?;
        match &self.outcome {
            Some(outcome) => outcome.fmt(f),
            None => f.write_str("no answer"),
        }
    }
}

/// What concurrent clients did to one stream that was empty at first.
///
/// Say [`call`](History::call) before a request is sent and [`returned`](History::returned) after its answer arrived,
/// both under one lock: an order of real time that is claimed and was not there makes violations out of nothing, and one
/// that is left out hides them. A stream that was not empty gets an append of all it held as the first operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
    index: HashMap<OpId, usize>,
    next_id: u64,
    events: u64,
}

impl History {
    /// A history in which nothing has happened.
    pub fn new() -> Self {
        History::default()
    }

    /// `client` asks for `op`.
    ///
    /// # Panics
    /// If `op` is an append without records; no stream accepts one.
    pub fn call(&mut self, client: u64, op: impl Into<Op>) -> OpId {
        let op = op.into();
        assert!(!is_empty_append(&op), "an append has one record at least");
        let id = OpId(self.next_id);
        self.add_call(id, client, op);
        id
    }

    /// `id` is answered. What never is, needs no mention.
    ///
    /// # Panics
    /// If `id` was not called, was answered before, or asked for something else.
    pub fn returned(&mut self, id: OpId, outcome: Outcome) {
        let operation = &self.operations[self.index[&id]];
        assert!(operation.outcome.is_none(), "{id} was answered before");
        assert!(outcome.answers(&operation.op), "{id} cannot be answered with: {outcome}");
        self.add_return(id, outcome);
    }

    /// The operations, in the order of their calls.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this name.
    pub fn operation(&self, id: OpId) -> Option<&Operation> {
        self.index.get(&id).map(|index| &self.operations[*index])
    }

    pub(crate) fn add_call(&mut self, id: OpId, client: u64, op: Op) {
        self.next_id = self.next_id.max(id.0.saturating_add(1));
        self.index.insert(id, self.operations.len());
        let called_at = self.tick();
        self.operations.push(Operation { id, client, op, outcome: None, called_at, returned_at: None });
    }

    pub(crate) fn add_return(&mut self, id: OpId, outcome: Outcome) {
        let at = self.tick();
        let operation = &mut self.operations[self.index[&id]];
        (operation.outcome, operation.returned_at) = (Some(outcome), Some(at));
    }

    fn tick(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

pub(crate) fn is_empty_append(op: &Op) -> bool {
    matches!(op, Op::Append(append) if append.record_hashes.is_empty())
}
