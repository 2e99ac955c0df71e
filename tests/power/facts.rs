//! What somebody was told, and how far the disk's log was by then: a power cut after that must not take it back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::records::{Numbered, STREAMS};

/// Somebody was told: this number of this stream holds this record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The log's length when it was known.
    pub at: u64,
    pub stream: usize,
    pub seq_num: u64,
    pub record: Numbered,
    pub told_by: Told,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    Ack,
    Read,
}

/// Everything known, in the order in which it was learned.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub records: Vec<Fact>,
    /// Basin and streams exist since then.
    pub created: Option<u64>,
    /// (log's length, stream, tail): numbers below it were shown to be given away.
    pub tails: Vec<(u64, usize, u64)>,
}

impl Facts {
    /// What was known when the log had this length. For the next log it was known from the start.
    pub fn known_at(&self, length: u64) -> Self {
        let records = self.records.iter().filter(|fact| fact.at <= length);
        let tails = self.tails.iter().filter(|(at, _, _)| *at <= length);
        Self {
            records: records.map(|fact| Fact { at: 0, ..*fact }).collect(),
            created: self.created.filter(|at| *at <= length).map(|_| 0),
            tails: tails.map(|(_, stream, tail)| (0, *stream, *tail)).collect(),
        }
    }

    /// The numbers of every stream that must not be given away again: those below this.
    pub fn tails(&self) -> [u64; STREAMS] {
        let mut tails = [0; STREAMS];
        for (_, stream, tail) in &self.tails {
            tails[*stream] = tails[*stream].max(*tail);
        }
        for fact in &self.records {
            tails[fact.stream] = tails[fact.stream].max(fact.seq_num + 1);
        }
        tails
    }

    pub fn told_by(&self, told_by: Told) -> usize {
        self.records.iter().filter(|fact| fact.told_by == told_by).count()
    }
}

/// Where producers, followers and readers of one life write down what they are told.
#[derive(Clone, Debug)]
pub struct Ledger {
    log: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    facts: Facts,
    by_number: BTreeMap<(usize, u64), Numbered>,
}

impl Ledger {
    pub fn new(log: PathBuf, before: Facts) -> Self {
        let by_number = before.records.iter().map(|fact| ((fact.stream, fact.seq_num), fact.record)).collect();
        Self { log, inner: Arc::new(Mutex::new(Inner { facts: before, by_number })) }
    }

    /// The log's length. To be asked after an answer came: everything that made it true is in the log by now.
    pub fn now(&self) -> u64 {
        std::fs::metadata(&self.log).expect("the log").len()
    }

    /// # Panics
    /// If somebody was told otherwise before.
    pub fn note(&self, told_by: Told, stream: usize, seq_num: u64, record: Numbered) {
        let at = self.now();
        let mut inner = self.inner.lock().expect("no holder panics");
        match inner.by_number.insert((stream, seq_num), record) {
            Some(before) => assert_eq!(before, record, "number {seq_num} of stream {stream} was given away twice"),
            None => inner.facts.records.push(Fact { at, stream, seq_num, record, told_by }),
        }
    }

    pub fn note_created(&self) {
        let at = self.now();
        self.inner.lock().expect("no holder panics").facts.created.get_or_insert(at);
    }

    pub fn note_tail(&self, stream: usize, tail: u64) {
        let at = self.now();
        self.inner.lock().expect("no holder panics").facts.tails.push((at, stream, tail));
    }

    pub fn facts(&self) -> Facts {
        self.inner.lock().expect("no holder panics").facts.clone()
    }
}
