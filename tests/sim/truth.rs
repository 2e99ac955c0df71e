//! What is known of one stream: what was acknowledged and what anybody saw. It never changes (reliability.md P3 to P6).

use riverrun_history::{chain_hash, stream_hash};

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
}

impl Default for Truth {
    fn default() -> Self {
        Self { ids: Vec::new(), timestamps: Vec::new(), hashes: vec![stream_hash(&[])] }
    }
}

impl Truth {
    /// Acknowledged: it has this number and no other, from now on.
    pub fn acknowledged(&mut self, seq_num: u64, id: u64) {
        self.set(seq_num, id, "an ack");
    }

    pub fn seen(&mut self, seq_num: u64, seen: Seen) {
        self.set(seq_num, seen.id, "a reader");
        let at = seq_num as usize;
        let earlier = *self.timestamps[at].get_or_insert(seen.timestamp);
        assert_eq!(earlier, seen.timestamp, "the timestamp of record {seq_num} changed");
        let before = at.checked_sub(1).and_then(|before| self.timestamps[before]);
        assert!(
            before.is_none_or(|before| before <= seen.timestamp),
            "P12: record {seq_num} is older than the one before"
        );
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
        self.ids.len() as u64
    }

    /// Of all records below a number that is known.
    pub fn hash_to(&self, end: u64) -> u64 {
        self.hashes[end as usize]
    }

    pub fn ids_to(&self, end: u64) -> Vec<u64> {
        self.ids[..end as usize].iter().map(|id| id.expect("known")).collect()
    }
}
