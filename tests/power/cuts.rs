//! What a power cut leaves: everything up to the last flush, and of what was written after it, anything.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use crate::log::{Entry, SECTOR_BYTES, WriteLog};
use crate::support::Random;

/// Behind the moment when a restarted broker had shown what it found: what was not made durable before it was shown is still in
/// danger there.
const SHORTLY: usize = 32;

/// Which cuts to make, ascending, each as the number of entries before it. Just before a flush most is at stake: three in eight
/// are there, one just around; two are shortly after one of the `shown` places, the rest anywhere.
pub fn choose(log: &WriteLog, from: usize, shown: &[usize], wanted: usize, random: &mut Random) -> Vec<usize> {
    let places = from..=log.entries.len();
    let before = |n: &usize| log.entries.get(*n).is_some_and(Entry::is_flush);
    let around = |n: &usize| before(&(n + 1)) || *n > 0 && before(&(n - 1));
    let shortly = |n: &usize| shown.iter().any(|shown| (*shown..shown + SHORTLY).contains(n));
    let mut chosen = sample(places.clone().filter(before), (wanted * 3).div_ceil(8), random);
    chosen.extend(sample(places.clone().filter(|n| !chosen.contains(n) && around(n)), wanted / 8, random));
    chosen.extend(sample(places.clone().filter(|n| !chosen.contains(n) && shortly(n)), wanted / 4, random));
    let missing = wanted - chosen.len();
    chosen.extend(sample(places.filter(|n| !chosen.contains(n)), missing, random));
    chosen.into_iter().collect()
}

fn sample(from: impl Iterator<Item = usize>, wanted: usize, random: &mut Random) -> BTreeSet<usize> {
    let mut from: Vec<usize> = from.collect();
    let mut chosen = BTreeSet::new();
    while chosen.len() < wanted && !from.is_empty() {
        chosen.insert(from.swap_remove(random.below(from.len() as u64) as usize));
    }
    chosen
}

/// What happened to a write that no flush had followed when the power went.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    Whole,
    Absent,
    /// Sector by sector.
    Torn(Vec<bool>),
}

impl Fate {
    /// `landed` is the chance, of ten, that a write is there; a quarter of them is torn whatever it is, unless it is none or all.
    fn draw(entry: &Entry, landed: u64, random: &mut Random) -> Self {
        let sectors = entry.bytes as usize / SECTOR_BYTES;
        if sectors > 1 && (1..10).contains(&landed) && random.below(4) == 0 {
            return Self::torn(sectors, random);
        }
        if random.below(10) < landed { Self::Whole } else { Self::Absent }
    }

    /// The beginning only, the end only, or any sectors.
    fn torn(sectors: usize, random: &mut Random) -> Self {
        let middle = 1 + random.below(sectors as u64 - 1) as usize;
        Self::Torn(match random.below(3) {
            0 => (0..sectors).map(|n| n < middle).collect(),
            1 => (0..sectors).map(|n| n >= middle).collect(),
            _ => (0..sectors).map(|_| random.below(2) == 0).collect(),
        })
    }
}

/// The disk as it surely is, further with every cut: cuts are made in ascending order.
#[derive(Debug)]
pub struct Disk<'a> {
    log: &'a WriteLog,
    image: PathBuf,
    settled: File,
    /// So many entries are in it.
    applied: usize,
}

impl<'a> Disk<'a> {
    /// From `image` as it was before the log began. It is changed.
    pub fn new(image: &Path, log: &'a WriteLog) -> Self {
        let settled = File::options().read(true).write(true).open(image).expect("the image opens");
        Self { log, image: image.to_owned(), settled, applied: 0 }
    }

    /// Writes to `into` what a cut after so many entries may have left. Says how many writes were at stake.
    pub fn cut(&mut self, entries: usize, into: &Path, random: &mut Random) -> usize {
        let flushed = self.log.entries[..entries].iter().rposition(Entry::is_flush).map_or(0, |flush| flush + 1);
        self.settle(flushed);
        copy_sparse(&self.image, into);
        let image = File::options().write(true).open(into).expect("the image opens");
        let landed = [0, 1, 5, 5, 9, 10][random.below(6) as usize];
        let at_stake = self.log.entries[flushed..entries].iter().filter(|entry| entry.changes_the_disk());
        at_stake.map(|entry| land(&image, self.log, entry, landed, random)).count()
    }

    fn settle(&mut self, entries: usize) {
        assert!(entries >= self.applied, "cuts are made in ascending order");
        for entry in &self.log.entries[self.applied..entries] {
            if entry.changes_the_disk() {
                self.settled.write_all_at(&self.log.data(entry), entry.offset).expect("the image is writable");
            }
        }
        self.applied = entries;
    }
}

fn land(image: &File, log: &WriteLog, entry: &Entry, landed: u64, random: &mut Random) {
    let data = log.data(entry);
    let fate = match Fate::draw(entry, landed, random) {
        _ if entry.is_durable() => Fate::Whole,
        Fate::Torn(_) if is_superblock(entry, &data) => Fate::Absent,
        fate => fate,
    };
    let write = |data: &[u8], at: usize| {
        image.write_all_at(data, entry.offset + at as u64).expect("the image is writable");
    };
    match fate {
        Fate::Whole => write(&data, 0),
        Fate::Absent => {}
        Fate::Torn(sectors) => {
            let landed = sectors.iter().enumerate().filter(|(_, landed)| **landed);
            let offsets = landed.map(|(sector, _)| sector * SECTOR_BYTES);
            offsets.for_each(|at| write(&data[at..at + SECTOR_BYTES], at));
        }
    }
}

/// ext4's own superblock and its journal's: 1 KiB each under one checksum, written in place. ext4 itself relies on disks not to
/// tear them; without one there is no file system to recover anything from.
fn is_superblock(entry: &Entry, data: &[u8]) -> bool {
    const BLOCK_BYTES: u64 = 4096;
    const JOURNAL_MAGIC: [u8; 4] = 0xc03b_3998_u32.to_be_bytes();
    let of_journal = data.starts_with(&JOURNAL_MAGIC) && matches!(data[4..8], [0, 0, 0, 3 | 4]);
    entry.bytes <= BLOCK_BYTES && (entry.offset < BLOCK_BYTES || of_journal)
}

/// Holes stay holes: most of an image is never written.
pub fn copy_sparse(from: &Path, to: &Path) {
    let (from, to) = (File::open(from).expect("it opens"), File::create(to).expect("it can be made"));
    let length = from.metadata().expect("open").len();
    to.set_len(length).expect("there is room");
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    // The end of the data is an error.
    while let Ok(start) = seek(&from, SeekFrom::Data(at)) {
        let end = seek(&from, SeekFrom::Hole(start)).expect("data end in a hole");
        at = start;
        while at < end {
            let part = &mut buffer[..(end - at).min(1 << 20) as usize];
            from.read_exact_at(part, at).expect("readable");
            to.write_all_at(part, at).expect("there is room");
            at += part.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::{FLUSHED, FORCED, WRITE, log_of};

    fn log() -> WriteLog {
        let (one, two) = ([1; 1024], [2; 1024]);
        log_of(&[(16, WRITE, &one), (0, FLUSHED, &[]), (18, WRITE, &two), (20, FORCED, &one), (16, WRITE, &two)])
    }

    #[test]
    fn what_was_flushed_or_forced_is_there_and_of_the_rest_anything_may_be() {
        let log = log();
        let folder = tempfile::tempdir().expect("a folder");
        let (base, into) = (folder.path().join("base"), folder.path().join("into"));
        let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
        for seed in 1..400 {
            File::create(&base).expect("made").set_len(64 << 10).expect("room");
            let mut disk = Disk::new(&base, &log);
            assert_eq!(disk.cut(5, &into, &mut Random::new(seed * 7919)), 3);
            let image = std::fs::read(&into).expect("readable");
            assert_eq!((image.len(), image[..16 * 512].iter().max()), (64 << 10, Some(&0)), "nothing else was written");
            seen.insert((16..22).map(|sector| image[sector * 512]).collect());
        }
        assert!(seen.iter().all(|sectors| sectors[0] != 0 && sectors[1] != 0 && sectors[4..] == [1, 1]), "{seen:?}");
        // Each of two writes: there, absent, first half, second half.
        assert_eq!(seen.len(), 16, "{seen:?}");
    }

    #[test]
    fn cuts_are_where_most_is_at_stake_first_and_never_twice() {
        let log = log();
        for seed in 1..20 {
            let random = &mut Random::new(seed);
            let chosen = choose(&log, 0, &[4], 8, random);
            assert_eq!(chosen, [0, 1, 2, 3, 4, 5]);
            let chosen = choose(&log, 0, &[4], 4, random);
            assert!(
                chosen.len() == 4 && chosen.contains(&1) && (chosen.contains(&4) || chosen.contains(&5)),
                "{chosen:?}"
            );
            assert_eq!(choose(&log, 3, &[], 100, random), [3, 4, 5]);
        }
    }
}
