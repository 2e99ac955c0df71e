//! How long batches spend in the stages that only the shard sees. Measured per block, in readings of the clock that the turns
//! have anyway: a record costs nothing, a batch one comparison.

use std::time::Duration;

use crate::limits::{ARRIVAL_RUNS_MAX, STAGE_TIMES_MAX};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShardStage {
    /// From the batch's acceptance until the write of its block was ordered.
    WaitForBlock,
    /// From there until the write was completed.
    JournalWrite,
    /// From there until all blocks before it were completed too: only then is the batch stable.
    JournalOrder,
}

/// So many batches spent this long there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StageTime {
    pub stage: ShardStage,
    pub elapsed: Duration,
    pub batches: u32,
}

/// What was not taken yet. A driver that never takes any loses what is beyond the bound, and nothing else.
#[derive(Debug, Default)]
pub(super) struct StageTimes(Vec<StageTime>);

impl StageTimes {
    /// Blocks without batches are nobody's wait.
    pub(super) fn note(&mut self, stage: ShardStage, elapsed: Duration, batches: usize) {
        if batches > 0 && self.0.len() < STAGE_TIMES_MAX {
            self.0.push(StageTime { stage, elapsed, batches: batches as u32 });
        }
    }

    pub(super) fn take(&mut self) -> impl Iterator<Item = StageTime> + '_ {
        self.0.drain(..)
    }
}

/// When the batches of a block were accepted: one run for those of each turn.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    runs: [(Duration, u32); ARRIVAL_RUNS_MAX],
    count: usize,
}

impl Arrivals {
    /// Those that come when all runs are in use count as having come with the last of them: a wait may be told too long, never
    /// too short.
    pub(super) fn add(&mut self, now: Duration) {
        match self.runs[..self.count].last_mut() {
            Some(last) if last.0 == now || self.count == ARRIVAL_RUNS_MAX => last.1 += 1,
            _ => {
                self.runs[self.count] = (now, 1);
                self.count += 1;
            }
        }
    }

    /// The write of the block is ordered: the waits of its batches are over.
    pub(super) fn end(&mut self, now: Duration, times: &mut StageTimes) {
        for (at, batches) in &self.runs[..self.count] {
            times.note(ShardStage::WaitForBlock, now.saturating_sub(*at), *batches as usize);
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn waits(mut arrivals: Arrivals, now: Duration) -> Vec<(Duration, u32)> {
        let mut times = StageTimes::default();
        arrivals.end(now, &mut times);
        assert_eq!(arrivals.count, 0);
        times.take().map(|time| (time.elapsed, time.batches)).collect()
    }

    #[test]
    fn a_turns_batches_wait_together() {
        let mut arrivals = Arrivals::default();
        [3, 3, 5].map(ms).into_iter().for_each(|at| arrivals.add(at));
        assert_eq!(waits(arrivals, ms(9)), [(ms(6), 2), (ms(4), 1)]);
    }

    #[test]
    fn too_many_turns_are_told_as_waiting_longer_not_shorter() {
        let mut arrivals = Arrivals::default();
        let last = ARRIVAL_RUNS_MAX as u64 - 1;
        (0..last + 10).map(ms).for_each(|at| arrivals.add(at));
        let waits = waits(arrivals, ms(1000));
        assert_eq!((waits.len(), waits.last()), (ARRIVAL_RUNS_MAX, Some(&(ms(1000 - last), 10))));
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let mut times = StageTimes::default();
        (0..2 * STAGE_TIMES_MAX).for_each(|_| times.note(ShardStage::JournalWrite, ms(1), 1));
        assert_eq!(times.take().count(), STAGE_TIMES_MAX);
        times.note(ShardStage::JournalWrite, ms(1), 0);
        assert_eq!(times.take().count(), 0, "a block without batches");
    }
}
