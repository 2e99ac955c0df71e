//! A history made ready for the search: what constrains nothing is left out, what is known is filled in.

use std::collections::HashMap;

use crate::model::{Conditions, Refusal, State, Step};
use crate::seen::Seen;
use crate::settle::{Evidence, Settled};
use crate::tokens::Tokens;
use crate::{Append, History, OpId, Operation, Outcome, stream_hash};

/// The end of time: an operation that has to take effect, but by no known moment.
const NEVER: u64 = u64::MAX;

/// An operation that may be placed.
#[derive(Debug)]
pub(crate) struct Planned<'h> {
    pub(crate) id: OpId,
    pub(crate) step: Step<'h>,
    pub(crate) called_at: u64,
    pub(crate) returned_at: u64,
    /// The optional append before this one that is just like it: the same records, conditions and token, as fence commands
    /// often are. It may stand wherever this one may, so this one's turn comes when that one is placed.
    pub(crate) twin: Option<usize>,
}

/// What the search works on.
#[derive(Debug)]
pub(crate) struct Plan<'h> {
    pub(crate) history: &'h History,
    /// Have to be placed, each between its call and its return.
    pub(crate) required: Vec<Planned<'h>>,
    /// Appends that may be placed behind their call, or not at all. In the order of their calls.
    pub(crate) optional: Vec<Planned<'h>>,
    pub(crate) tokens: Tokens<'h>,
    seen: Seen,
}

impl<'h> Plan<'h> {
    pub(crate) fn new(history: &'h History) -> Self {
        let evidence = Evidence::of(history);
        let (required, optional) = (Vec::new(), Vec::new());
        let mut plan = Plan { history, required, optional, tokens: Tokens::new(), seen: Seen::default() };
        history.operations().iter().for_each(|operation| plan.add(operation, evidence.as_ref()));
        plan.required.iter().for_each(|planned| note_seen(&mut plan.seen, planned));
        plan.seen.sort();
        find_twins(&mut plan.optional);
        plan
    }

    /// The state after the step, if it can come next and some order can still follow.
    pub(crate) fn judge(&self, step: &Step, state: &State) -> Result<State, Refusal> {
        let after = step.apply(state)?;
        if after.tail != state.tail {
            self.seen.allow(state.tail, &after)?;
        }
        Ok(after)
    }

    fn add(&mut self, operation: &'h Operation, evidence: Option<&Evidence>) {
        let Operation { id, called_at, .. } = *operation;
        if let Some(append) = operation.undecided() {
            let settled = evidence.map_or(Settled::Open, |evidence| evidence.settle(&append.record_hashes));
            return self.add_undecided(operation, append, settled);
        }
        if let (Some(step), Some(returned_at)) = (self.step(operation), operation.returned_at) {
            self.required.push(Planned { id, step, called_at, returned_at, twin: None });
        }
    }

    /// It returns at the end of time: its effect may come after the client has given up.
    fn add_undecided(&mut self, operation: &Operation, append: &'h Append, settled: Settled) {
        let Operation { id, called_at, .. } = *operation;
        let (tail, plan) = match settled {
            Settled::Never => return,
            Settled::Made(tail) => (Some(tail), true),
            Settled::Open => (None, false),
        };
        let planned = Planned { id, step: self.append(append, tail), called_at, returned_at: NEVER, twin: None };
        if plan { self.required.push(planned) } else { self.optional.push(planned) }
    }

    /// None for an answer that says nothing: a failed read, a definite failure.
    fn step(&mut self, operation: &'h Operation) -> Option<Step<'h>> {
        let outcome = operation.outcome.as_ref()?;
        match (outcome, &operation.op) {
            (Outcome::AppendSuccess { tail }, crate::Op::Append(append)) => Some(self.append(append, Some(*tail))),
            (Outcome::AppendConditionFailed, crate::Op::Append(append)) => {
                Some(Step::ConditionFailed(self.conditions(append)))
            }
            _ => observed(outcome),
        }
    }

    fn append(&mut self, append: &'h Append, tail: Option<u64>) -> Step<'h> {
        let conditions = self.conditions(append);
        let sets = append.set_fencing_token.as_deref().map(|token| self.tokens.id(token));
        Step::Append { record_hashes: &append.record_hashes, conditions, sets, tail }
    }

    fn conditions(&mut self, append: &'h Append) -> Conditions {
        let fencing_token = append.fencing_token.as_deref().map(|token| self.tokens.id(token));
        Conditions { match_seq_num: append.match_seq_num, fencing_token }
    }
}

fn observed<'h>(outcome: &Outcome) -> Option<Step<'h>> {
    match outcome {
        Outcome::ReadSuccess { tail, stream_hash } => {
            Some(Step::Observe { tail: *tail, stream_hash: Some(*stream_hash) })
        }
        Outcome::ReadRecords { record_hashes } => {
            let stream_hash = Some(stream_hash(record_hashes));
            Some(Step::Observe { tail: record_hashes.len() as u64, stream_hash })
        }
        Outcome::CheckTailSuccess { tail } => Some(Step::Observe { tail: *tail, stream_hash: None }),
        _ => None,
    }
}

fn find_twins(optional: &mut [Planned]) {
    let mut latest = HashMap::new();
    for (op, planned) in optional.iter_mut().enumerate() {
        planned.twin = latest.insert(planned.step, op);
    }
}

fn note_seen(seen: &mut Seen, planned: &Planned) {
    match &planned.step {
        Step::Append { record_hashes, tail: Some(tail), .. } => {
            // An acknowledgement below the batch's own size fits no state; the model refuses it.
            let begin = tail.checked_sub(record_hashes.len() as u64);
            begin.into_iter().chain([*tail]).for_each(|tail| seen.add(tail, None, planned.id));
        }
        Step::Observe { tail, stream_hash } => seen.add(*tail, *stream_hash, planned.id),
        _ => {}
    }
}
