//! Which chunks hold which part of which stream: the footers' index in memory, rebuilt at every start and extended by every
//! chunk that is published. Derived from what is stored, never an authority (reliability.md D14).
//!
//! It also knows what of it is still alive: records below a stream's trim point are not, nor is anything of a stream that was
//! purged; a chunk without any living record is dead, and for `collection` to delete.

mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use riverrun_core::chunk::{ChunkId, Footer, StreamState};
use riverrun_core::control::{StateRow, StoredRecords, StreamEntry};
use riverrun_core::event::LoadedStream;
use riverrun_protocol::types::StreamId;

use super::footers::RecentFooters;
use stream::IndexedStream;

/// Grows with the number of chunks per stream, about 70 bytes for each: what bounds it is merging chunks into segments.
#[derive(Debug, Default)]
pub struct ChunkIndex {
    known: RwLock<Known>,
    recent: RecentFooters,
}

#[derive(Debug, Default)]
struct Known {
    streams: HashMap<StreamId, IndexedStream>,
    /// Per chunk, how many streams have living records in it.
    shares: HashMap<ChunkId, u32>,
    /// Those with none, which the catalog is still to be told of.
    dead: BTreeSet<ChunkId>,
    /// Streams that had records and have none any more, since somebody last asked.
    emptied: BTreeSet<StreamId>,
    /// When each stream's oldest chunk will have expired, if ever.
    expiries: BTreeSet<(u64, StreamId)>,
}

impl ChunkIndex {
    /// Takes in a chunk that the catalog holds; one that it has already (indexed twice after a lost answer) changes nothing.
    /// `footer_bytes` is its encoded length.
    pub fn add(&self, footer: Arc<Footer>, footer_bytes: u32) {
        self.write().add(&footer);
        self.recent.insert(footer.header.id, footer, footer_bytes);
    }

    /// Where a stream stands according to a row of the catalog: it may know more than the chunks that are left.
    pub fn adopt_state(&self, row: &StateRow) {
        self.write().change(row.state.stream_id, |stream| stream.adopt(row));
    }

    /// The records below this number have expired, and the catalog says so. A stream that was purged meanwhile stays unknown.
    pub fn raise_start(&self, stream_id: StreamId, start_seq_num: u64) {
        let mut known = self.write();
        if known.streams.contains_key(&stream_id) {
            known.change(stream_id, |stream| stream.raise_start(start_seq_num));
        }
    }

    /// The stream is purged: whatever chunks hold of it is dead.
    pub fn forget(&self, stream_id: StreamId) {
        self.write().forget(stream_id);
    }

    /// A dead chunk's row is gone from the catalog.
    pub fn remove_chunk(&self, id: ChunkId) {
        let mut known = self.write();
        known.dead.remove(&id);
        known.shares.remove(&id);
        self.recent.remove(id);
    }

    /// What the store knows of a stream; one without chunks is empty.
    pub fn load(&self, entry: Arc<StreamEntry>) -> LoadedStream {
        let known = self.read();
        match known.streams.get(&entry.id) {
            Some(stream) => LoadedStream {
                state: stream.state().clone(),
                chunks: stream.chunks(),
                quiet_since_ms: stream.stored_records().quiet_since_ms,
                entry,
            },
            None => {
                let state = StreamState { stream_id: entry.id, ..StreamState::default() };
                LoadedStream { entry, state, chunks: Vec::new(), quiet_since_ms: None }
            }
        }
    }

    /// When the newest record in any chunk arrived, or expired; 0 where there is none.
    pub fn newest_write_ms(&self) -> u64 {
        self.read().streams.values().map(|stream| stream.state_row().quiet_since_ms).max().unwrap_or(0)
    }

    /// Streams that chunks, or state rows, know.
    pub fn stream_count(&self) -> usize {
        self.read().streams.len()
    }

    /// A stream's next sequence number, `None` where nothing in the store names it.
    pub fn next_seq_num(&self, stream_id: StreamId) -> Option<u64> {
        self.read().streams.get(&stream_id).map(|stream| stream.state().next.seq_num)
    }

    /// What a state row of this stream would say now.
    pub fn state_row(&self, stream_id: StreamId) -> Option<StateRow> {
        self.read().streams.get(&stream_id).map(IndexedStream::state_row)
    }

    /// What it will say when the records below this number have expired.
    pub fn state_row_from(&self, stream_id: StreamId, start_seq_num: u64) -> Option<StateRow> {
        self.read().streams.get(&stream_id).map(|stream| stream.state_row_from(start_seq_num))
    }

    pub fn stored_records(&self, stream_id: StreamId) -> StoredRecords {
        self.read().streams.get(&stream_id).map_or_else(StoredRecords::default, IndexedStream::stored_records)
    }

    /// Streams whose oldest records have all expired, at most `streams_max`, each with the first number that has not.
    pub fn expired(&self, now_ms: u64, streams_max: usize) -> Vec<(StreamId, u64)> {
        let known = self.read();
        let due = known.expiries.iter().take_while(|(at_ms, _)| *at_ms <= now_ms).take(streams_max);
        due.filter_map(|(_, id)| Some((*id, known.streams.get(id)?.expired_below(now_ms)?))).collect()
    }

    /// Chunks in which nothing is alive, and which are not buried yet.
    pub fn dead_chunks(&self) -> Vec<ChunkId> {
        self.read().dead.iter().copied().collect()
    }

    /// The catalog knows that it is dead.
    pub fn buried(&self, id: ChunkId) {
        self.write().dead.remove(&id);
    }

    /// Nothing in it is alive, or it is not known at all any more.
    pub fn is_dead(&self, id: ChunkId) -> bool {
        self.read().shares.get(&id).is_none_or(|shares| *shares == 0)
    }

    /// Streams that were emptied since the last call: by a trim, by expiry, or before this process began.
    pub fn take_emptied(&self, streams_max: usize) -> Vec<StreamId> {
        let mut known = self.write();
        std::iter::from_fn(|| known.emptied.pop_first()).take(streams_max).collect()
    }

    /// They are still to be looked at.
    pub fn give_back_emptied(&self, streams: impl IntoIterator<Item = StreamId>) {
        self.write().emptied.extend(streams);
    }

    pub(super) fn recent(&self) -> &RecentFooters {
        &self.recent
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().expect("no panic while held")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().expect("no panic while held")
    }
}

impl Known {
    fn add(&mut self, footer: &Footer) {
        let id = footer.header.id;
        if self.shares.contains_key(&id) {
            return;
        }
        // All shares are counted before any is taken back: a stream whose records here are dead already must not make the chunk look
        // dead while others of its streams are still to be counted.
        let shares = footer.streams.iter().filter(|stream| stream.range(id).is_some()).count();
        self.shares.insert(id, shares as u32);
        for in_chunk in &footer.streams {
            self.change(in_chunk.state.stream_id, |stream| stream.add(id, in_chunk));
        }
        if shares == 0 {
            self.dead.insert(id);
        }
    }

    /// Changes a stream, made if need be, and notes what that means for its chunks: `change` returns those that hold nothing living
    /// of it any more.
    fn change(&mut self, id: StreamId, change: impl FnOnce(&mut IndexedStream) -> Vec<ChunkId>) {
        let stream = self.streams.entry(id).or_insert_with(|| IndexedStream::new(id));
        let before = stream.first_expiry();
        let released = change(stream);
        let after = stream.first_expiry();
        if before != after {
            before.map(|at_ms| self.expiries.remove(&(at_ms, id)));
            after.map(|at_ms| self.expiries.insert((at_ms, id)));
        }
        if stream.is_empty() {
            self.emptied.insert(id);
        } else {
            self.emptied.remove(&id);
        }
        released.into_iter().for_each(|chunk| self.release(chunk));
    }

    fn forget(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        stream.first_expiry().map(|at_ms| self.expiries.remove(&(at_ms, id)));
        self.emptied.remove(&id);
        stream.chunks().into_iter().for_each(|range| self.release(range.chunk));
    }

    fn release(&mut self, chunk: ChunkId) {
        let Some(shares) = self.shares.get_mut(&chunk) else { return };
        *shares = shares.saturating_sub(1);
        if *shares == 0 {
            self.dead.insert(chunk);
        }
    }
}
