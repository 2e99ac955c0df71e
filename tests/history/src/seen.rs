//! The tails that every order has to pass.
//!
//! A tail only grows, so a stream is at each tail once, in one state. An operation that saw tail 7 needs the stream to
//! have been at 7; an append acknowledged with tail 7 needs it there too, and at the place where its batch begins. So no
//! append may make the stream jump over such a tail, and none may reach it with other content than a read saw there.
//! Saying so when the append is placed, not when the read comes up, is what keeps the search short: appends without an
//! answer can be tried in every gap, and nearly every try ends at once.

use crate::OpId;
use crate::model::{Refusal, State};

#[derive(Debug, Clone, Copy)]
struct Point {
    tail: u64,
    stream_hash: Option<u64>,
    by: OpId,
}

/// The tails that were seen, sorted, one point each.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    points: Vec<Point>,
}

impl Seen {
    /// `by` needs the stream to have been at `tail`, and if it read it, with this content.
    pub(crate) fn add(&mut self, tail: u64, stream_hash: Option<u64>, by: OpId) {
        self.points.push(Point { tail, stream_hash, by });
    }

    /// Sorts; of several points at one tail keeps one that knows the content. Reads that differ about it need no care
    /// here: the state has one hash, and the model refuses the other read.
    pub(crate) fn sort(&mut self) {
        self.points.sort_by_key(|point| (point.tail, point.stream_hash.is_none(), point.by));
        self.points.dedup_by_key(|point| point.tail);
    }

    /// May an append bring the stream from tail `from` to the state `to`?
    pub(crate) fn allow(&self, from: u64, to: &State) -> Result<(), Refusal> {
        let next = self.points.partition_point(|point| point.tail <= from);
        let Some(point) = self.points.get(next) else { return Ok(()) };
        if point.tail < to.tail {
            return Err(Refusal::JumpsOver { made: to.tail, needed: point.tail, by: point.by });
        }
        let here = point.tail == to.tail;
        match point.stream_hash {
            Some(saw) if here && saw != to.stream_hash => {
                Err(Refusal::OtherContent { tail: to.tail, made: to.stream_hash, saw, by: point.by })
            }
            _ => Ok(()),
        }
    }
}
