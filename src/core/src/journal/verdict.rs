//! Torn or damaged: which of the blocks that were found are replayed.
//!
//! A crash may lose any part of the writes that were in flight, so the last blocks of a journal may be missing, half there, or
//! there with holes before them. Nobody was promised anything about these, and they are dropped without a word: a *torn
//! tail*. Everything else that is missing or wrong is *damage*: it was acknowledged once, and to drop it silently would be to
//! lose it. The two are told apart by evidence (design.md 6, reliability.md D6):
//!
//! - Every block carries the watermark up to which all blocks were durable when it was closed. What is at or below any
//!   watermark that is found must be there and right. At most q blocks are ever above the watermark of the newest one (the header's
//!   rule), so this covers "more than q before the last" as well.
//! - Every block carries the oldest number that is still needed. Lower ones may have been overwritten by a later lap.
//! - Every block carries the sum of its predecessor's header. Two neighbours that disagree are two histories: damage.
//! - A page that cannot be read is damage wherever it is: a crash does not make pages unreadable, and what would tell whether
//!   this one mattered may have stood in it.
//!
//! What cannot be seen: one fault in a block above the last watermark looks like a torn write. The block that carries the
//! watermark when the journal goes idle closes that window for a quiet log, but for that block itself, which holds no data.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use bytes::Bytes;

use super::directory::{BlockError, verify_payload};
use super::header::{BlockHeader, HeaderError};
use super::scan::{FileScan, Oddity, ReadError};

/// One journal: one shard's in one epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JournalKey {
    pub epoch: u64,
    pub journal_id: [u8; 16],
}

/// What the catalog knows of a journal beyond what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Expectation {
    /// Nothing below is needed. 0 or 1: take the journal's own word.
    pub needed_from: u64,
    /// An earlier recovery replayed up to here (0 = nothing) and served: all of that must still be there, and what lies beyond was
    /// dropped then and stays dropped, whatever it looks like now.
    pub last_number: Option<u64>,
}

/// The blocks to apply, and how the journal ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// Consecutive numbers, from the oldest needed. Payloads above `durable_watermark` have been verified; the others are to be
    /// verified when they are read for use, and a bad one is damage ([`Replay::damage_in`]).
    pub blocks: Vec<BlockHeader>,
    pub needed_from: u64,
    /// The last good block; `needed_from - 1` or lower if `blocks` is empty.
    pub last_number: u64,
    /// The highest watermark found.
    pub durable_watermark: u64,
    pub torn: Option<Torn>,
    evidence: Evidence,
}

/// A tail that was dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    /// The first block that was not good.
    pub first: u64,
    pub reason: DamageReason,
    /// Blocks from there on of which at least the header was found.
    pub found: Vec<u64>,
}

/// A block that must be there and right, and is not. Recovery stops and says this.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("journal file {file:08}.journal, offset {offset}: block {number} of epoch {epoch} {reason}{evidence}")]
pub struct Damage {
    pub file: u32,
    /// Where the block begins, or, if it is missing, where it should begin as far as its neighbours tell.
    pub offset: u64,
    pub number: u64,
    pub epoch: u64,
    pub reason: DamageReason,
    pub evidence: Evidence,
}

/// Why the block cannot be a torn tail's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// This block was closed when the damaged one was durable already.
    Watermark { block: u64 },
    /// The catalog's record of an earlier recovery.
    Replayed,
    /// Torn writes do not look like this.
    Reason,
}

impl Display for Evidence {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Watermark { block } => write!(f, "; block {block} proves that it was durable once"),
            Self::Replayed => f.write_str("; an earlier start found it durable"),
            Self::Reason => Ok(()),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DamageReason {
    #[error("is missing")]
    Missing,
    #[error("is missing: {0}")]
    MissingBecause(Oddity),
    #[error("is damaged: {0}")]
    Block(#[from] BlockError),
    #[error("cannot be read: {0}")]
    Unreadable(#[from] ReadError),
    #[error("does not continue the block before it")]
    ChainBroken,
    #[error("exists twice, also in file {file}, offset {offset}")]
    Twice { file: u32, offset: u64 },
}

impl DamageReason {
    /// No torn write looks like this, wherever it is: two histories; a page that the disk cannot give back, whatever it held.
    fn is_never_torn(&self) -> bool {
        matches!(self, Self::ChainBroken | Self::Twice { .. } | Self::Unreadable(_))
            || matches!(self, Self::MissingBecause(Oddity::Unreadable(_)))
    }
}

/// Everything that was found in a store's journal files, by journal.
#[derive(Clone, Debug, Default)]
pub struct Journals {
    journals: BTreeMap<JournalKey, Journal>,
    findings: BTreeMap<(u32, u64), Oddity>,
}

#[derive(Clone, Debug, Default)]
struct Journal {
    /// By number. Blocks that are not needed are dropped as soon as that is known; one below is kept, as the place where the first
    /// needed one would follow.
    blocks: BTreeMap<u64, BlockHeader>,
    needed_from: u64,
    durable_watermark: u64,
    /// The block with that watermark.
    watermark_in: u64,
    /// One of two blocks that claim the same number; the other is in `blocks`.
    twice: Option<BlockHeader>,
}

impl Journals {
    /// Takes in one file's scan. Files may come in any order.
    pub fn add(&mut self, scan: FileScan) {
        for header in scan.blocks {
            let key = JournalKey { epoch: header.epoch, journal_id: header.journal_id };
            self.journals.entry(key).or_default().add(header);
        }
        self.findings.extend(scan.findings.into_iter().map(|finding| ((scan.file, finding.offset), finding.oddity)));
    }

    /// The journals of which at least one block was found, oldest epoch first.
    pub fn keys(&self) -> impl Iterator<Item = JournalKey> {
        self.journals.keys().copied()
    }

    /// The files in which blocks of this journal were found that may still be needed. A file that is not among them may be
    /// written without changing what is decided over the journal.
    pub fn files_of(&self, key: JournalKey) -> impl Iterator<Item = u32> {
        self.journals.get(&key).into_iter().flat_map(|journal| journal.blocks.values().map(|block| block.file))
    }

    /// The first block that only a newer version can read, as `(file, offset, version)`, of those whose journal's id `matters`
    /// (F22). Recovery refuses to go on: to start regardless would be to lose what the block holds. A page that looks like
    /// one of another journal is none of its business, and may be a client's bytes.
    pub fn newer_version(&self, matters: impl Fn(&[u8; 16]) -> bool) -> Option<(u32, u64, u16)> {
        self.findings.iter().find_map(|(&(file, offset), oddity)| match oddity {
            Oddity::BadHeader(HeaderError::NewerVersion { version, journal_id, .. }) if matters(journal_id) => {
                Some((file, offset, *version))
            }
            _ => None,
        })
    }

    /// The first page that could not be read, as `(file, offset, error)` (F11). Whether something that is needed stood there
    /// nobody can tell, and not even what proves it: the watermark may have stood there as well, so that a loss of any number
    /// of blocks would pass for a torn tail. So recovery refuses to go on.
    pub fn unreadable(&self) -> Option<(u32, u64, ReadError)> {
        self.findings.iter().find_map(|(&(file, offset), oddity)| match oddity {
            Oddity::Unreadable(error) => Some((file, offset, error.clone())),
            _ => None,
        })
    }

    /// Everything odd that was noticed in any file, for the log: `((file, offset), oddity)`.
    pub fn findings(&self) -> impl Iterator<Item = (&(u32, u64), &Oddity)> {
        self.findings.iter()
    }

    /// Decides over one journal. `read` returns a whole block, as `block_bytes` long as its header says; it is called for the
    /// blocks above the watermark only, at most q.
    ///
    /// Pure and repeatable: the same files give the same answer, however often recovery itself is interrupted (F3).
    pub fn decide(
        &self,
        key: JournalKey,
        expected: Expectation,
        read: &mut dyn FnMut(&BlockHeader) -> Result<Bytes, ReadError>,
    ) -> Result<Replay, Damage> {
        let empty = Journal::default();
        let journal = self.journals.get(&key).unwrap_or(&empty);
        Case { key, journal, findings: &self.findings, expected }.decide(read)
    }
}

impl Journal {
    fn add(&mut self, header: BlockHeader) {
        self.needed_from = self.needed_from.max(header.needed_from);
        if header.durable_watermark > self.durable_watermark {
            self.durable_watermark = header.durable_watermark;
            self.watermark_in = header.number;
        }
        if let Some(other) = self.blocks.insert(header.number, header) {
            self.twice = Some(other);
        }
        while self.blocks.first_key_value().is_some_and(|(first, _)| first + 1 < self.needed_from) {
            self.blocks.pop_first();
        }
    }
}

/// One decision in progress.
struct Case<'a> {
    key: JournalKey,
    journal: &'a Journal,
    findings: &'a BTreeMap<(u32, u64), Oddity>,
    expected: Expectation,
}

impl Case<'_> {
    fn decide(&self, read: &mut dyn FnMut(&BlockHeader) -> Result<Bytes, ReadError>) -> Result<Replay, Damage> {
        let needed_from = self.journal.needed_from.max(self.expected.needed_from).max(1);
        let durable = self.durable();
        self.refuse_twins(needed_from)?;
        let mut blocks: Vec<BlockHeader> = Vec::new();
        let mut number = needed_from;
        let fault = loop {
            if self.expected.last_number.is_some_and(|last| number > last) {
                break None;
            }
            match self.next(number, durable, read) {
                Ok(header) => blocks.push(header),
                Err(fault) if fault.is_never_torn() || number <= durable => {
                    return Err(self.damage(number, fault));
                }
                Err(fault) => break Some(fault),
            }
            number += 1;
        };
        let last_number = blocks.last().map_or(needed_from - 1, |last| last.number);
        let torn = fault.and_then(|reason| self.torn(number, reason));
        Ok(Replay { blocks, needed_from, last_number, durable_watermark: durable, torn, evidence: self.evidence() })
    }

    /// All blocks up to this one were durable once.
    fn durable(&self) -> u64 {
        self.expected.last_number.unwrap_or(self.journal.durable_watermark)
    }

    /// The block with this number, if all that is asked of it holds.
    fn next(
        &self,
        number: u64,
        durable: u64,
        read: &mut dyn FnMut(&BlockHeader) -> Result<Bytes, ReadError>,
    ) -> Result<BlockHeader, DamageReason> {
        let header = *self.journal.blocks.get(&number).ok_or_else(|| self.why_missing(number))?;
        let before = self.journal.blocks.get(&(number - 1));
        let continues = match before {
            Some(before) => header.prev_header_crc == before.header_crc,
            None => number > 1 || header.prev_header_crc == 0,
        };
        if !continues {
            return Err(DamageReason::ChainBroken);
        }
        if number > durable {
            verify_payload(&header, &read(&header)?)?;
        }
        Ok(header)
    }

    /// No tail was torn if nothing of the journal lies beyond.
    fn torn(&self, first: u64, reason: DamageReason) -> Option<Torn> {
        let found: Vec<u64> = self.journal.blocks.range(first..).map(|(number, _)| *number).collect();
        let noticed = !matches!(reason, DamageReason::Missing);
        (noticed || !found.is_empty()).then_some(Torn { first, reason, found })
    }

    fn refuse_twins(&self, needed_from: u64) -> Result<(), Damage> {
        let Some(twin) = self.journal.twice else { return Ok(()) };
        if twin.number < needed_from || self.expected.last_number.is_some_and(|last| twin.number > last) {
            return Ok(());
        }
        Err(self.damage(twin.number, DamageReason::Twice { file: twin.file, offset: twin.offset }))
    }

    fn damage(&self, number: u64, reason: DamageReason) -> Damage {
        let (file, offset) = self.place_of(number);
        let evidence = match reason {
            DamageReason::ChainBroken | DamageReason::Twice { .. } => Evidence::Reason,
            _ if number > self.durable() => Evidence::Reason,
            _ => self.evidence(),
        };
        Damage { file, offset, number, epoch: self.key.epoch, reason, evidence }
    }

    fn evidence(&self) -> Evidence {
        match self.expected.last_number {
            Some(_) => Evidence::Replayed,
            None => Evidence::Watermark { block: self.journal.watermark_in },
        }
    }

    fn why_missing(&self, number: u64) -> DamageReason {
        let oddity = self.findings.get(&self.place_of(number));
        oddity.map_or(DamageReason::Missing, |oddity| DamageReason::MissingBecause(oddity.clone()))
    }

    /// Where a block is; if it was not found, where it should be. It begins where its predecessor ends, unless it opened a new
    /// file: then at offset 0 of the file in which its successor is found.
    fn place_of(&self, number: u64) -> (u32, u64) {
        if let Some(header) = self.journal.blocks.get(&number) {
            return (header.file, header.offset);
        }
        let before = self.journal.blocks.get(&(number - 1)).map(|b| (b.file, b.offset + u64::from(b.block_bytes)));
        let after = self.journal.blocks.range(number..).next().map(|(_, b)| b);
        match (before, after) {
            (Some(place), Some(after)) if after.file != place.0 && after.offset > 0 => {
                let follows = after.number > number + 1 && self.findings.contains_key(&place);
                if follows { place } else { (after.file, 0) }
            }
            (Some(place), _) => place,
            (None, Some(after)) => (after.file, 0),
            (None, None) => (0, 0),
        }
    }
}

impl Replay {
    /// What to report when a block of this replay turns out to be bad as it is read for use.
    pub fn damage_in(&self, header: &BlockHeader, reason: impl Into<DamageReason>) -> Damage {
        let BlockHeader { file, offset, number, epoch, .. } = *header;
        Damage { file, offset, number, epoch, reason: reason.into(), evidence: self.evidence }
    }
}
