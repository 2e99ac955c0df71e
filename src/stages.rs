//! How long the stages of the work take: where the tail of an append comes from.
//!
//! Each shard has a set of its own, and the side that makes chunks has one; whoever asks gets their sum. A turn gathers what it
//! measured, from readings of the clock that it takes anyway, and adds it to its set once, at its end.

use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use riverrun_core::shard::ShardStage;
use riverrun_protocol::response::{StageHistogram, StageHistograms};

use crate::metrics::durations::Counted;

/// Longer is told as this.
const STAGE_US_MAX: u64 = 60_000_000;
/// Within 1 %, in 20 KiB: a set stays in a core's own cache.
const SIGNIFICANT_DIGITS: u8 = 2;

/// In the order in which an append goes through them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Receive,
    Turn,
    WaitForBlock,
    JournalWrite,
    JournalOrder,
    AckSend,
    PushSend,
    ChunkEncode,
    ChunkPut,
}

impl Stage {
    pub const ALL: [Self; 9] = [
        Self::Receive,
        Self::Turn,
        Self::WaitForBlock,
        Self::JournalWrite,
        Self::JournalOrder,
        Self::AckSend,
        Self::PushSend,
        Self::ChunkEncode,
        Self::ChunkPut,
    ];

    /// As in docs/PROTOCOL.md, which says from when to when.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Turn => "turn",
            Self::WaitForBlock => "wait_for_block",
            Self::JournalWrite => "journal_write",
            Self::JournalOrder => "journal_order",
            Self::AckSend => "ack_send",
            Self::PushSend => "push_send",
            Self::ChunkEncode => "chunk_encode",
            Self::ChunkPut => "chunk_put",
        }
    }
}

impl From<ShardStage> for Stage {
    fn from(stage: ShardStage) -> Self {
        match stage {
            ShardStage::WaitForBlock => Self::WaitForBlock,
            ShardStage::JournalWrite => Self::JournalWrite,
            ShardStage::JournalOrder => Self::JournalOrder,
        }
    }
}

/// A histogram of microseconds for each stage. Recording allocates nothing.
#[derive(Clone, Debug)]
pub struct Stages {
    histograms: [Histogram<u64>; Stage::ALL.len()],
}

impl Default for Stages {
    fn default() -> Self {
        let histogram = |_| Histogram::new_with_bounds(1, STAGE_US_MAX, SIGNIFICANT_DIGITS).expect("sound bounds");
        Self { histograms: Stage::ALL.map(histogram) }
    }
}

impl Stages {
    /// So many of something took this long.
    pub fn record(&mut self, stage: Stage, elapsed: Duration, count: u64) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.histograms[stage as usize].saturating_record_n(us.min(STAGE_US_MAX), count);
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, other) in self.histograms.iter_mut().zip(&other.histograms) {
            mine.add(other).expect("the bounds are the same");
        }
    }

    pub fn count(&self, stage: Stage) -> u64 {
        self.histograms[stage as usize].len()
    }

    /// In the buckets of metrics: within the hundredth that a value is known to.
    pub fn counted(&self, stage: Stage) -> Counted {
        let mut counted = Counted::default();
        for value in self.histograms[stage as usize].iter_recorded() {
            counted.record(value.value_iterated_to(), value.count_since_last_iteration());
        }
        counted
    }

    pub fn encode(&self) -> StageHistograms {
        let mut serializer = V2Serializer::new();
        let stage = |stage: Stage| {
            let mut bytes = Vec::new();
            serializer.serialize(&self.histograms[stage as usize], &mut bytes).expect("memory takes it");
            StageHistogram { name: stage.name().to_owned(), histogram: bytes.into() }
        };
        StageHistograms { stages: Stage::ALL.into_iter().map(stage).collect() }
    }
}

/// A set that one side records into and others read.
#[derive(Debug, Default)]
pub struct SharedStages(Mutex<Stages>);

impl SharedStages {
    pub fn record(&self, stage: Stage, elapsed: Duration, count: u64) {
        self.0.lock().expect("no holder panics").record(stage, elapsed, count);
    }

    pub fn add_to(&self, sum: &mut Stages) {
        sum.add(&self.0.lock().expect("no holder panics"));
    }
}

/// What a turn has measured: at most one note for each block, and for each operation of the ring that ended in it. Keeps its
/// memory from turn to turn.
#[derive(Debug, Default)]
pub struct StageNotes(Vec<(Stage, Duration, u64)>);

impl StageNotes {
    pub fn note(&mut self, stage: Stage, elapsed: Duration, count: u64) {
        self.0.push((stage, elapsed, count));
    }

    /// The end of a turn: nobody waits for the lock but who asks for the sum, and holds it as long as an addition takes.
    pub fn publish(&mut self, to: &SharedStages) {
        if self.0.is_empty() {
            return;
        }
        let mut stages = to.0.lock().expect("no holder panics");
        self.0.drain(..).for_each(|(stage, elapsed, count)| stages.record(stage, elapsed, count));
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use riverrun_protocol::limits::{STAGE_HISTOGRAM_BYTES_MAX, STAGES_MAX};

    use super::*;

    fn decoded(stages: &Stages, stage: Stage) -> Histogram<u64> {
        let told = stages.encode().stages.swap_remove(stage as usize);
        assert_eq!(told.name, stage.name());
        Deserializer::new().deserialize(&mut &told.histogram[..]).expect("HdrHistogram's own")
    }

    #[test]
    fn stages_are_listed_in_the_order_of_their_numbers() {
        assert!(Stage::ALL.iter().enumerate().all(|(n, stage)| *stage as usize == n));
        assert!(Stage::ALL.len() <= STAGES_MAX);
    }

    #[test]
    fn what_was_recorded_comes_back_within_a_hundredth() {
        let (mut one, mut other) = (Stages::default(), Stages::default());
        one.record(Stage::AckSend, Duration::from_micros(1234), 3);
        other.record(Stage::AckSend, Duration::ZERO, 1);
        other.record(Stage::AckSend, Duration::MAX, 1);
        one.add(&other);
        let decoded = decoded(&one, Stage::AckSend);
        assert_eq!((decoded.len(), one.count(Stage::AckSend)), (5, 5));
        assert_eq!(decoded.min(), 0);
        assert!(decoded.equivalent(decoded.value_at_quantile(0.5), 1234));
        assert!(decoded.equivalent(decoded.max(), STAGE_US_MAX));
        assert_eq!(one.count(Stage::Turn), 0);
        let counted = one.counted(Stage::AckSend).in_seconds().map(|(_, count)| count);
        let expected =
            |n: usize| [(0, 1), (5, 3), (17, 1)].into_iter().find(|(at, _)| *at == n).map_or(0, |(_, count)| count);
        assert_eq!(counted, std::array::from_fn(expected));
    }

    /// A reader makes room for no more than that.
    #[test]
    fn the_fullest_histogram_fits() {
        let mut stages = Stages::default();
        for us in 0..=20_000 {
            stages.record(Stage::Turn, Duration::from_micros(us), u64::MAX / 20_000_000);
        }
        for step in 0..=40_000 {
            stages.record(Stage::Turn, Duration::from_micros(step * STAGE_US_MAX / 40_000), u64::MAX / 40_000_000);
        }
        let bytes = stages.encode().stages[Stage::Turn as usize].histogram.len();
        assert!((10_000..=STAGE_HISTOGRAM_BYTES_MAX).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_turn_is_added_once() {
        let (mut notes, shared, mut sum) = (StageNotes::default(), SharedStages::default(), Stages::default());
        notes.note(Stage::Receive, Duration::from_millis(1), 2);
        notes.publish(&shared);
        notes.publish(&shared);
        shared.record(Stage::ChunkPut, Duration::from_millis(2), 1);
        shared.add_to(&mut sum);
        assert_eq!([Stage::Receive, Stage::ChunkPut, Stage::Turn].map(|stage| sum.count(stage)), [2, 1, 0]);
    }
}
