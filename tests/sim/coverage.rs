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
    PutRequestLate,
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
    pub const ALL: [Self; 19] = [
        Self::Kill,
        Self::PowerCut,
        Self::KillInRecovery,
        Self::PausedRival,
        Self::WriteError,
        Self::PutAnswerLost,
        Self::PutRequestLost,
        Self::PutRequestLate,
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

pub const APPEND_PERHAPS: &str = "nobody tells what became of an append";
pub const APPEND_REFUSED: &str = "an append is refused for good";
pub const APPEND_SESSION_FAILS: &str = "an append session ends with an error";
pub const APPENDS_WAIT: &str = "appends wait for room";
pub const CHUNK_FOUND: &str = "a chunk is found that its writer did not index";
pub const CONDITION_FAILS: &str = "a condition is not met";
pub const FOLLOWER_RESUMES: &str = "a follower resumes";
pub const LATE_PUT_LOSES: &str = "a put is done late, in vain";
pub const LATE_PUT_WINS: &str = "a put is done late";
pub const PAGE_AS_STORED: &str = "a page is sent as it is stored";
pub const READ_SESSION_FAILS: &str = "a read session ends with an error";
pub const RECORDS_REPLAYED: &str = "records are replayed from a journal";
pub const RIVAL_PAUSED: &str = "a rival is paused while another starts";
pub const STREAM_BEGINS_ANEW: &str = "a stream begins anew behind its deletion";
pub const TORN_TAIL: &str = "a torn tail is dropped";
pub const TRIM_BEHIND_CRASH: &str = "a trim is seen behind a crash";
pub const TRIM_SEEN: &str = "a trim is seen";

/// In the default run at least. Each of them happens 50 times and more in it.
pub const REQUIRED: [&str; 10] = [
    APPEND_PERHAPS,
    APPEND_REFUSED,
    APPEND_SESSION_FAILS,
    APPENDS_WAIT,
    CHUNK_FOUND,
    CONDITION_FAILS,
    FOLLOWER_RESUMES,
    PAGE_AS_STORED,
    RECORDS_REPLAYED,
    TRIM_BEHIND_CRASH,
];

/// In a run of many histories: it takes some to see these often enough.
pub const REQUIRED_OF_MANY: [&str; 7] =
    [LATE_PUT_LOSES, LATE_PUT_WINS, READ_SESSION_FAILS, RIVAL_PAUSED, STREAM_BEGINS_ANEW, TORN_TAIL, TRIM_SEEN];

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

    /// Which of those that must have happened did not.
    pub fn never(&self, required: &[&'static str]) -> Vec<&'static str> {
        let is_missing = |what: &&&'static str| self.sometimes.get(**what).is_none_or(|count| *count == 0);
        required.iter().filter(is_missing).copied().collect()
    }

    /// Those that somebody looked for in vain.
    pub fn in_vain(&self) -> Vec<&'static str> {
        self.sometimes.iter().filter(|(_, count)| **count == 0).map(|(what, _)| *what).collect()
    }
}
