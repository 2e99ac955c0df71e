//! Everything that a broker has counted, at one moment.

use std::time::SystemTime;

use futures::future::BoxFuture;
use riverrun_core::shard::ShardCounters;
use riverrun_protocol::FrameKind;

use super::durations::Counted;
use crate::collection::Swept;
use crate::loader::Caches;
use crate::stages::Stages;
use crate::store::StoreCall;
use crate::uring::RingCounters;

/// Who knows.
pub trait Source: Send + Sync + std::fmt::Debug + 'static {
    /// Asks the shards: a core that is busy answers when it is not.
    fn take(&self) -> BoxFuture<'_, Snapshot>;

    /// Whether every shard answers.
    fn is_answering(&self) -> BoxFuture<'_, bool>;
}

#[derive(Debug)]
pub struct Snapshot {
    pub epoch: u64,
    pub started_at: SystemTime,
    /// In the order of their numbers.
    pub shards: Vec<ShardSnapshot>,
    pub stages: Stages,
    /// Over all shards.
    pub requests: Vec<RequestTimes>,
    pub store_calls: Vec<StoreTimes>,
    pub caches: Caches,
    pub collection_sweeps: u64,
    /// Over all sweeps.
    pub collected: Swept,
    pub process: Process,
}

#[derive(Clone, Debug)]
pub struct ShardSnapshot {
    pub counters: ShardCounters,
    pub ring: RingCounters,
    /// Whose sockets are with it.
    pub connections: u64,
    pub connections_moved: u64,
    pub received_copied_bytes: u64,
    /// `None`: it did not say in time.
    pub reader_lag_records_max: Option<u64>,
}

/// Of one kind of request that has one answer.
#[derive(Clone, Debug)]
pub struct RequestTimes {
    pub kind: FrameKind,
    pub times: Counted,
    pub refused: u64,
}

#[derive(Clone, Debug)]
pub struct StoreTimes {
    pub call: StoreCall,
    pub times: Counted,
    pub failed: u64,
}

/// What the system says of this process.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Process {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub descriptors: u64,
    pub descriptors_max: u64,
    pub ring_workers: u64,
}
