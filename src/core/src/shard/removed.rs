//! Readers whose records were trimmed or have expired before they got there (`s2-semantics.md` C16): they go on at the first
//! survivor, and only the numbers tell.

use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;

use super::Shard;
use super::reader::{Phase, ReaderKey};
use super::streams::Located;

impl Shard {
    /// Records have expired. Whoever loads the stream may have looked before that.
    pub(super) fn on_start_raised(&mut self, target: &StreamRef, id: StreamId, start_seq_num: u64) {
        match self.streams.find(target) {
            Some(Located::Open(key)) if self.streams[key].entry.id == id => {
                self.streams[key].on_expired(start_seq_num);
            }
            Some(Located::Loading(load)) => self.loads.raise_start_when_loaded(load, id, start_seq_num),
            _ => {}
        }
    }

    /// Whether what the reader wants next is removed. A timestamp that is still to be found in a chunk of which something survives
    /// is not: that has to be looked through.
    pub(super) fn is_overtaken(&self, key: ReaderKey) -> bool {
        let reader = &self.readers[key];
        let Some(stream) = reader.stream.map(|stream| &self.streams[stream]) else { return false };
        let chunk = stream.chunk_at(reader.cursor).filter(|chunk| chunk.first_seq_num <= reader.cursor);
        reader.cursor < stream.start_seq_num && (reader.not_before.is_none() || chunk.is_none())
    }

    /// Who catches up skips what is removed. A follower does not: it gets every live record, even one that a trim in the same
    /// batch made removable.
    pub(super) fn is_overtaken_in_catch_up(&self, key: ReaderKey) -> bool {
        self.readers[key].phase == Phase::CatchUp && self.is_overtaken(key)
    }

    /// A start by timestamp is resolved by it: the record that it looks for was at or before the first survivor, and timestamps
    /// never decrease.
    pub(super) fn skip_removed(&mut self, key: ReaderKey) {
        let reader = &mut self.readers[key];
        let Some(stream) = reader.stream.map(|stream| &self.streams[stream]) else { return };
        self.loaded_bytes -= reader.skip_to(stream.start_seq_num);
        if reader.held_bytes() == 0 {
            self.holders.remove(&key);
        }
    }

    /// The chunk with what the reader wants next cannot be had. True if it is removed anyway: then the reader goes on.
    pub(super) fn goes_on_without_chunk(&mut self, key: ReaderKey) -> bool {
        if !self.is_overtaken(key) {
            return false;
        }
        if self.readers[key].phase != Phase::CatchUp {
            self.skip_removed(key);
        }
        self.mark_ready(key);
        true
    }
}
