//! One stream in the index.

use riverrun_core::chunk::{ChunkId, StreamIndex, StreamState};
use riverrun_core::control::{StateRow, StoredRecords};
use riverrun_core::event::ChunkRange;
use riverrun_protocol::types::StreamId;

#[derive(Debug)]
pub struct IndexedStream {
    /// As of the newest chunk or state row; its trim point is the highest of all that were seen.
    state: StreamState,
    /// When the newest record arrived, or when the last that expired did.
    quiet_since_ms: u64,
    /// In order of position; all of them reach above the trim point.
    ranges: Vec<IndexedRange>,
}

#[derive(Clone, Copy, Debug)]
struct IndexedRange {
    range: ChunkRange,
    /// 0 = never.
    expires_at_ms: u64,
}

impl IndexedStream {
    pub fn new(id: StreamId) -> Self {
        let state = StreamState { stream_id: id, ..StreamState::default() };
        Self { state, quiet_since_ms: 0, ranges: Vec::new() }
    }

    /// Chunks may be taken in in any order, and a stream whose storage class was changed has them in two sequences: the state
    /// that has got furthest counts, not the chunk with the highest name. Returns the chunks that hold nothing living of the stream.
    pub fn add(&mut self, id: ChunkId, stream: &StreamIndex) -> Vec<ChunkId> {
        self.adopt_state(&stream.state, stream.arrival_ms_max());
        if let Some(range) = stream.range(id) {
            let at = self.ranges.partition_point(|other| other.range.first_seq_num < range.first_seq_num);
            self.ranges.insert(at, IndexedRange { range, expires_at_ms: stream.expires_at_ms_max() });
        }
        self.prune()
    }

    pub fn adopt(&mut self, row: &StateRow) -> Vec<ChunkId> {
        self.adopt_state(&row.state, row.quiet_since_ms);
        self.prune()
    }

    fn adopt_state(&mut self, state: &StreamState, quiet_since_ms: u64) {
        self.quiet_since_ms = self.quiet_since_ms.max(quiet_since_ms);
        let trim_point = self.state.trim_point.max(state.trim_point);
        if state.next.seq_num >= self.state.next.seq_num {
            self.state = state.clone();
        }
        // Never beyond what is there: what was trimmed ahead of it and then lost with its journal has its numbers given out again.
        self.state.trim_point = trim_point.min(self.state.next.seq_num);
    }

    /// Never above the tail: what is not in the store yet is not known to have expired.
    pub fn raise_start(&mut self, start_seq_num: u64) -> Vec<ChunkId> {
        self.quiet_since_ms = self.quiet_since_ms.max(self.last_expiry_below(start_seq_num));
        self.state.trim_point = self.state.trim_point.max(start_seq_num.min(self.state.next.seq_num));
        self.prune()
    }

    fn last_expiry_below(&self, seq_num: u64) -> u64 {
        let below = self.ranges.iter().take_while(|range| range.range.end_seq_num <= seq_num);
        below.map(|range| range.expires_at_ms).max().unwrap_or(0)
    }

    /// The terminal trim of a deletion has the highest number there is.
    fn prune(&mut self) -> Vec<ChunkId> {
        let dead = self.ranges.partition_point(|range| range.range.end_seq_num <= self.state.trim_point);
        self.ranges.drain(..dead).map(|range| range.range.chunk).collect()
    }

    pub fn state(&self) -> &StreamState {
        &self.state
    }

    pub fn state_row(&self) -> StateRow {
        StateRow { quiet_since_ms: self.quiet_since_ms, state: self.state.clone() }
    }

    /// As it will be when the records below this number have expired.
    pub fn state_row_from(&self, start_seq_num: u64) -> StateRow {
        let mut row = self.state_row();
        row.state.trim_point = row.state.trim_point.max(start_seq_num);
        row.quiet_since_ms = row.quiet_since_ms.max(self.last_expiry_below(start_seq_num));
        row
    }

    pub fn chunks(&self) -> Vec<ChunkRange> {
        self.ranges.iter().map(|range| range.range).collect()
    }

    /// It was written to, and nothing of that is left in chunks.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// When its oldest chunk will have expired.
    pub fn first_expiry(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.expires_at_ms).filter(|at_ms| *at_ms > 0)
    }

    /// Behind the leading run of chunks that have expired by now. A record that never expires, or not yet, protects those behind it:
    /// what is left of a stream has no holes but at its beginning.
    pub fn expired_below(&self, now_ms: u64) -> Option<u64> {
        let has_expired = |range: &&IndexedRange| (1..=now_ms).contains(&range.expires_at_ms);
        self.ranges.iter().take_while(has_expired).last().map(|range| range.range.end_seq_num)
    }

    pub fn stored_records(&self) -> StoredRecords {
        let forever = self.ranges.iter().any(|range| range.expires_at_ms == 0);
        let last = self.ranges.iter().map(|range| range.expires_at_ms).max();
        StoredRecords {
            quiet_since_ms: (self.quiet_since_ms > 0).then_some(self.quiet_since_ms),
            alive: !self.ranges.is_empty(),
            expire_at_ms: last.filter(|_| !forever),
        }
    }
}
