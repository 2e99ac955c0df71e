//! Readers whose records were trimmed or have expired before they got there (`s2-semantics.md` C16): they go on at the first
//! survivor, and only the numbers tell.

use super::Shard;
use super::reader::{Phase, ReaderKey};

impl Shard {
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
