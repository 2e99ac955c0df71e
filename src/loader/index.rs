//! Which chunks hold which part of which stream: the footers' index in memory, rebuilt at every start and extended by every
//! chunk that is published. Derived from what is stored, never an authority (reliability.md D14).

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use riverrun_core::chunk::{ChunkId, Footer, StreamState};
use riverrun_core::control::StreamEntry;
use riverrun_core::event::{ChunkRange, LoadedStream};
use riverrun_protocol::types::StreamId;

use super::footers::RecentFooters;

/// Grows with the number of chunks per stream, about 60 bytes for each: what bounds it is merging chunks into segments.
#[derive(Debug, Default)]
pub struct ChunkIndex {
    streams: RwLock<HashMap<StreamId, IndexedStream>>,
    recent: RecentFooters,
}

#[derive(Debug)]
struct IndexedStream {
    /// As of the newest chunk.
    state: StreamState,
    newest: ChunkId,
    /// In order of position.
    ranges: Vec<ChunkRange>,
}

impl ChunkIndex {
    /// Takes in a chunk that the catalog holds. `footer_bytes` is its encoded length.
    pub fn add(&self, footer: Arc<Footer>, footer_bytes: u32) {
        let id = footer.header.id;
        let mut streams = self.streams.write().expect("no panic while held");
        for stream in &footer.streams {
            let range = stream.range(id);
            match streams.get_mut(&stream.state.stream_id) {
                Some(indexed) => indexed.add(id, &stream.state, range),
                None => {
                    let ranges = Vec::from_iter(range);
                    let indexed = IndexedStream { state: stream.state.clone(), newest: id, ranges };
                    streams.insert(stream.state.stream_id, indexed);
                }
            }
        }
        drop(streams);
        self.recent.insert(id, footer, footer_bytes);
    }

    /// What the store knows of a stream; one without chunks is empty.
    pub fn load(&self, entry: Arc<StreamEntry>) -> LoadedStream {
        let streams = self.streams.read().expect("no panic while held");
        match streams.get(&entry.id) {
            Some(indexed) => LoadedStream {
                state: indexed.state.clone(),
                chunks: indexed.ranges.clone(),
                last_write_ms: None,
                entry,
            },
            None => {
                let state = StreamState { stream_id: entry.id, ..StreamState::default() };
                LoadedStream { entry, state, chunks: Vec::new(), last_write_ms: None }
            }
        }
    }

    /// Streams with at least one chunk.
    pub fn stream_count(&self) -> usize {
        self.streams.read().expect("no panic while held").len()
    }

    /// A stream's next sequence number, `None` where no chunk names it.
    pub fn next_seq_num(&self, stream_id: StreamId) -> Option<u64> {
        let streams = self.streams.read().expect("no panic while held");
        streams.get(&stream_id).map(|indexed| indexed.state.next.seq_num)
    }

    pub(super) fn recent(&self) -> &RecentFooters {
        &self.recent
    }
}

impl IndexedStream {
    /// Chunks may be taken in in any order. Names sort as a stream's chunks were written: by epoch, and within one epoch a
    /// stream stays in one sequence.
    fn add(&mut self, id: ChunkId, state: &StreamState, range: Option<ChunkRange>) {
        if id > self.newest {
            self.newest = id;
            self.state = state.clone();
        }
        let Some(range) = range else { return };
        let at = self.ranges.partition_point(|other| other.first_seq_num < range.first_seq_num);
        match self.ranges.get(at) {
            // The same chunk again, indexed twice after a lost answer.
            Some(other) if other.chunk == id => {}
            _ => self.ranges.insert(at, range),
        }
    }
}
