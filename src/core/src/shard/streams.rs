//! The open streams: found by name, loaded when they are not there, forgotten when others need their place.

use std::collections::HashMap;

use riverrun_protocol::request::StreamRef;

use super::slab::Slab;
use super::stream::{Stream, StreamKey};
use super::tail_cache::TailCache;
use crate::event::LoadId;

#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) slab: Slab<Stream>,
    /// Never iterated: its order depends on chance. Sessions hold keys, so that only their opening and single requests come here.
    by_name: HashMap<StreamRef, Located>,
    /// Where the search for a stream to evict goes on.
    hand: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Located {
    Open(StreamKey),
    Loading(LoadId),
}

impl Streams {
    pub(super) fn find(&self, target: &StreamRef) -> Option<Located> {
        self.by_name.get(target).copied()
    }

    pub(super) fn set_loading(&mut self, target: StreamRef, load: LoadId) {
        self.by_name.insert(target, Located::Loading(load));
    }

    pub(super) fn set_absent(&mut self, target: &StreamRef) {
        self.by_name.remove(target);
    }

    pub(super) fn insert(&mut self, stream: Stream) -> StreamKey {
        let target = stream.target();
        let key = self.slab.insert(stream);
        self.by_name.insert(target, Located::Open(key));
        key
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Evicts streams until there is room for one more. The clock hand goes around and takes the first idle stream that was not
    /// used since it last passed by: close to least recently used, without a list to be maintained by every append. Two rounds
    /// find one if there is any.
    ///
    /// Returns how many went, or `None` where all are in use.
    pub(super) fn make_room(&mut self, streams_max: usize, tail_cache: &mut TailCache) -> Option<u64> {
        let mut evicted = 0;
        let mut passed = 0;
        while self.slab.len() >= streams_max {
            let (key, behind) = self.slab.next_from(self.hand)?;
            self.hand = behind;
            passed += 1;
            if passed > 2 * self.slab.len() + 2 {
                return None;
            }
            let stream = &mut self.slab[key];
            if !std::mem::take(&mut stream.recently_used) && stream.is_evictable() {
                self.remove(key, tail_cache);
                evicted += 1;
                passed = 0;
            }
        }
        Some(evicted)
    }

    /// Of a published stream nothing is anywhere else.
    pub(super) fn remove(&mut self, key: StreamKey, tail_cache: &mut TailCache) -> Option<Stream> {
        let stream = self.slab.remove(key)?;
        self.by_name.remove(&stream.target());
        tail_cache.forget(&stream, &self.slab);
        Some(stream)
    }
}

impl std::ops::Index<StreamKey> for Streams {
    type Output = Stream;

    fn index(&self, key: StreamKey) -> &Stream {
        &self.slab[key]
    }
}

impl std::ops::IndexMut<StreamKey> for Streams {
    fn index_mut(&mut self, key: StreamKey) -> &mut Stream {
        &mut self.slab[key]
    }
}
