//! A set of small numbers.

#[derive(Debug, Clone)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(crate) fn new(len: usize) -> Self {
        Bits { words: vec![0; len.div_ceil(64)] }
    }

    pub(crate) fn insert(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }

    pub(crate) fn remove(&mut self, at: usize) {
        self.words[at / 64] &= !(1 << (at % 64));
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.words[at / 64] & (1 << (at % 64)) != 0
    }

    /// Writes the set, so that equal sets and no others are written alike. Full words in front and empty ones at the end
    /// are left out: of a set that fills up from the front, a few words remain.
    pub(crate) fn write(&self, out: &mut Vec<u64>) {
        let full = self.words.iter().take_while(|word| **word == u64::MAX).count();
        let used = self.words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        let rest = &self.words[full..used.max(full)];
        out.extend([full as u64, rest.len() as u64]);
        out.extend(rest);
    }
}
