//! Spoils valid encodings. Knows what formats are made of (little-endian integers, lengths in front of what they count, pages)
//! and nothing of any one format.

use std::ops::Range;

use crate::random::Random;

/// What is spoiled never grows beyond this: a decoder's promises are about content, and a round should take microseconds.
pub const INPUT_BYTES_MAX: usize = 64 << 10;
/// Changes to one input.
const CHANGES_MAX: usize = 4;
/// Pieces that are copied, removed and inserted.
const PIECE_BYTES_MAX: usize = 64;
/// How much of the beginning and of the end of an input, and of each of its 4096-byte pages, is looked at more closely:
/// that is where headers, directories and trailers are.
const EDGE_BYTES: usize = 160;
const PAGE_BYTES: usize = 4096;

const EXTREMES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    (1 << 20) + 1,
    (2 << 20) + 1,
    0x7fff_ffff,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

#[derive(Debug)]
pub struct Mutator<'a> {
    pub random: Random,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// # Panics
    /// If there are no seeds.
    pub fn new(seed: u64, seeds: &'a [Vec<u8>]) -> Self {
        assert!(!seeds.is_empty(), "there is something to spoil");
        Self { random: Random::new(seed), seeds }
    }

    /// One of the seeds, spoiled.
    pub fn input(&mut self) -> Vec<u8> {
        let mut bytes = self.random.choose(self.seeds).clone();
        for _ in 0..=self.random.below(CHANGES_MAX) {
            self.change(&mut bytes);
        }
        bytes.truncate(INPUT_BYTES_MAX);
        bytes
    }

    /// One change.
    pub fn change(&mut self, bytes: &mut Vec<u8>) {
        match self.random.below(12) {
            0 | 1 => self.flip(bytes),
            2 | 3 => self.extreme(bytes),
            4 => self.nudge(bytes),
            5 | 6 => self.lie_about_a_length(bytes),
            7 => bytes.truncate(self.random.below(bytes.len() + 1)),
            8 => self.duplicate(bytes),
            9 => drop(bytes.drain(self.piece(bytes.len()))),
            10 => self.splice(bytes),
            _ => self.insert(bytes),
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let at = self.place(bytes.len());
            bytes[at] ^= 1 << self.random.below(8);
        }
    }

    fn extreme(&mut self, bytes: &mut [u8]) {
        let value = *self.random.choose(&EXTREMES);
        let at = self.field(bytes.len());
        put(bytes, at, value);
    }

    fn nudge(&mut self, bytes: &mut [u8]) {
        let at = self.field(bytes.len());
        let by = self.random.below(9) as u64;
        let value = get(bytes, at.clone()).wrapping_add(by).wrapping_sub(4);
        put(bytes, at, value);
    }

    /// A number that could be the length or the count of what follows says something else.
    fn lie_about_a_length(&mut self, bytes: &mut [u8]) {
        let candidates: Vec<Range<usize>> = lengths(bytes);
        if candidates.is_empty() {
            return self.extreme(bytes);
        }
        let at = self.random.choose(&candidates).clone();
        let value = get(bytes, at.clone());
        let lie = match self.random.below(4) {
            0 => value.wrapping_sub(1),
            1 => value + 1,
            2 => self.random.below(bytes.len() + 1) as u64,
            _ => *self.random.choose(&EXTREMES),
        };
        put(bytes, at, lie);
    }

    fn duplicate(&mut self, bytes: &mut Vec<u8>) {
        let piece = bytes[self.piece(bytes.len())].to_vec();
        let at = self.random.below(bytes.len() + 1);
        drop(bytes.splice(at..at, piece));
    }

    /// The end of another seed behind the beginning of this one, or a piece of it in the same place.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let other = self.random.choose(self.seeds);
        let at = self.random.below(bytes.len().min(other.len()) + 1);
        if self.random.percent(50) {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at..]);
        } else {
            let end = (at + self.random.below(PIECE_BYTES_MAX)).min(bytes.len()).min(other.len());
            bytes[at..end].copy_from_slice(&other[at..end]);
        }
    }

    fn insert(&mut self, bytes: &mut Vec<u8>) {
        let count = self.random.below(PIECE_BYTES_MAX);
        let piece = match self.random.below(3) {
            0 => vec![0; count],
            1 => vec![0xff; count],
            _ => self.random.bytes(count),
        };
        let at = self.random.below(bytes.len() + 1);
        drop(bytes.splice(at..at, piece));
    }

    fn piece(&mut self, length: usize) -> Range<usize> {
        let start = self.random.below(length + 1);
        start..(start + self.random.below(PIECE_BYTES_MAX)).min(length)
    }

    /// Where an integer may be: mostly aligned to its size, as formats have them.
    fn field(&mut self, length: usize) -> Range<usize> {
        let width = *self.random.choose(&[1, 2, 4, 4, 8, 8]);
        let at = self.place(length);
        let at = if self.random.percent(70) { at / width * width } else { at };
        at..(at + width).min(length)
    }

    /// Anywhere, or near an edge.
    fn place(&mut self, length: usize) -> usize {
        let page = self.random.below(length.div_ceil(PAGE_BYTES)) * PAGE_BYTES;
        let place = match self.random.below(4) {
            0 => self.random.below(length),
            1 => length.saturating_sub(1 + self.random.below(EDGE_BYTES)),
            2 => self.random.below(EDGE_BYTES),
            _ => page + self.random.below(EDGE_BYTES),
        };
        place.min(length.saturating_sub(1))
    }
}

/// Where a little-endian number of 2 or 4 bytes is not zero and not more than what follows it. A `u32` that begins with
/// zeros is taken for what it is.
fn lengths(bytes: &[u8]) -> Vec<Range<usize>> {
    let fits = |at: &Range<usize>| {
        let value = get(bytes, at.clone());
        value > 0 && value <= (bytes.len() - at.end) as u64
    };
    let begins = (0..bytes.len()).filter(|at| at % PAGE_BYTES < 2 * EDGE_BYTES || bytes.len() - at < 2 * EDGE_BYTES);
    let ranges = begins.flat_map(|at| [at..at + 2, at..at + 4]);
    ranges.filter(|at| at.end <= bytes.len()).filter(fits).collect()
}

fn get(bytes: &[u8], at: Range<usize>) -> u64 {
    let mut value = [0; 8];
    value[..at.len()].copy_from_slice(&bytes[at]);
    u64::from_le_bytes(value)
}

fn put(bytes: &mut [u8], at: Range<usize>, value: u64) {
    let width = at.len();
    bytes[at].copy_from_slice(&value.to_le_bytes()[..width]);
}
