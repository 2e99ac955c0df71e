//! What a disk does to bytes that were once right (reliability.md F10 to F14).

use std::ops::Range;

/// What a disk reads and writes as a whole.
pub const SECTOR_BYTES: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    BitFlip,
    Zeros,
    Ones,
    /// A write that never happened: what stood there before shows.
    Stale,
    /// Right bytes that belong elsewhere.
    Misdirected,
    /// The read itself fails.
    Unreadable,
}

pub const KINDS: [Kind; 6] = [Kind::BitFlip, Kind::Zeros, Kind::Ones, Kind::Stale, Kind::Misdirected, Kind::Unreadable];

/// One fault: it begins at this byte and ends, unless it is a single byte's, with the sector. So every byte of a sector makes a
/// case of its own, the first one the whole sector, and no fault reaches into a neighbouring block.
#[derive(Clone, Copy, Debug)]
pub struct Damage {
    pub kind: Kind,
    pub at: usize,
}

impl Damage {
    /// What it changes in `image`, of which `older` is the content before the last write. Nothing where a read fails.
    pub fn strike(self, image: &mut [u8], older: &[u8]) {
        let range = self.range(image.len());
        match self.kind {
            Kind::BitFlip => image[self.at] ^= 1 << ((self.at + self.at / 8) % 8),
            Kind::Zeros => image[range].fill(0),
            Kind::Ones if self.at % 2 == 1 => image[self.at] = 0xff,
            Kind::Ones => image[range].fill(0xff),
            Kind::Stale => image[range.clone()].copy_from_slice(&older[range]),
            Kind::Misdirected => {
                let stray = self.stray(image.len());
                image.copy_within(stray..stray + range.len(), range.start);
            }
            Kind::Unreadable => {}
        }
    }

    fn range(self, image_bytes: usize) -> Range<usize> {
        self.at..((self.at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(image_bytes)
    }

    /// Where the misdirected bytes come from: the same place of another sector, another one for every byte, and for whole sectors
    /// as often as not one that begins a page, as headers do.
    fn stray(self, image_bytes: usize) -> usize {
        let sectors = image_bytes / SECTOR_BYTES;
        let (sector, within) = (self.at / SECTOR_BYTES, self.at % SECTOR_BYTES);
        let step = 1 + (sector * 7 + within * 13) % sectors.saturating_sub(1).max(1);
        let other = (sector + step) % sectors;
        let other =
            if within == 0 && sector.is_multiple_of(8) { (sector + 8 * (1 + sector / 8 % 3)) % sectors } else { other };
        other * SECTOR_BYTES + within
    }

    /// How many reads of the place fail; 0 for damage that can be read.
    pub fn failing_reads(self) -> usize {
        match self.kind {
            Kind::Unreadable => [1, 2, 3, 4, 5, usize::MAX][self.at % 6],
            _ => 0,
        }
    }
}

/// The places of a sweep over `bytes`: all of them, or one in `stride` and all of the `whole` ranges.
pub fn places(bytes: usize, stride: usize, whole: &[Range<usize>]) -> Vec<usize> {
    let is_wanted = |at: &usize| {
        at.is_multiple_of(stride) || at.is_multiple_of(SECTOR_BYTES) || whole.iter().any(|r| r.contains(at))
    };
    (0..bytes).filter(is_wanted).collect()
}
