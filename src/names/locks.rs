//! Who may change what at the same time (docs/decisions/0003-names-under-locks.md). Always in this order: a turn, a stream's name,
//! its basin; nobody holds two of a kind.
//!
//! Whoever waits for a shard holds a turn alone: the shard may be waiting for a load of the same stream, and the load for the name.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::BasinName;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Names that share a lock wait for each other; others share the catalog's writes.
const STREAM_LOCKS: usize = 1024;
const BASIN_LOCKS: usize = 64;

#[derive(Debug)]
pub struct Locks {
    turns: Vec<Arc<Mutex<()>>>,
    streams: Vec<Arc<Mutex<()>>>,
    basins: Vec<Arc<RwLock<()>>>,
    hasher: RandomState,
}

/// Nobody else tells the stream's shard anything: a deletion and another, or a change of the configuration, do not mix.
pub type Turn = OwnedMutexGuard<()>;
/// The stream's row is the holder's to change.
pub type StreamLock = OwnedMutexGuard<()>;
/// The basin stays as it is.
pub type BasinHold = OwnedRwLockReadGuard<()>;
/// The basin's row is the holder's to change, and no stream is created in it.
pub type BasinLock = OwnedRwLockWriteGuard<()>;

impl Default for Locks {
    fn default() -> Self {
        let mutexes = || (0..STREAM_LOCKS).map(|_| Arc::default()).collect();
        let basins = (0..BASIN_LOCKS).map(|_| Arc::default()).collect();
        Self { turns: mutexes(), streams: mutexes(), basins, hasher: RandomState::new() }
    }
}

impl Locks {
    pub async fn turn(&self, target: &StreamRef) -> Turn {
        Arc::clone(&self.turns[self.of_stream(target)]).lock_owned().await
    }

    pub async fn stream(&self, target: &StreamRef) -> StreamLock {
        Arc::clone(&self.streams[self.of_stream(target)]).lock_owned().await
    }

    fn of_stream(&self, target: &StreamRef) -> usize {
        self.hasher.hash_one(target) as usize % STREAM_LOCKS
    }

    pub async fn hold_basin(&self, name: &BasinName) -> BasinHold {
        self.basin_lock(name).read_owned().await
    }

    pub async fn basin(&self, name: &BasinName) -> BasinLock {
        self.basin_lock(name).write_owned().await
    }

    fn basin_lock(&self, name: &BasinName) -> Arc<RwLock<()>> {
        Arc::clone(&self.basins[self.hasher.hash_one(name) as usize % BASIN_LOCKS])
    }
}
