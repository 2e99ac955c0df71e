//! From sealed to published: outcomes of storing chunks, in whatever order they come, applied in order of number.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use riverrun_protocol::batch::Batch;

use super::sealing::{Progress, SealedChunk};
use super::{Shard, Turn};
use crate::action::Action;
use crate::chunk::{ChunkId, ChunkStream, Lane as LaneName, StoredChunk};
use crate::event::{ChunkRange, StoreFailure};
use crate::limits::{CHUNK_RETRY_PAUSE_MAX, CHUNK_RETRY_PAUSE_MIN};

impl Shard {
    pub(super) fn on_chunk_stored(
        &mut self,
        turn: &mut Turn<'_>,
        id: ChunkId,
        outcome: Result<StoredChunk, StoreFailure>,
    ) {
        match outcome {
            Ok(stored) => {
                self.slabs.on_let_go(self.now);
                self.inflight_chunk(id).progress = Progress::Stored(stored);
                self.publish_stored(turn, id.lane);
            }
            Err(StoreFailure::Transient(_)) => self.retry_chunk_later(turn, id),
            Err(StoreFailure::Fatal(why)) => {
                self.fail_shard(turn, &format!("chunk {id:?} could not be stored, and never will be: {why}"));
            }
        }
    }

    fn inflight_chunk(&mut self, id: ChunkId) -> &mut SealedChunk {
        let chunk = self.lanes.named_mut(id.lane).inflight.iter_mut().find(|chunk| chunk.input.id == id);
        chunk.expect("every order to store a chunk is answered once")
    }

    /// The pause doubles, and half of it is chance, so that the shards of a process do not come back together.
    fn retry_chunk_later(&mut self, turn: &mut Turn<'_>, id: ChunkId) {
        let attempts = self.inflight_chunk(id).attempts;
        let pause = retry_pause(attempts);
        let jitter = self.retry_chance.random_range(0..=pause.as_millis() as u64 / 2);
        let at = turn.now.monotonic + pause - Duration::from_millis(jitter);
        self.inflight_chunk(id).progress = Progress::RetryAt(at);
        self.counters.chunk_retries += 1;
    }

    pub(super) fn retry_due_chunks(&mut self, turn: &mut Turn<'_>) {
        for lane in [&mut self.lanes.express, &mut self.lanes.standard] {
            for chunk in &mut lane.inflight {
                if chunk.retry_at().is_some_and(|at| at <= turn.now.monotonic) {
                    chunk.progress = Progress::InFlight;
                    chunk.attempts = chunk.attempts.saturating_add(1);
                    turn.actions.push(Action::StoreChunk { chunk: Arc::clone(&chunk.input) });
                }
            }
        }
    }

    fn publish_stored(&mut self, turn: &mut Turn<'_>, name: LaneName) {
        loop {
            let inflight = &mut self.lanes.named_mut(name).inflight;
            if !inflight.front().is_some_and(|chunk| matches!(chunk.progress, Progress::Stored(_))) {
                break;
            }
            if let Some(SealedChunk { input, shares, progress: Progress::Stored(stored), .. }) = inflight.pop_front() {
                self.count_chunk(&stored);
                for (part, (stream, batches)) in input.streams.iter().zip(shares) {
                    self.publish_share(turn, input.id, part, stream, batches);
                }
            }
        }
        self.tail_cache.trim(&mut self.streams.slab);
    }

    fn count_chunk(&mut self, stored: &StoredChunk) {
        self.counters.chunks_stored += 1;
        self.counters.chunk_raw_bytes += stored.raw_bytes;
        self.counters.chunk_object_bytes += stored.object_bytes;
    }

    /// A stream's records in a chunk are readable from there: the journal is not needed for them any more, and memory keeps them
    /// only as a cache.
    fn publish_share(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: ChunkId,
        part: &ChunkStream,
        key: super::stream::StreamKey,
        batches: usize,
    ) {
        let stream = &mut self.streams[key];
        let first = stream.cached_batches;
        let published = stream.memory.range(first..first + batches);
        let range = range_of(chunk, published.clone().map(|memory| &memory.batch), part);
        for memory in published {
            self.backlog.on_batch_published(memory.block, memory.footprint);
            self.tail_cache.push(key, memory.footprint);
        }
        stream.on_published(range, batches);
        if stream.is_standard() {
            self.settle_stored(turn, key);
            self.wake_tail(key);
        }
    }
}

fn range_of<'a>(chunk: ChunkId, mut batches: impl Iterator<Item = &'a Batch>, part: &ChunkStream) -> ChunkRange {
    let first = batches.next().expect("a stream is in a chunk with at least one batch");
    ChunkRange {
        chunk,
        first_seq_num: first.first_seq_num(),
        end_seq_num: part.state.next.seq_num,
        first_timestamp: first.first_timestamp(),
        last_timestamp: part.state.next.timestamp,
    }
}

fn retry_pause(attempts: u32) -> Duration {
    let doublings = (attempts - 1).min(16);
    (CHUNK_RETRY_PAUSE_MIN * (1 << doublings)).min(CHUNK_RETRY_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit() {
        let millis: Vec<u128> = (1..=10).map(|attempts| retry_pause(attempts).as_millis()).collect();
        assert_eq!(millis, [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(retry_pause(u32::MAX), CHUNK_RETRY_PAUSE_MAX);
    }
}
