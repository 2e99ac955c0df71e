//! Decides, before the search, which of the appends without an answer took effect, and where.
//!
//! Left to the search, each could stand in any gap or nowhere, and a few dozen of them make more orders than can be
//! tried. The last read knows better, if it came with its records. Let R be a read of the records L.
//!
//! - **It took effect, and there.** If a record of the append stands in L, and no other append that may have taken effect
//!   has this record, then the append stands before R in every order: nothing else can have put the record there. A batch
//!   is whole and in one piece, so the record's place in L gives the tail that the append made. The search may demand it.
//! - **It never did.** Let R be final: every operation whose answer says something about the stream returned before R was
//!   called, so that R is the last of them in every order. If a record of the append is not in L, the append stands behind
//!   R or nowhere. Behind R nobody sees it; taking it out of an order leaves a valid order. So the search may leave it
//!   out.
//! - **Open.** The rest: a record that several appends have (fence commands that set the same token do), or a read that
//!   is not final. The search tries both.

use std::collections::HashMap;

use crate::{History, Op, Operation, Outcome};

/// What is known of an append without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It took effect, and made this tail.
    Made(u64),
    /// As good as never.
    Never,
    /// Perhaps, at some time.
    Open,
}

/// What the longest read with records says.
pub(crate) struct Evidence {
    /// Where a record stands first.
    places: HashMap<u64, u64>,
    /// How many appends' records are this one.
    appended: HashMap<u64, usize>,
    is_final: bool,
}

impl Evidence {
    /// None, if no read came with its records.
    pub(crate) fn of(history: &History) -> Option<Evidence> {
        let (read, records) = longest_read(history)?;
        let mut places = HashMap::new();
        for (place, record) in (0..).zip(records) {
            places.entry(*record).or_insert(place);
        }
        Some(Evidence { places, appended: count_appended(history), is_final: is_final(history, read) })
    }

    pub(crate) fn settle(&self, record_hashes: &[u64]) -> Settled {
        let missing = record_hashes.iter().any(|record| !self.places.contains_key(record));
        if missing {
            return if self.is_final { Settled::Never } else { Settled::Open };
        }
        let own = (0..).zip(record_hashes).find(|(_, record)| self.appended[*record] == 1);
        let begin = own.and_then(|(offset, record)| self.places[record].checked_sub(offset));
        begin.map_or(Settled::Open, |begin| Settled::Made(begin + record_hashes.len() as u64))
    }
}

fn longest_read(history: &History) -> Option<(&Operation, &[u64])> {
    let reads = history.operations().iter().filter_map(|operation| match &operation.outcome {
        Some(Outcome::ReadRecords { record_hashes }) => Some((operation, &record_hashes[..])),
        _ => None,
    });
    reads.max_by_key(|(read, records)| (records.len(), read.called_at))
}

fn count_appended(history: &History) -> HashMap<u64, usize> {
    let mut appended = HashMap::new();
    for operation in history.operations() {
        let Op::Append(append) = &operation.op else { continue };
        if operation.undecided().is_some() || matches!(operation.outcome, Some(Outcome::AppendSuccess { .. })) {
            append.record_hashes.iter().for_each(|record| *appended.entry(*record).or_default() += 1);
        }
    }
    appended
}

fn is_final(history: &History, read: &Operation) -> bool {
    let telling = history.operations().iter().filter(|operation| tells(operation) && operation.id != read.id);
    telling.filter_map(|operation| operation.returned_at).all(|returned_at| returned_at < read.called_at)
}

/// Does the answer say anything about the stream?
fn tells(operation: &Operation) -> bool {
    use Outcome::{AppendDefiniteFailure, AppendIndefiniteFailure, CheckTailFailure, ReadFailure};
    !matches!(
        operation.outcome,
        None | Some(AppendDefiniteFailure | AppendIndefiniteFailure | CheckTailFailure | ReadFailure)
    )
}
