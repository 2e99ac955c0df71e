//! Requests that have one answer: when they came, and how long each kind takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use riverrun_protocol::FrameKind;

use crate::metrics::Durations;
use crate::metrics::durations::Counted;
use crate::metrics::snapshot::RequestTimes;

/// Kinds of requests are numbered below this (docs/PROTOCOL.md, Kinds).
const KINDS: usize = 0x40;

/// What is kept of a request until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub kind: FrameKind,
    /// On the clock of the shard's thread: read once a turn, so that an answer of the same turn took no time.
    pub at: Duration,
}

#[derive(Debug, Default)]
struct Kind {
    times: Durations,
    refused: AtomicU64,
}

/// Of one shard's connections.
#[derive(Debug)]
pub struct RequestsCounted(Box<[Kind; KINDS]>);

impl Default for RequestsCounted {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Kind::default())))
    }
}

impl RequestsCounted {
    pub fn answered(&self, asked: Asked, now: Duration, is_refusal: bool) {
        let Some(kind) = self.0.get(asked.kind as usize) else { return };
        kind.times.record(now.saturating_sub(asked.at));
        kind.refused.fetch_add(u64::from(is_refusal), Ordering::Relaxed);
    }

    /// Of every kind that has one answer, whether it was asked or not: a series that is 0 can be watched from the start.
    pub fn sum<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Vec<RequestTimes> {
        let of = |kind: FrameKind| {
            let mut sum = RequestTimes { kind, times: Counted::default(), refused: 0 };
            for counted in all.clone().map(|all| &all.0[kind as usize]) {
                sum.times.add(&counted.times.counted());
                sum.refused += counted.refused.load(Ordering::Relaxed);
            }
            sum
        };
        FrameKind::ALL.iter().copied().filter(|kind| has_one_answer(*kind)).map(of).collect()
    }
}

/// Those that a shard or the tokio side answers. Hellos, pings and status are answered where they arrive; sessions are told of by stages.
fn has_one_answer(kind: FrameKind) -> bool {
    use FrameKind as K;
    let is_request = (kind as usize) < KINDS;
    is_request
        && !matches!(
            kind,
            K::Hello
                | K::Ping
                | K::Status
                | K::OpenAppendSession
                | K::SessionAppend
                | K::CloseAppendSession
                | K::OpenReadSession
                | K::GrantCredit
                | K::CloseReadSession
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_with_one_answer_is_told_of() {
        let (one, other) = (RequestsCounted::default(), RequestsCounted::default());
        let asked = Asked { kind: FrameKind::CheckTail, at: Duration::from_secs(1) };
        one.answered(asked, Duration::from_secs(3), false);
        other.answered(asked, Duration::ZERO, true);
        let sum = RequestsCounted::sum([&one, &other].into_iter());
        let tails = sum.iter().find(|request| request.kind == FrameKind::CheckTail).expect("it has one answer");
        assert_eq!((tails.times.count(), tails.times.sum_us, tails.refused), (2, 2_000_000, 1));
        assert!(sum.iter().filter(|request| request.kind != FrameKind::CheckTail).all(|r| r.times.count() == 0));
        assert_eq!(sum.len(), 23);
    }
}
