//! A checker without any cleverness: all orders, over a stream that keeps its records. What the search has to agree with.

use riverrun_history::{Append, History, Op, OpId, Operation, Outcome, stream_hash};

#[derive(Clone, Default)]
struct Stream {
    records: Vec<u64>,
    token: String,
}

/// Is there an order?
pub fn linearizable(history: &History) -> bool {
    let operations: Vec<&Operation> = history.operations().iter().filter(|o| may_be_placed(o)).collect();
    any_order(&operations, &mut vec![false; operations.len()], &Stream::default())
}

/// Is this an order of all that has to be in one?
pub fn explains(history: &History, order: &[OpId]) -> Result<(), String> {
    let operations: Vec<&Operation> =
        order.iter().map(|id| history.operation(*id).expect("an operation of the history")).collect();
    let mut stream = Stream::default();
    for (place, operation) in operations.iter().enumerate() {
        stream = stream.after(operation).ok_or_else(|| format!("{operation} cannot stand at {place}"))?;
        if let Some(late) = operations[place..].iter().find(|later| precedes(later, operation)) {
            return Err(format!("{late} stands behind {operation}"));
        }
    }
    let missing = history.operations().iter().find(|o| has_to_be_placed(o) && tells(o) && !order.contains(&o.id));
    missing.map_or(Ok(()), |operation| Err(format!("{operation} is missing")))
}

fn any_order(operations: &[&Operation], placed: &mut Vec<bool>, stream: &Stream) -> bool {
    let left = |placed: &[bool]| (0..operations.len()).filter(|o| !placed[*o]).collect::<Vec<_>>();
    let unplaced = left(placed);
    if unplaced.iter().all(|o| !has_to_be_placed(operations[*o])) {
        return true;
    }
    unplaced.iter().any(|next| {
        let too_early = unplaced.iter().any(|other| precedes(operations[*other], operations[*next]));
        let Some(after) = stream.after(operations[*next]).filter(|_| !too_early) else { return false };
        placed[*next] = true;
        let found = any_order(operations, placed, &after);
        placed[*next] = false;
        found
    })
}

fn undecided(operation: &Operation) -> bool {
    matches!(operation.op, Op::Append(_)) && matches!(operation.outcome, None | Some(Outcome::AppendIndefiniteFailure))
}

fn has_to_be_placed(operation: &Operation) -> bool {
    operation.outcome.is_some() && !undecided(operation)
}

fn may_be_placed(operation: &Operation) -> bool {
    has_to_be_placed(operation) || undecided(operation)
}

fn tells(operation: &Operation) -> bool {
    use Outcome::{AppendDefiniteFailure, CheckTailFailure, ReadFailure};
    !matches!(operation.outcome, Some(AppendDefiniteFailure | ReadFailure | CheckTailFailure))
}

/// Did `first` return before `second` was called? What has an unknown effect returns at the end of time.
fn precedes(first: &Operation, second: &Operation) -> bool {
    !undecided(first) && first.returned_at.is_some_and(|at| at < second.called_at)
}

impl Stream {
    fn tail(&self) -> u64 {
        self.records.len() as u64
    }

    fn after(&self, operation: &Operation) -> Option<Stream> {
        use Outcome::{AppendConditionFailed, AppendIndefiniteFailure, AppendSuccess, CheckTailSuccess};
        let same = |yes: bool| yes.then(|| self.clone());
        match (&operation.op, &operation.outcome) {
            (Op::Append(append), None | Some(AppendIndefiniteFailure)) => self.append(append),
            (Op::Append(append), Some(AppendSuccess { tail })) => {
                self.append(append).filter(|after| after.tail() == *tail)
            }
            (Op::Append(append), Some(AppendConditionFailed)) => same(!self.holds(append)),
            (_, Some(CheckTailSuccess { tail })) => same(self.tail() == *tail),
            (_, Some(Outcome::ReadSuccess { tail, stream_hash: hash })) => {
                same(self.tail() == *tail && stream_hash(&self.records) == *hash)
            }
            (_, Some(Outcome::ReadRecords { record_hashes })) => same(self.records == *record_hashes),
            _ => same(true),
        }
    }

    fn holds(&self, append: &Append) -> bool {
        append.match_seq_num.is_none_or(|seq_num| seq_num == self.tail())
            && append.fencing_token.as_ref().is_none_or(|token| *token == self.token)
    }

    fn append(&self, append: &Append) -> Option<Stream> {
        self.holds(append).then(|| Stream {
            records: [&self.records[..], &append.record_hashes].concat(),
            token: append.set_fencing_token.as_ref().unwrap_or(&self.token).clone(),
        })
    }
}
