//! Names, ids and positions that both sides of the wire share.

use std::fmt;
use std::sync::Arc;

/// A stream's identity: 128 random bits, new at every creation, never reused (design: a re-created name shares nothing
/// with its predecessor).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StreamId(pub [u8; 16]);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a stream: a sequence number and the timestamp that goes with it (`s2-semantics.md` A6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Position {
    pub seq_num: u64,
    pub timestamp: u64,
}

/// How far an acknowledged record has got. Ordered: a later level outlives more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Level {
    /// In this process's memory only (`memory:` stores).
    Memory = 0,
    /// In this node's journal, written through to the disk.
    Journal = 1,
    /// In the object store.
    Object = 2,
}

/// A basin name: 8-48 bytes of `a-z0-9-`, letter or digit at both ends (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BasinName(Arc<str>);

/// A stream name: 1-512 bytes of UTF-8, not `.` or `..`, without NUL (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);
