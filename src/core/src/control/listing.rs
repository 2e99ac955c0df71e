//! The page rules of both listings (`s2-semantics.md` E3).

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_protocol::limits::LIST_ENTRIES_MAX;
use riverrun_protocol::request::{ListBasins, ListStreams};

use super::keys;

/// One page of a listing: scan `keys` in order and give every value to [`Listing::page`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Start inclusive, end exclusive. Empty (start = end) where nothing can match.
    pub keys: Range<Bytes>,
    pub entries_max: usize,
}

/// What goes back to the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// At least one more entry matches.
    pub has_more: bool,
}

impl Listing {
    pub fn basins(request: &ListBasins) -> Self {
        Self::new(keys::BASIN_PREFIX, &request.prefix, &request.start_after, request.limit)
    }

    pub fn streams(request: &ListStreams) -> Self {
        let basin = keys::streams_of(&request.basin);
        Self::new(&basin, &request.prefix, &request.start_after, request.limit)
    }

    fn new(space: &[u8], prefix: &str, start_after: &str, limit: u32) -> Self {
        let prefix = join(space, prefix);
        // The smallest key above another one is that key and a zero byte. An absent start_after is the empty one: it excludes
        // only the empty name, which nothing has.
        let mut after = BytesMut::from(&join(space, start_after)[..]);
        after.put_u8(0);
        let end = successor(&prefix);
        let start = prefix.max(after.freeze()).min(end.clone());
        let entries_max = match limit as usize {
            0 => LIST_ENTRIES_MAX,
            limit => limit.min(LIST_ENTRIES_MAX),
        };
        Self { keys: start..end, entries_max }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.start >= self.keys.end
    }

    /// How many entries to scan: one more than the page holds tells whether there are more.
    pub fn scan_max(&self) -> usize {
        self.entries_max + 1
    }

    /// Makes the page of what the scan found, in order, at most [`Listing::scan_max`] entries.
    pub fn page<T>(&self, mut found: Vec<T>) -> Page<T> {
        let has_more = found.len() > self.entries_max;
        found.truncate(self.entries_max);
        Page { entries: found, has_more }
    }
}

fn join(space: &[u8], name: &str) -> Bytes {
    [space, name.as_bytes()].concat().into()
}

/// The smallest key above all that begin with `prefix`. Key spaces begin with ASCII, so there is always one.
fn successor(prefix: &[u8]) -> Bytes {
    let last = prefix.iter().rposition(|byte| *byte < 0xff).unwrap_or(0);
    let mut end = BytesMut::from(&prefix[..=last]);
    end[last] += 1;
    end.freeze()
}
