//! Where a process meets what lies outside, and what may happen there: at the k-th point of a run, at the next one of a kind, or
//! at a share of all of a kind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

/// Longer than any of the broker's deadlines for one attempt.
pub const HANG: Duration = Duration::from_secs(40);

/// Of those armed for the next call of a kind, until one call has what it wants. In a run whose faults are nothing but puts that hang,
/// the next is armed while the last still hangs: a store that never takes anything, and appends that wait for it for ever.
const IN_A_ROW_MAX: u32 = 3;

/// A call to the outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    JournalWrite,
    JournalRead,
    Put,
    Get,
    GetRange,
    Size,
    SyncFound,
    Delete,
    List,
    CatalogGet,
    CatalogWrite,
    CatalogScan,
}

/// What goes wrong there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trouble {
    /// The process is killed before anything of it is done.
    Kill,
    /// Nothing is done, and the answer is an error. Of a journal write, some of it may be there all the same.
    Error,
    /// There is no space.
    NoSpace,
    /// Some of it is written, or read.
    Short,
    /// Nothing is heard for [`HANG`]; then it goes on as if nothing had been.
    Hang,
    /// Done, and the answer is lost (reliability.md F34).
    AnswerLost,
    /// Done, and the answer comes after [`HANG`].
    LateAnswer,
    /// Not done, and nobody can tell.
    RequestLost,
    /// Nobody can tell, and it is done later: when whoever asked has asked again, or is gone.
    RequestLate,
    /// Not done, plainly: 503, 429.
    NotDone,
    /// S3's 409 (F35).
    Conflict,
    /// Other bytes than those that were written (F37).
    WrongBytes,
    /// As if it were not there (F38).
    Missing,
}

/// Whether a call is of a kind.
pub type Kind = fn(Point) -> bool;

#[derive(Debug)]
enum When {
    /// At the n-th point from the beginning.
    At(u64),
    /// At the next ones of this kind.
    Next(Kind, u32),
    /// At this share of all points of a kind.
    Share(Point, f64),
}

#[derive(Debug)]
struct State {
    passed: u64,
    armed: Vec<(When, Trouble)>,
    in_a_row: BTreeMap<Point, u32>,
    struck: Vec<(Point, Trouble)>,
    is_killed: bool,
    is_suspended: bool,
    /// When what hangs goes on, in order; what is over is forgotten when somebody asks.
    hangs_until: VecDeque<Instant>,
    random: StdRng,
}

#[derive(Debug)]
pub struct Points(Mutex<State>);

impl Points {
    pub fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self(Mutex::new(State {
            passed: 0,
            armed: Vec::new(),
            in_a_row: BTreeMap::new(),
            struck: Vec::new(),
            is_killed: false,
            is_suspended: false,
            hangs_until: VecDeque::new(),
            random,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while held")
    }

    /// What happens at this point, if anything does.
    pub fn pass(&self, point: Point) -> Option<Trouble> {
        let mut state = self.state();
        let State { passed, armed, in_a_row, struck, is_killed, is_suspended, hangs_until, random } = &mut *state;
        let at = *passed;
        *passed += 1;
        if *is_suspended {
            return None;
        }
        let before = in_a_row.remove(&point).unwrap_or_default();
        let hit = armed.iter_mut().position(|(when, _)| match when {
            When::At(n) => *n == at,
            When::Next(holds, left) => holds(point) && *left > 0 && before < IN_A_ROW_MAX,
            When::Share(of, share) => *of == point && random.random_bool(*share),
        })?;
        let (when, trouble) = &mut armed[hit];
        let trouble = *trouble;
        let is_over = match when {
            When::At(_) => true,
            When::Next(_, left) => {
                in_a_row.insert(point, before + 1);
                *left -= 1;
                *left == 0
            }
            When::Share(..) => false,
        };
        if is_over {
            armed.remove(hit);
        }
        struck.push((point, trouble));
        if matches!(trouble, Trouble::Hang | Trouble::LateAnswer) {
            hangs_until.push_back(Instant::now() + HANG);
        }
        *is_killed |= trouble == Trouble::Kill;
        Some(trouble)
    }

    /// How long the first of what hangs will go on doing so; `None` where nothing hangs.
    pub fn hangs_for(&self) -> Option<Duration> {
        let (mut state, now) = (self.state(), Instant::now());
        while state.hangs_until.front().is_some_and(|until| *until <= now) {
            state.hangs_until.pop_front();
        }
        state.hangs_until.front().map(|until| until.saturating_duration_since(now))
    }

    /// How many were passed since the beginning.
    pub fn passed(&self) -> u64 {
        self.state().passed
    }

    pub fn at(&self, nth: u64, trouble: Trouble) {
        self.state().armed.push((When::At(nth), trouble));
    }

    /// Something that was armed like this before and has not struck yet is put off: a queue of faults that grows faster than what is
    /// tried again after a pause is an outage without an end.
    pub fn next(&self, holds: Kind, times: u32, trouble: Trouble) {
        let mut state = self.state();
        state.armed.retain(|(when, _)| !matches!(when, When::Next(..)));
        state.armed.push((When::Next(holds, times), trouble));
    }

    pub fn share(&self, point: Point, share: f64, trouble: Trouble) {
        self.state().armed.push((When::Share(point, share), trouble));
    }

    /// Nothing goes wrong from here on.
    pub fn disarm(&self) {
        self.state().armed.clear();
    }

    /// Nothing goes wrong for a while.
    pub fn suspend(&self, is_suspended: bool) {
        self.state().is_suspended = is_suspended;
    }

    /// What was armed for the next point of a kind is not for the next process.
    pub fn forget_next(&self) {
        self.state().armed.retain(|(when, _)| !matches!(when, When::Next(..)));
    }

    pub fn take_struck(&self) -> Vec<(Point, Trouble)> {
        std::mem::take(&mut self.state().struck)
    }

    pub fn take_killed(&self) -> bool {
        std::mem::take(&mut self.state().is_killed)
    }
}
