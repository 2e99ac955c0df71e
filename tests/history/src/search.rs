//! The search for an order: that of Wing and Gong, with the memory of Lowe.
//!
//! It places operations one after the other: one that was called before anything unplaced returned, and whose answer the
//! model gives in the state reached. Where none can follow, it takes back what it placed, and tries another.
//!
//! Most of it needs no trying. What is *determined* is placed at once, and never weighed against anything else:
//!
//! 1. An operation that sees the state and leaves it, if it can come next now. In any order that goes on from here with
//!    this operation later, it can be moved to the front: nothing else notices, and it sees what it has to see.
//! 2. Once there is none of those: an append with a known tail, if it can come next now. It begins at the present tail,
//!    every append makes the tail grow, so any other append before it would shut it out for ever.
//!
//! What remains to be tried are appends without an answer, of twins only the earliest. A history without any has no choice
//! in it, and is checked in one pass. After each choice the set of what is placed and the state are remembered: what follows depends on nothing
//! else, so a pair that was met before is not tried again.

use std::collections::HashSet;

use crate::bits::Bits;
use crate::entries::{BEGIN, Entries};
use crate::limits::Limits;
use crate::model::State;
use crate::plan::{Plan, Planned};

/// Number of an operation in `plan.required` or in `plan.optional`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    Required(usize),
    Optional(usize),
}

#[derive(Debug, Clone, Copy)]
struct Move {
    which: Which,
    before: State,
}

/// What the search ended with.
#[derive(Debug)]
pub(crate) enum Found {
    Order(Vec<Which>),
    /// There is none; the longest beginning of one.
    None(Longest),
    /// The limits were reached.
    GaveUp,
}

/// The longest beginning of an order that was found.
#[derive(Debug, Default)]
pub(crate) struct Longest {
    pub(crate) placed: Vec<Which>,
    required: usize,
    pub(crate) state: State,
    /// What could have come next, by its times.
    pub(crate) open: Vec<Which>,
}

/// The search over one plan.
#[derive(Debug)]
pub(crate) struct Search<'p> {
    plan: &'p Plan<'p>,
    limits: Limits,
    entries: Entries,
    state: State,
    moves: Vec<Move>,
    required_placed: usize,
    /// The sets of what is placed.
    required: Bits,
    optional: Bits,
    cache: HashSet<Box<[u64]>>,
    key: Vec<u64>,
    steps: usize,
    longest: Option<Longest>,
}

impl<'p> Search<'p> {
    pub(crate) fn new(plan: &'p Plan<'p>, limits: Limits) -> Self {
        Search {
            plan,
            limits,
            entries: Entries::new(plan.required.iter().map(|planned| (planned.called_at, planned.returned_at))),
            state: State::default(),
            moves: Vec::new(),
            required_placed: 0,
            required: Bits::new(plan.required.len()),
            optional: Bits::new(plan.optional.len()),
            cache: HashSet::new(),
            key: Vec::new(),
            steps: 0,
            longest: None,
        }
    }

    pub(crate) fn run(mut self) -> Found {
        loop {
            self.place_determined();
            if self.entries.is_empty() {
                return Found::Order(self.placed());
            }
            let mut choice = self.choose(usize::MAX);
            while choice.is_none() {
                let Some(last) = self.take_back() else { return Found::None(self.longest.unwrap_or_default()) };
                choice = self.choose(last);
            }
            if self.steps > self.limits.steps_max || self.cache.len() > self.limits.cache_entries_max {
                return Found::GaveUp;
            }
        }
    }

    fn place_determined(&mut self) {
        while let Some((op, after)) = self.determined_append() {
            self.place(Which::Required(op), after);
        }
    }

    /// Places all that sees the present state, and finds the append that has to follow.
    fn determined_append(&mut self) -> Option<(usize, State)> {
        let (mut found, mut node) = (None, BEGIN);
        while let Some((op, next)) = self.entries.call_behind(node) {
            match self.plan.judge(&self.plan.required[op].step, &self.state) {
                Ok(after) if after == self.state => self.place(Which::Required(op), after),
                Ok(after) => (found, node) = (Some((op, after)), next),
                Err(_) => node = next,
            }
        }
        found
    }

    /// Places the last of the optional appends before `below` that can come next and leads to something new. The last,
    /// because what takes effect without an answer mostly does so soon after its call.
    fn choose(&mut self, below: usize) -> Option<()> {
        for op in (0..self.called().min(below)).rev() {
            let Planned { step, twin, .. } = &self.plan.optional[op];
            let in_turn = !self.optional.contains(op) && twin.is_none_or(|twin| self.optional.contains(twin));
            if in_turn
                && let Ok(after) = self.plan.judge(step, &self.state)
                && self.is_new(op, &after)
            {
                self.place(Which::Optional(op), after);
                return Some(());
            }
        }
        None
    }

    /// How many of the optional appends can come next, by their times.
    fn called(&self) -> usize {
        let reach = self.entries.first_return_at();
        self.plan.optional.partition_point(|planned| planned.called_at < reach)
    }

    /// Has this set, together with this state, not been met before?
    fn is_new(&mut self, op: usize, after: &State) -> bool {
        self.steps += 1;
        self.key.clear();
        self.optional.insert(op);
        self.required.write(&mut self.key);
        self.optional.write(&mut self.key);
        self.optional.remove(op);
        self.key.extend([after.tail, after.stream_hash, u64::from(after.fencing_token.0)]);
        !self.cache.contains(&self.key[..]) && self.cache.insert(self.key.as_slice().into())
    }

    fn place(&mut self, which: Which, after: State) {
        self.steps += 1;
        self.moves.push(Move { which, before: self.state });
        self.state = after;
        match which {
            Which::Required(op) => {
                self.entries.lift(op);
                self.required.insert(op);
                self.required_placed += 1;
            }
            Which::Optional(op) => self.optional.insert(op),
        }
    }

    /// Takes back the last choice and all that followed from it; which one it was.
    fn take_back(&mut self) -> Option<usize> {
        self.note_longest();
        while let Some(Move { which, before }) = self.moves.pop() {
            self.state = before;
            match which {
                Which::Required(op) => {
                    self.entries.drop_back(op);
                    self.required.remove(op);
                    self.required_placed -= 1;
                }
                Which::Optional(op) => {
                    self.optional.remove(op);
                    return Some(op);
                }
            }
        }
        None
    }

    /// Only what has to be placed counts: appends without an answer that lead nowhere would make any beginning longer. At
    /// the end they are cut off.
    fn note_longest(&mut self) {
        let required = self.required_placed;
        if self.longest.as_ref().is_some_and(|longest| longest.required >= required) {
            return;
        }
        let last = self.moves.iter().rposition(|placed| matches!(placed.which, Which::Required(_)));
        let (needed, rest) = self.moves.split_at(last.map_or(0, |last| last + 1));
        let state = rest.first().map_or(self.state, |first| first.before);
        let placed = needed.iter().map(|placed| placed.which).collect();
        let mut open = self.open();
        open.extend(rest.iter().map(|placed| placed.which));
        self.longest = Some(Longest { placed, required, state, open });
    }

    fn placed(&self) -> Vec<Which> {
        self.moves.iter().map(|placed| placed.which).collect()
    }

    fn open(&self) -> Vec<Which> {
        let (mut open, mut node) = (Vec::new(), BEGIN);
        while let Some((op, next)) = self.entries.call_behind(node) {
            open.push(Which::Required(op));
            node = next;
        }
        open.extend((0..self.called()).filter(|op| !self.optional.contains(*op)).map(Which::Optional));
        open
    }
}

impl Which {
    pub(crate) fn of<'p>(self, plan: &'p Plan<'p>) -> &'p Planned<'p> {
        match self {
            Which::Required(op) => &plan.required[op],
            Which::Optional(op) => &plan.optional[op],
        }
    }
}
