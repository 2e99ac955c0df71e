//! Every limit of the shard and of the stored formats, in one table, tied together at compile time.

/// A journal block never holds more than this, so that one slow write cannot hold up everything behind it.
pub const BLOCK_BYTES_MAX: usize = 4 << 20;
/// Frames of at least this size are received into a buffer of their own and written from there, uncopied.
pub const LARGE_FRAME_BYTES_MIN: usize = 64 << 10;
/// Journal writes in flight per shard (design.md 6: 2-8).
pub const JOURNAL_WRITES_INFLIGHT_MAX: usize = 4;
