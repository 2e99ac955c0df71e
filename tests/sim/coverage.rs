//! Which faults struck in which states, over all runs (reliability.md S4).

use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    Kill,
    PowerCut,
    KillInRecovery,
    PausedRival,
    WriteError,
    PutAnswerLost,
    PutRequestLost,
    PutNotDone,
    PutConflict,
    PutHangs,
    CatalogAnswerLost,
    CatalogRequestLost,
    ReadsFail,
    DiskHangs,
    NetworkCut,
    ClockBack,
    ClockForward,
    SlowReader,
}

impl Fault {
    pub const ALL: [Self; 18] = [
        Self::Kill,
        Self::PowerCut,
        Self::KillInRecovery,
        Self::PausedRival,
        Self::WriteError,
        Self::PutAnswerLost,
        Self::PutRequestLost,
        Self::PutNotDone,
        Self::PutConflict,
        Self::PutHangs,
        Self::CatalogAnswerLost,
        Self::CatalogRequestLost,
        Self::ReadsFail,
        Self::DiskHangs,
        Self::NetworkCut,
        Self::ClockBack,
        Self::ClockForward,
        Self::SlowReader,
    ];
}

/// What a broker is in the middle of. Several at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    WritesUnderWay,
    ChunksUnderWay,
    LoadsUnderWay,
    InheritedUnpublished,
    BackPressure,
    AnswersUnsent,
    FileWanted,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::WritesUnderWay,
        Self::ChunksUnderWay,
        Self::LoadsUnderWay,
        Self::InheritedUnpublished,
        Self::BackPressure,
        Self::AnswersUnsent,
        Self::FileWanted,
    ];
}

#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cells: BTreeMap<(Fault, State), u64>,
    /// Things that must happen sometimes, or the runs test less than they seem to.
    sometimes: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub fn struck(&mut self, fault: Fault, states: &[State]) {
        states.iter().for_each(|state| *self.cells.entry((fault, *state)).or_default() += 1);
    }

    pub fn sometimes(&mut self, what: &'static str, happened: bool) {
        *self.sometimes.entry(what).or_default() += u64::from(happened);
    }

    pub fn merge(&mut self, other: &Self) {
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
        for (what, count) in &other.sometimes {
            *self.sometimes.entry(what).or_default() += count;
        }
    }

    pub fn hit(&self) -> (usize, usize) {
        (self.cells.len(), Fault::ALL.len() * State::ALL.len())
    }

    pub fn missed(&self) -> Vec<(Fault, State)> {
        let all = Fault::ALL.iter().flat_map(|fault| State::ALL.iter().map(move |state| (*fault, *state)));
        all.filter(|cell| !self.cells.contains_key(cell)).collect()
    }

    /// How often each of them did.
    pub fn counts(&self) -> String {
        let counts = self.sometimes.iter().map(|(what, count)| format!("{what}: {count}"));
        counts.collect::<Vec<_>>().join("; ")
    }

    pub fn never(&self) -> Vec<&'static str> {
        self.sometimes.iter().filter(|(_, count)| **count == 0).map(|(what, _)| *what).collect()
    }
}
