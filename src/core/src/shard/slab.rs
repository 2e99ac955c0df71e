//! Numbered places for things that come and go: O(1), no hashing, and an order of iteration that does not depend on chance.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Where a thing is, and which of the things that were ever there: a key outlives its thing harmlessly.
pub(super) struct Key<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    thing: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, thing: T) -> Key<T> {
        let index = self.free.pop().unwrap_or_else(|| self.add_place());
        let place = &mut self.places[index as usize];
        place.thing = Some(thing);
        Key { index, generation: place.generation, of: PhantomData }
    }

    fn add_place(&mut self) -> u32 {
        self.places.push(Place { generation: 0, thing: None });
        u32::try_from(self.places.len() - 1).expect("named limits keep every slab far below 2^32 places")
    }

    pub(super) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let place = self.places.get_mut(key.index as usize).filter(|place| place.generation == key.generation)?;
        let thing = place.thing.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(thing)
    }

    pub(super) fn get(&self, key: Key<T>) -> Option<&T> {
        self.places.get(key.index as usize).filter(|place| place.generation == key.generation)?.thing.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.places.get_mut(key.index as usize).filter(|place| place.generation == key.generation)?.thing.as_mut()
    }

    pub(super) fn contains(&self, key: Key<T>) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// In order of place.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.thing.as_ref())
    }

    /// In order of place.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key<T>> {
        self.places.iter().enumerate().filter(|(_, place)| place.thing.is_some()).map(|(index, place)| Key {
            index: index as u32,
            generation: place.generation,
            of: PhantomData,
        })
    }

    /// The first thing at or behind place `from`, wrapping around once; and the place behind it.
    pub(super) fn next_from(&self, from: u32) -> Option<(Key<T>, u32)> {
        let count = self.places.len() as u32;
        let index = (0..count).map(|i| (from + i) % count).find(|i| self.places[*i as usize].thing.is_some())?;
        let generation = self.places[index as usize].generation;
        Some((Key { index, generation, of: PhantomData }, (index + 1) % count))
    }
}

impl<T> Index<Key<T>> for Slab<T> {
    type Output = T;

    fn index(&self, key: Key<T>) -> &T {
        self.get(key)
            .expect("the key's thing is there: keys are dropped with what they point to, or looked up by get()")
    }
}

impl<T> IndexMut<Key<T>> for Slab<T> {
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        self.get_mut(key)
            .expect("the key's thing is there: keys are dropped with what they point to, or looked up by get()")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_reach_what_later_has_its_place() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        assert_eq!(slab.remove(a), Some("a"));
        let b = slab.insert("b");
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&"b")));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn the_round_visits_everything() {
        let mut slab = Slab::default();
        let keys: Vec<_> = (0..4).map(|i| slab.insert(i)).collect();
        slab.remove(keys[1]);
        let mut at = 2;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let (key, next) = slab.next_from(at).unwrap();
            seen.push(slab[key]);
            at = next;
        }
        assert_eq!(seen, [2, 3, 0, 2]);
    }
}
