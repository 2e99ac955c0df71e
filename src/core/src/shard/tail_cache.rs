//! Published records that stay in memory, so that readers near the tail need no chunk (design.md 7): bounded over all streams,
//! oldest publication first out.

use std::collections::VecDeque;

use super::slab::Slab;
use super::stream::{Stream, StreamKey};

#[derive(Debug)]
pub(super) struct TailCache {
    bytes_max: u64,
    bytes: u64,
    /// One entry per batch, in order of publication, which within a stream is the order of position: so the entry at the front
    /// always stands for the batch at the front of its stream's memory.
    queue: VecDeque<(StreamKey, u32)>,
    /// Entries whose stream was evicted. They hold nothing, but must not pile up.
    stale: usize,
}

impl TailCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, queue: VecDeque::new(), stale: 0 }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The stream's next batch was published.
    pub(super) fn push(&mut self, stream: StreamKey, footprint: u32) {
        self.queue.push_back((stream, footprint));
        self.bytes += u64::from(footprint);
    }

    /// Lets the oldest go until the rest is within the budget.
    pub(super) fn trim(&mut self, streams: &mut Slab<Stream>) {
        self.trim_to(self.bytes_max, streams);
    }

    pub(super) fn trim_to(&mut self, bytes_max: u64, streams: &mut Slab<Stream>) {
        while self.bytes > bytes_max {
            let Some((key, footprint)) = self.queue.pop_front() else { break };
            match streams.get_mut(key) {
                Some(stream) => {
                    stream.drop_cached();
                    self.bytes -= u64::from(footprint);
                }
                None => self.stale -= 1,
            }
        }
    }

    /// The stream, just removed from the slab, is evicted with what it had here.
    pub(super) fn forget(&mut self, stream: &Stream, streams: &Slab<Stream>) {
        let batches = stream.memory.iter().take(stream.cached_batches);
        self.bytes -= batches.map(|batch| u64::from(batch.footprint)).sum::<u64>();
        self.stale += stream.cached_batches;
        if self.stale * 2 > self.queue.len() {
            self.queue.retain(|(key, _)| streams.contains(*key));
            self.stale = 0;
        }
    }
}
