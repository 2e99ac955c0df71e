//! What is known of one stream: what was acknowledged and what anybody saw. It never changes (reliability.md P3 to P6, P11).

use riverrun_history::{chain_hash, stream_hash};
use riverrun_protocol::types::Position;

/// A record as a reader gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Unique for data records.
    pub id: u64,
    pub timestamp: u64,
}

#[derive(Debug)]
pub struct Truth {
    ids: Vec<Option<u64>>,
    timestamps: Vec<Option<u64>>,
    /// Of all records below each number, as far as they are known without a gap.
    hashes: Vec<u64>,
    tail_told_max: u64,
    /// Somebody asked for these, and was not refused: each of them may have been done.
    trims_asked: Vec<u64>,
    /// Somebody was told so, or saw it: no record below it is there any more.
    removed_below: u64,
    /// When the last process ended.
    removed_at_crash: u64,
}

impl Default for Truth {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            timestamps: Vec::new(),
            hashes: vec![stream_hash(&[])],
            tail_told_max: 0,
            trims_asked: Vec::new(),
            removed_below: 0,
            removed_at_crash: 0,
        }
    }
}

impl Truth {
    /// Acknowledged: it has this number and no other, from now on.
    pub fn acknowledged(&mut self, seq_num: u64, id: u64) {
        self.set(seq_num, id, "an ack");
    }

    pub fn seen(&mut self, seq_num: u64, seen: Seen) {
        self.set(seq_num, seen.id, "a reader");
        self.stamped(seq_num, seen.timestamp);
    }

    /// This record has this timestamp, and there is an order of them (P12).
    pub fn stamped(&mut self, seq_num: u64, timestamp: u64) {
        let at = seq_num as usize;
        let earlier = *self.timestamps[at].get_or_insert(timestamp);
        assert_eq!(earlier, timestamp, "the timestamp of record {seq_num} changed");
        let before = at.checked_sub(1).and_then(|before| self.timestamps[before]);
        assert!(before.is_none_or(|before| before <= timestamp), "P12: record {seq_num} is older than the one before");
        let behind = self.timestamps.get(at + 1).copied().flatten();
        assert!(behind.is_none_or(|behind| timestamp <= behind), "P12: record {seq_num} is newer than the one behind");
    }

    /// So many records there are, somebody heard: so many there will be.
    pub fn tail_told(&mut self, tail: Position) {
        self.tail_told_max = self.tail_told_max.max(tail.seq_num);
    }

    /// The highest tail that anybody was told.
    pub fn tail_told_max(&self) -> u64 {
        self.tail_told_max
    }

    /// Only of what is known, so that what is left can still be judged.
    pub fn trim_asked(&mut self, earliest: u64) {
        assert!(earliest <= self.known());
        self.trims_asked.push(earliest);
    }

    /// Or 0.
    pub fn trim_asked_last(&self) -> u64 {
        self.trims_asked.last().copied().unwrap_or(0)
    }

    /// It has not been done and never will be.
    pub fn trim_refused(&mut self, earliest: u64) {
        let at = self.trims_asked.iter().position(|asked| *asked == earliest).expect("it was asked for");
        self.trims_asked.remove(at);
    }

    /// In effect from now on, whatever crashes come (`s2-semantics.md` B5). Removal may be eventual there; production's is not: it
    /// filters reads from the moment at which the trim is stable, which is before its ack.
    pub fn trim_acknowledged(&mut self, earliest: u64, own: u64) {
        self.removed(earliest.min(own + 1));
    }

    fn removed(&mut self, below: u64) {
        self.removed_below = self.removed_below.max(below);
    }

    /// What is asked from now on finds nothing below it.
    pub fn removed_below(&self) -> u64 {
        self.removed_below
    }

    pub fn crashed(&mut self) {
        self.removed_at_crash = self.removed_below;
    }

    pub fn removed_at_crash(&self) -> u64 {
        self.removed_at_crash
    }

    /// A reader that wanted `wanted` got `got`. Numbers have gaps where records were trimmed and nowhere else: a gap ends where
    /// somebody asked for it. What it leaves out stays away.
    pub fn follows(&mut self, wanted: u64, got: u64) -> bool {
        if wanted < got && self.trims_asked.contains(&got) {
            self.removed(got);
            return true;
        }
        wanted == got
    }

    fn set(&mut self, seq_num: u64, id: u64, who: &str) {
        let at = seq_num as usize;
        if self.ids.len() <= at {
            self.ids.resize(at + 1, None);
            self.timestamps.resize(at + 1, None);
        }
        let earlier = *self.ids[at].get_or_insert(id);
        assert_eq!(earlier, id, "record {seq_num} is another than before, says {who}");
        while let Some(Some(id)) = self.ids.get(self.hashes.len() - 1) {
            let before = *self.hashes.last().expect("the empty stream's at least");
            self.hashes.push(chain_hash(before, *id));
        }
    }

    /// Every record below this number is known.
    pub fn known(&self) -> u64 {
        self.hashes.len() as u64 - 1
    }

    /// The highest number that anybody was told of, exclusive.
    pub fn end(&self) -> u64 {
        (self.ids.len() as u64).max(self.tail_told_max)
    }

    /// Of all records below a number that is known.
    pub fn hash_to(&self, end: u64) -> u64 {
        self.hashes[end as usize]
    }

    pub fn ids_to(&self, end: u64) -> Vec<u64> {
        self.ids[..end as usize].iter().map(|id| id.expect("known")).collect()
    }
}
