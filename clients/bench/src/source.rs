//! What a producer is to send next: in a closed loop whenever it has room, in an open loop what is due. Pure.

use std::collections::VecDeque;

use crate::schedule::Schedule;

/// Due records kept ready per producer; more stay in the schedule, and lose nothing by it but their place in the queue's count.
const DUE_MAX: usize = 1 << 20;

#[derive(Debug)]
pub enum Source {
    Closed { batch: Vec<u64>, end_ns: u64 },
    Open { schedule: Box<Schedule>, due: VecDeque<u64>, batch_records: usize, linger_ns: u64 },
}

impl Source {
    pub fn closed(batch_records: usize, end_ns: u64) -> Self {
        Self::Closed { batch: vec![0; batch_records], end_ns }
    }

    pub fn open(schedule: Schedule, batch_records: usize, linger_ns: u64) -> Self {
        let schedule = Box::new(schedule);
        Self::Open { schedule, due: VecDeque::new(), batch_records, linger_ns }
    }

    pub fn is_open_loop(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The intended times of the records that may go into the next batch now; they stay until `take`.
    pub fn batch(&mut self, now_ns: u64) -> Option<&[u64]> {
        match self {
            Self::Closed { batch, end_ns } => {
                batch.fill(now_ns);
                (now_ns < *end_ns).then_some(batch)
            }
            Self::Open { schedule, due, batch_records, linger_ns } => {
                while due.len() < DUE_MAX
                    && let Some(at_ns) = schedule.take_due(now_ns)
                {
                    due.push_back(at_ns);
                }
                let full = due.len() >= *batch_records || schedule.next().is_none();
                let ripe = due.front().is_some_and(|first| full || first + *linger_ns <= now_ns);
                let count = due.len().min(*batch_records);
                ripe.then(|| &due.make_contiguous()[..count])
            }
        }
    }

    /// The first `count` of them were sent.
    pub fn take(&mut self, count: usize) {
        if let Self::Open { due, .. } = self {
            due.drain(..count);
        }
    }

    /// A closed loop sends nothing more.
    pub fn stop(&mut self) {
        if let Self::Closed { end_ns, .. } = self {
            *end_ns = 0;
        }
    }

    /// When there may be a batch again; `None`: not by the passing of time.
    pub fn next_ns(&self) -> Option<u64> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { schedule, due, linger_ns, .. } => {
                due.front().map(|first| first + linger_ns).or_else(|| schedule.next())
            }
        }
    }

    pub fn is_done(&self, now_ns: u64) -> bool {
        match self {
            Self::Closed { end_ns, .. } => now_ns >= *end_ns,
            Self::Open { schedule, due, .. } => due.is_empty() && schedule.next().is_none(),
        }
    }

    /// Due and not sent.
    pub fn queued(&self) -> u64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Open { due, .. } => due.len() as u64,
        }
    }

    /// Everything that was never sent.
    pub fn give_up(&mut self) -> Vec<u64> {
        match self {
            Self::Closed { .. } => Vec::new(),
            Self::Open { schedule, due, .. } => {
                let rest = std::iter::from_fn(|| schedule.take_due(u64::MAX));
                due.drain(..).chain(rest).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Pacing, Workload};

    /// A record per millisecond for 100 ms.
    fn open(batch_records: usize, linger_ns: u64) -> Source {
        let workload = Workload { pacing: Pacing::Constant, rate: 1000.0, ..Workload::default() };
        Source::open(Schedule::of_producer(&workload, 0, 100_000_000), batch_records, linger_ns)
    }

    #[test]
    fn what_is_due_goes_into_one_batch_and_no_more_than_fits() {
        let mut source = open(4, 0);
        assert_eq!(source.batch(2_500_000), Some(&[0, 1_000_000, 2_000_000][..]));
        source.take(3);
        assert_eq!(source.batch(2_600_000), None);
        assert_eq!(source.next_ns(), Some(3_000_000));
        assert_eq!(source.batch(50_000_000).map(<[u64]>::len), Some(4));
        source.take(4);
        assert_eq!(source.queued(), 44);
    }

    #[test]
    fn lingering_waits_for_more_but_not_when_full() {
        let mut source = open(3, 5_000_000);
        assert_eq!(source.batch(1_000_000), None);
        assert_eq!(source.next_ns(), Some(5_000_000));
        assert_eq!(source.batch(2_000_000).map(<[u64]>::len), Some(3));
    }

    #[test]
    fn what_was_never_sent_is_told() {
        let mut source = open(1, 0);
        assert_eq!(source.batch(10_000_000), Some(&[0][..]));
        assert_eq!(source.give_up().len(), 100);
        assert!(source.is_done(10_000_000));
    }

    #[test]
    fn a_closed_loop_sends_until_its_end() {
        let mut source = Source::closed(2, 100);
        assert_eq!(source.batch(99), Some(&[99, 99][..]));
        assert_eq!(source.batch(100), None);
        assert!(source.is_done(100));
    }
}
