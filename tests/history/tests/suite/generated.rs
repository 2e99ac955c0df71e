//! Scripts and changes of histories, by chance.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{option, prop_oneof};
use riverrun_history::{History, Outcome};

use crate::simulated::{Ask, Fate, Script, Turn};

/// How often something goes wrong, in a thousand operations, each way of it.
pub type Faults = u32;

pub fn script(clients: u64, turns: std::ops::RangeInclusive<usize>, faults: Faults) -> impl Strategy<Value = Script> {
    (vec(turn(clients, faults), turns), any::<bool>()).prop_map(|(turns, last_read)| Script { turns, last_read })
}

fn turn(clients: u64, faults: Faults) -> impl Strategy<Value = Turn> {
    (0..clients, ask(), fate(faults), proptest::bool::weighted(0.1))
        .prop_map(|(client, ask, fate, late_arrives)| Turn { client, ask, fate, late_arrives })
}

fn ask() -> impl Strategy<Value = Ask> {
    let under = || option::weighted(0.2, 0..3u8);
    let appended = (1..=3usize, any::<bool>(), under()).prop_map(|(records, at_tail, under)| Ask::Append {
        records,
        at_tail,
        under,
        fence: None,
    });
    let fence = (any::<bool>(), under(), 0..3u8).prop_map(|(at_tail, under, fence)| Ask::Append {
        records: 1,
        at_tail,
        under,
        fence: Some(fence),
    });
    prop_oneof![5 => appended, 1 => fence, 3 => Just(Ask::Read), 3 => Just(Ask::CheckTail)]
}

fn fate(faults: Faults) -> impl Strategy<Value = Fate> {
    prop_oneof![
        1000 - 4 * faults => Just(Fate::Answered),
        faults => Just(Fate::RequestLost),
        faults => Just(Fate::AnswerLost),
        faults => Just(Fate::Late),
        faults => Just(Fate::Refused),
    ]
}

/// A change of one answer.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    TailUp,
    TailDown,
    Hash,
    /// The answer is lost, though the history may need it.
    Lost,
    Refused,
    ConditionFailed,
    Silence,
}

pub fn change() -> impl Strategy<Value = Change> {
    use Change::{ConditionFailed, Hash, Lost, Refused, Silence, TailDown, TailUp};
    proptest::sample::select(vec![TailUp, TailDown, Hash, Lost, Refused, ConditionFailed, Silence])
}

/// The history with the change made to the `which`-th of the answers that it fits; none, if it fits none.
pub fn changed(history: &History, change: Change, which: usize) -> Option<History> {
    let fitting =
        |outcome: &Option<Outcome>| outcome.as_ref().is_some_and(|outcome| altered(outcome, change).is_some());
    let places: Vec<usize> =
        (0..history.operations().len()).filter(|at| fitting(&history.operations()[*at].outcome)).collect();
    let place = *places.get(which % places.len().max(1))?;
    Some(retold(
        history,
        |at, outcome| {
            if at == place { altered(outcome, change).expect("it fits") } else { Some(outcome.clone()) }
        },
    ))
}

/// What becomes of an answer; None, if the change does not fit it. `Some(None)` takes the answer away.
fn altered(outcome: &Outcome, change: Change) -> Option<Option<Outcome>> {
    let acked = matches!(outcome, Outcome::AppendSuccess { .. });
    Some(match change {
        Change::TailUp => Some(moved(outcome, 1)?),
        Change::TailDown => Some(moved(outcome, u64::MAX)?),
        Change::Hash => match outcome {
            Outcome::ReadSuccess { tail, stream_hash } => {
                Some(Outcome::ReadSuccess { tail: *tail, stream_hash: stream_hash ^ 1 })
            }
            _ => return None,
        },
        Change::Silence => None,
        _ if !acked => return None,
        Change::Lost => Some(Outcome::AppendIndefiniteFailure),
        Change::Refused => Some(Outcome::AppendDefiniteFailure),
        Change::ConditionFailed => Some(Outcome::AppendConditionFailed),
    })
}

fn moved(outcome: &Outcome, by: u64) -> Option<Outcome> {
    Some(match outcome {
        Outcome::AppendSuccess { tail } => Outcome::AppendSuccess { tail: tail.wrapping_add(by) },
        Outcome::CheckTailSuccess { tail } => Outcome::CheckTailSuccess { tail: tail.wrapping_add(by) },
        Outcome::ReadSuccess { tail, stream_hash } => {
            Outcome::ReadSuccess { tail: tail.wrapping_add(by), stream_hash: *stream_hash }
        }
        _ => return None,
    })
}

/// The same calls and returns in the same order, with other answers.
fn retold(history: &History, mut answer: impl FnMut(usize, &Outcome) -> Option<Outcome>) -> History {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (at, operation) in history.operations().iter().enumerate() {
        events.push((operation.called_at, at, false));
        events.extend(operation.returned_at.map(|returned_at| (returned_at, at, true)));
    }
    events.sort_unstable();
    let (mut told, mut ids) = (History::new(), vec![None; history.operations().len()]);
    for (_, at, is_return) in events {
        let operation = &history.operations()[at];
        match ids[at] {
            Some(id) if is_return => {
                let outcome = answer(at, operation.outcome.as_ref().expect("it returned"));
                outcome.into_iter().for_each(|outcome| told.returned(id, outcome));
            }
            _ => ids[at] = Some(told.call(operation.client, operation.op.clone())),
        }
    }
    told
}
