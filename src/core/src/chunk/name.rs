//! Names of chunks and of the sequences that they form.
//!
//! ```text
//! chunks/<epoch:016x>/<shard:04x>-<lane: e|s>/<number:016x>
//! ```
//! Fixed widths, so that byte order is order of epoch, shard, lane and number.

use std::fmt;

use super::{ChunkId, Lane};

/// What every object name of a chunk or of a fence begins with.
pub const CHUNK_PREFIX: &str = "chunks/";

impl Lane {
    pub fn letter(self) -> char {
        match self {
            Self::Express => 'e',
            Self::Standard => 's',
        }
    }

    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "e" => Some(Self::Express),
            "s" => Some(Self::Standard),
            _ => None,
        }
    }
}

/// An ordered sequence of chunks, numbered from 0; it ends at its first fence (design.md 6, epochs).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SequenceId {
    pub epoch: u64,
    pub shard: u16,
    pub lane: Lane,
}

impl SequenceId {
    pub fn chunk(self, number: u64) -> ChunkId {
        ChunkId { epoch: self.epoch, shard: self.shard, lane: self.lane, number }
    }

    /// Reads what `Display` writes: `<epoch:016x>/<shard:04x>-<lane>`. Nothing else is accepted, upper case neither: one
    /// thing has one name.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = text.split_once('/')?;
        let (shard, lane) = rest.split_once('-')?;
        let shard = u16::try_from(parse_hex(shard, 4)?).ok()?;
        Some(Self { epoch: parse_hex(epoch, 16)?, shard, lane: Lane::from_letter(lane)? })
    }
}

impl fmt::Display for SequenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}/{:04x}-{}", self.epoch, self.shard, self.lane.letter())
    }
}

impl ChunkId {
    pub fn sequence(self) -> SequenceId {
        SequenceId { epoch: self.epoch, shard: self.shard, lane: self.lane }
    }

    /// The object's name under the store's root; a fence that ends the sequence at this number has the same one.
    pub fn object_name(self) -> String {
        format!("{CHUNK_PREFIX}{self}")
    }

    pub fn from_object_name(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(CHUNK_PREFIX)?)
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (sequence, number) = text.rsplit_once('/')?;
        Some(SequenceId::parse(sequence)?.chunk(parse_hex(number, 16)?))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.sequence(), self.number)
    }
}

/// Exactly `digits` lower-case hexadecimal digits.
pub(crate) fn parse_hex(text: &str, digits: usize) -> Option<u64> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.as_bytes().iter().all(lower) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: ChunkId = ChunkId { epoch: 3, shard: 10, lane: Lane::Standard, number: 255 };
    const NAME: &str = "chunks/0000000000000003/000a-s/00000000000000ff";

    #[test]
    fn golden_name() {
        assert_eq!(ID.object_name(), NAME);
        assert_eq!(ChunkId::from_object_name(NAME), Some(ID));
    }

    #[test]
    fn one_thing_has_one_name() {
        for name in [
            "",
            "chunks/",
            "chunks/3/a-s/ff",
            "0000000000000003/000a-s/00000000000000ff",
            "chunks/0000000000000003/000A-s/00000000000000ff",
            "chunks/0000000000000003/000a-x/00000000000000ff",
            "chunks/0000000000000003/000a-s/00000000000000ff/",
            "chunks/0000000000000003/000a-s/+0000000000000ff",
            "chunks/0000000000000003/000a-s/00000000000000ff.tmp",
            "chunks/0000000000000003/000a-s/0000000000000éf",
        ] {
            assert_eq!(ChunkId::from_object_name(name), None, "{name}");
        }
    }

    fn ids() -> impl Strategy<Value = ChunkId> {
        let lane = prop_oneof![Just(Lane::Express), Just(Lane::Standard)];
        (any::<u64>(), any::<u16>(), lane, any::<u64>()).prop_map(|(epoch, shard, lane, number)| ChunkId {
            epoch,
            shard,
            lane,
            number,
        })
    }

    proptest! {
        #[test]
        fn names_round_trip_and_sort_as_ids_do(a in ids(), b in ids()) {
            prop_assert_eq!(ChunkId::from_object_name(&a.object_name()), Some(a));
            prop_assert_eq!(a.cmp(&b), a.object_name().cmp(&b.object_name()));
        }
    }
}
