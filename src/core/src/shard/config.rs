//! What a shard is told when it starts.

use std::time::Duration;

use bytes::BytesMut;
use riverrun_protocol::types::Level;

use crate::buffer::slabs::Allocate;
use crate::limits::{CONNECTION_OUTPUT_BYTES_MAX, LOADED_BYTES_MAX, OUTPUT_SHARE, TAIL_CACHE_BYTES_MAX};
use crate::time::Now;

/// One shard's identity and budgets. Sizes are bytes of this shard alone: the driver divides what the operator allows by the
/// number of shards.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    pub shard: u16,
    /// How many shards run now.
    pub shards: u16,
    pub epoch: u64,
    pub store_id: [u8; 16],
    /// `None`: a `memory:` store. What was accepted in a turn is stable when the turn ends, and acks say [`Level::Memory`].
    pub journal: Option<JournalConfig>,
    /// Journal space and memory held by records that no chunk has yet (design.md 6, backlog). Beyond it appends wait.
    pub unpublished_bytes_max: u64,
    /// A lane's records are sealed into a chunk when they reach this size, uncompressed.
    pub chunk_bytes_max: u64,
    /// Or when the oldest of them has waited this long.
    pub chunk_age_max: Duration,
    /// Chunks of one lane on their way to the store.
    pub chunks_inflight_max: usize,
    /// Published records that stay in memory for readers near the tail.
    pub tail_cache_bytes_max: u64,
    /// Frames given to connections and not yet taken by their sockets. It is exceeded by what each is given when nothing waits for it,
    /// one push, up to twice as much.
    pub output_bytes_max: u64,
    /// Loaded pages that wait for their readers. Beyond it loads wait; readers that take nothing lose their pages first. At least a few
    /// times [`crate::limits::PAGE_LOAD_BYTES_MAX`].
    pub loaded_bytes_max: usize,
    /// Streams in memory. Idle, published ones make room for others.
    pub streams_open_max: usize,
    /// What the wall clock showed when the monotonic one stood at zero, or the newest arrival in the store if that is later. For
    /// the expiry of records, time never is before this plus what has passed: a clock that is set back, or that starts in 1970, must
    /// not make records expire early once it is right (`s2-semantics.md` E8, reliability.md D19).
    pub wall_floor_ms: u64,
    /// Where memory for what is received and written comes from.
    pub allocate: Allocate,
}

/// This epoch's journal of this shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalConfig {
    /// Random per shard and epoch.
    pub journal_id: [u8; 16],
    /// Random; starts every checksum of the journal.
    pub salt: u64,
}

impl ShardConfig {
    /// The default budgets: 1 GiB unpublished, chunks of 16 MiB or 30 s, two in flight, 64 MiB each of tail cache, output and loaded pages, 65,536
    /// streams.
    pub fn new(shard: u16, shards: u16, epoch: u64, store_id: [u8; 16], journal: Option<JournalConfig>) -> Self {
        Self {
            shard,
            shards,
            epoch,
            store_id,
            journal,
            unpublished_bytes_max: 1 << 30,
            chunk_bytes_max: 16 << 20,
            chunk_age_max: Duration::from_secs(30),
            chunks_inflight_max: 2,
            tail_cache_bytes_max: TAIL_CACHE_BYTES_MAX,
            output_bytes_max: CONNECTION_OUTPUT_BYTES_MAX * OUTPUT_SHARE,
            loaded_bytes_max: LOADED_BYTES_MAX,
            streams_open_max: 64 << 10,
            wall_floor_ms: 0,
            allocate: BytesMut::with_capacity,
        }
    }

    /// The wall clock, unless it was set back.
    pub(super) fn steady_ms(&self, now: Now) -> u64 {
        now.wall_ms.max(self.wall_floor_ms.saturating_add(now.monotonic.as_millis() as u64))
    }

    /// What an acknowledged record of an express stream has reached.
    pub fn journal_level(&self) -> Level {
        if self.journal.is_some() { Level::Journal } else { Level::Memory }
    }

    /// What a record in a stored chunk has reached.
    pub fn store_level(&self) -> Level {
        if self.journal.is_some() { Level::Object } else { Level::Memory }
    }
}
