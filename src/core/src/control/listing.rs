//! The page rules of all listings (`s2-semantics.md` E3), and which names a principal gets to see (F3).

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use riverrun_protocol::access::ResourceSet;
use riverrun_protocol::limits::LIST_ENTRIES_MAX;
use riverrun_protocol::request::{ListAccessTokens, ListBasins, ListStreams};

use super::keys;
use crate::access::{Namespace, SYSTEM_BASIN};

/// One page of a listing: scan `keys` in order for [`Listing::scan_max`] rows and give the values of those that it
/// [shows](Listing::shows) to [`Listing::page`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Start inclusive, end exclusive. Empty (start = end) where nothing can match.
    pub keys: Range<Bytes>,
    pub entries_max: usize,
    /// Keys between that are not shown.
    hidden: Vec<Bytes>,
}

/// What goes back to the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// At least one more entry matches.
    pub has_more: bool,
}

impl Listing {
    /// `visible` restricts all three to what a principal may touch; `Prefix("")` is everything.
    pub fn basins(request: &ListBasins, visible: &ResourceSet) -> Self {
        let (filter, space) = (Filter::new(&request.prefix, &request.start_after), keys::BASIN_PREFIX);
        let all = Self::new(space, filter, request.limit, visible);
        all.without([join(space, SYSTEM_BASIN)])
    }

    /// A principal with a namespace does not see the streams that have no name in it.
    pub fn streams(request: &ListStreams, visible: &ResourceSet, namespace: Option<Namespace<'_>>) -> Self {
        let filter = Filter::new(&request.prefix, &request.start_after);
        let space = keys::streams_of(&request.basin);
        let nameless = namespace.into_iter().flat_map(Namespace::nameless).map(|name| join(&space, &name));
        Self::new(&space, filter, request.limit, visible).without(nameless)
    }

    pub fn access_tokens(request: &ListAccessTokens, visible: &ResourceSet) -> Self {
        let filter = Filter::new(&request.prefix, &request.start_after);
        Self::new(keys::TOKEN_PREFIX, filter, request.limit, visible)
    }

    fn new(space: &[u8], filter: Filter<'_>, limit: u32, visible: &ResourceSet) -> Self {
        let (asked, visible) = (filter.keys(space), visible_keys(space, visible));
        let end = asked.end.min(visible.end);
        let start = asked.start.max(visible.start).min(end.clone());
        let entries_max = match limit as usize {
            0 => LIST_ENTRIES_MAX,
            limit => limit.min(LIST_ENTRIES_MAX),
        };
        Self { keys: start..end, entries_max, hidden: Vec::new() }
    }

    fn without(mut self, keys: impl IntoIterator<Item = Bytes>) -> Self {
        self.hidden.extend(keys.into_iter().filter(|key| self.keys.contains(key)));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.keys.start >= self.keys.end
    }

    /// How many rows to scan: one more than the page holds tells whether there are more.
    pub fn scan_max(&self) -> usize {
        self.entries_max + 1 + self.hidden.len()
    }

    /// Whether a row that the scan found is part of the listing.
    pub fn shows(&self, key: &[u8]) -> bool {
        !self.hidden.iter().any(|hidden| hidden == key)
    }

    /// Makes the page of what the scan found and the listing shows, in order.
    pub fn page<T>(&self, mut found: Vec<T>) -> Page<T> {
        let has_more = found.len() > self.entries_max;
        found.truncate(self.entries_max);
        Page { entries: found, has_more }
    }
}

/// What a request restricts a listing to.
#[derive(Clone, Copy)]
struct Filter<'a> {
    prefix: &'a str,
    start_after: &'a str,
}

impl<'a> Filter<'a> {
    fn new(prefix: &'a str, start_after: &'a str) -> Self {
        Self { prefix, start_after }
    }

    fn keys(self, space: &[u8]) -> Range<Bytes> {
        let prefix = join(space, self.prefix);
        // An absent start_after is the empty one: it excludes only the empty name, which nothing has.
        let end = successor(&prefix);
        prefix.max(key_above(&join(space, self.start_after)))..end
    }
}

fn visible_keys(space: &[u8], visible: &ResourceSet) -> Range<Bytes> {
    match visible {
        ResourceSet::Exact(name) if !name.is_empty() => {
            let key = join(space, name);
            key.clone()..key_above(&key)
        }
        ResourceSet::Nothing | ResourceSet::Exact(_) => Bytes::new()..Bytes::new(),
        ResourceSet::Prefix(prefix) => {
            let prefix = join(space, prefix);
            prefix.clone()..successor(&prefix)
        }
    }
}

/// The smallest key above another one is that key and a zero byte.
fn key_above(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
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
