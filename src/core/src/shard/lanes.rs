//! A shard's two lanes, each an ordered sequence of chunks of its own, so that neither waits for the other (design.md 2).

use std::collections::VecDeque;
use std::time::Duration;

use riverrun_protocol::config::StorageClass;

use super::config::ShardConfig;
use super::sealing::{SealedChunk, Urgency};
use super::slab::Slab;
use super::stream::{Stream, StreamKey};
use crate::chunk::{ChunkId, Lane as LaneName};
use crate::limits::CHUNK_STREAMS_MAX;

#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) express: Lane,
    pub(super) standard: Lane,
}

/// What of one lane is not published yet.
#[derive(Debug)]
pub(super) struct Lane {
    /// The id of the next chunk to be sealed.
    next: ChunkId,
    /// Streams with batches that no chunk has, the one that has waited longest first.
    unsealed: VecDeque<StreamKey>,
    unsealed_bytes: u64,
    /// Chunks on their way, in order of number.
    pub(super) inflight: VecDeque<SealedChunk>,
}

impl Lanes {
    pub(super) fn new(config: &ShardConfig) -> Self {
        let lane = |name| Lane {
            next: ChunkId { epoch: config.epoch, shard: config.shard, lane: name, number: 0 },
            unsealed: VecDeque::new(),
            unsealed_bytes: 0,
            inflight: VecDeque::new(),
        };
        Self { express: lane(LaneName::Express), standard: lane(LaneName::Standard) }
    }

    pub(super) fn of_mut(&mut self, class: StorageClass) -> &mut Lane {
        match class {
            StorageClass::Express => &mut self.express,
            StorageClass::Standard => &mut self.standard,
        }
    }

    pub(super) fn named_mut(&mut self, name: LaneName) -> &mut Lane {
        match name {
            LaneName::Express => &mut self.express,
            LaneName::Standard => &mut self.standard,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.express.is_empty() && self.standard.is_empty()
    }

    /// The first time at which something is to be done although nothing happens.
    pub(super) fn next_timeout(&self, config: &ShardConfig, streams: &Slab<Stream>) -> Option<Duration> {
        [&self.express, &self.standard].into_iter().filter_map(|lane| lane.next_timeout(config, streams)).min()
    }
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.unsealed.is_empty() && self.inflight.is_empty()
    }

    /// A batch of this length became durable in the journal.
    pub(super) fn on_journaled(&mut self, key: StreamKey, stream: &mut Stream, bytes: u64, now: Duration) {
        self.unsealed_bytes += bytes;
        if stream.unsealed_since.is_none() {
            stream.unsealed_since = Some(now);
            self.unsealed.push_back(key);
        }
    }

    /// Whether a chunk should be sealed now.
    pub(super) fn is_due(&self, urgency: Urgency, config: &ShardConfig, streams: &Slab<Stream>, now: Duration) -> bool {
        if self.unsealed.is_empty() || self.inflight.len() >= config.chunks_inflight_max {
            return false;
        }
        match urgency {
            Urgency::Now => true,
            // Small chunks would only make the store the bottleneck: under pressure one is sealed early only if none is going.
            Urgency::Pressure if self.inflight.is_empty() => true,
            _ if self.unsealed_bytes >= config.chunk_bytes_max || self.unsealed.len() >= CHUNK_STREAMS_MAX => true,
            _ => self.oldest(streams) + config.chunk_age_max <= now,
        }
    }

    fn oldest(&self, streams: &Slab<Stream>) -> Duration {
        let oldest = self.unsealed.front().and_then(|key| streams[*key].unsealed_since);
        oldest.unwrap_or(Duration::MAX / 2)
    }

    fn next_timeout(&self, config: &ShardConfig, streams: &Slab<Stream>) -> Option<Duration> {
        let may_seal = !self.unsealed.is_empty() && self.inflight.len() < config.chunks_inflight_max;
        let seal = may_seal.then(|| self.oldest(streams) + config.chunk_age_max);
        let retry = self.inflight.iter().filter_map(SealedChunk::retry_at).min();
        [seal, retry].into_iter().flatten().min()
    }

    pub(super) fn take_id(&mut self) -> ChunkId {
        let id = self.next;
        self.next.number += 1;
        id
    }

    pub(super) fn pop_unsealed(&mut self) -> Option<StreamKey> {
        self.unsealed.pop_front()
    }

    /// What of the stream went into a chunk. A stream with more goes to the end of the queue: one that is appended to without
    /// end must not keep the others out.
    pub(super) fn on_sealed(&mut self, key: StreamKey, stream: &mut Stream, bytes: u64, now: Duration) {
        self.unsealed_bytes -= bytes;
        stream.unsealed_since = stream.has_unsealed().then_some(now);
        if stream.unsealed_since.is_some() {
            self.unsealed.push_back(key);
        }
    }
}
