//! A cache bounded in bytes, least recently used out first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Mutex;

/// How much a cache holds, and whether it helps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheUse {
    /// As its values were inserted with.
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
}

#[derive(Debug)]
pub struct Cache<K, V> {
    bytes_max: usize,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Keys by the moment of their last use.
    by_use: BTreeMap<u64, K>,
    bytes: usize,
    uses: u64,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub fn new(bytes_max: usize) -> Self {
        let inner = Inner { entries: HashMap::new(), by_use: BTreeMap::new(), bytes: 0, uses: 0, hits: 0, misses: 0 };
        Self { bytes_max, inner: Mutex::new(inner) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let inner = &mut *self.inner.lock().expect("no panic while held");
        let Some(entry) = inner.entries.get_mut(key) else {
            inner.misses += 1;
            return None;
        };
        inner.hits += 1;
        inner.uses += 1;
        inner.by_use.remove(&entry.used);
        inner.by_use.insert(inner.uses, *key);
        entry.used = inner.uses;
        Some(entry.value.clone())
    }

    /// Nobody will ask for it any more.
    pub fn remove(&self, key: &K) {
        self.inner.lock().expect("no panic while held").remove(key);
    }

    pub fn usage(&self) -> CacheUse {
        let inner = self.inner.lock().expect("no panic while held");
        CacheUse { bytes: inner.bytes as u64, hits: inner.hits, misses: inner.misses }
    }

    /// A value larger than the whole cache is not kept.
    pub fn insert(&self, key: K, value: V, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        let inner = &mut *self.inner.lock().expect("no panic while held");
        inner.remove(&key);
        while inner.bytes + bytes > self.bytes_max {
            inner.remove_oldest();
        }
        inner.uses += 1;
        inner.by_use.insert(inner.uses, key);
        inner.entries.insert(key, Entry { value, bytes, used: inner.uses });
        inner.bytes += bytes;
    }
}

impl<K: Copy + Eq + Hash, V> Inner<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((_, key)) = self.by_use.first_key_value() {
            let key = *key;
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays_and_the_bytes_are_bounded() {
        let cache = Cache::new(10);
        cache.insert(1, 'a', 4);
        cache.insert(2, 'b', 4);
        assert_eq!(cache.get(&1), Some('a'));
        cache.insert(3, 'c', 4);
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some('a'), None, Some('c')));
    }

    #[test]
    fn replacing_gives_the_bytes_back() {
        let cache = Cache::new(10);
        for _ in 0..100 {
            cache.insert(1, 'a', 10);
        }
        cache.insert(2, 'b', 10);
        cache.insert(3, 'c', 11);
        assert_eq!((cache.get(&2), cache.get(&3)), (Some('b'), None));
        assert_eq!(cache.usage(), CacheUse { bytes: 10, hits: 1, misses: 1 });
    }
}
