//! A correct stream and clients that talk to it at once, driven turn by turn from a script. What they saw is a history
//! that has to pass.

use std::collections::BTreeMap;

use riverrun_history::{Append, History, Op, OpId, Outcome, record_hash, stream_hash};

/// One turn of one client: it calls, its request takes effect, or it gets its answer.
#[derive(Debug, Clone)]
pub struct Turn {
    pub client: u64,
    /// What it calls, if it is idle.
    pub ask: Ask,
    pub fate: Fate,
    /// Whether a request that is late arrives before this turn.
    pub late_arrives: bool,
}

#[derive(Debug, Clone)]
pub enum Ask {
    /// `at_tail`: under the tail that the client heard of last. Tokens are numbers; 0 is the empty one.
    Append {
        records: usize,
        at_tail: bool,
        under: Option<u8>,
        fence: Option<u8>,
    },
    Read,
    CheckTail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// The request gets lost; the client hears that it failed, perhaps.
    RequestLost,
    /// The answer gets lost.
    AnswerLost,
    /// The client hears that it failed, perhaps; the request arrives later.
    Late,
    /// Refused before anything was looked at.
    Refused,
    /// Takes effect; nothing ever comes back.
    Silent,
}

#[derive(Debug, Clone)]
pub struct Script {
    pub turns: Vec<Turn>,
    /// Whether all open operations are brought to an end, and a read with its records follows.
    pub last_read: bool,
}

#[derive(Default)]
struct World {
    history: History,
    records: Vec<u64>,
    token: String,
    made: u64,
    clients: BTreeMap<u64, Client>,
    late: Vec<Append>,
}

#[derive(Default)]
struct Client {
    heard_tail: u64,
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    Called(OpId, Fate),
    Done(OpId, Option<Outcome>),
    /// Waits for an answer that will not come.
    Stuck,
}

pub fn play(script: &Script) -> History {
    let mut world = World::default();
    script.turns.iter().for_each(|turn| world.turn(turn));
    if script.last_read {
        world.end();
    }
    world.history
}

impl World {
    fn turn(&mut self, turn: &Turn) {
        if turn.late_arrives && !self.late.is_empty() {
            let late = self.late.remove(0);
            self.append(&late);
        }
        let mut client = self.clients.remove(&turn.client).unwrap_or_default();
        client.stage = match std::mem::take(&mut client.stage) {
            Stage::Idle => Stage::Called(self.call(turn, client.heard_tail), turn.fate),
            stage => self.go_on(stage, &mut client.heard_tail),
        };
        self.clients.insert(turn.client, client);
    }

    fn go_on(&mut self, stage: Stage, heard_tail: &mut u64) -> Stage {
        match stage {
            Stage::Called(id, fate) => Stage::Done(id, self.take_effect(id, fate)),
            Stage::Done(id, Some(outcome)) => {
                *heard_tail = tail_of(&outcome).unwrap_or(*heard_tail);
                self.history.returned(id, outcome);
                Stage::Idle
            }
            Stage::Done(_, None) | Stage::Stuck => Stage::Stuck,
            Stage::Idle => Stage::Idle,
        }
    }

    fn end(&mut self) {
        for (_, mut client) in std::mem::take(&mut self.clients) {
            while !matches!(client.stage, Stage::Idle | Stage::Stuck) {
                client.stage = self.go_on(client.stage, &mut client.heard_tail);
            }
        }
        let read = self.history.call(u64::MAX, Op::Read);
        self.history.returned(read, Outcome::ReadRecords { record_hashes: self.records.clone() });
    }

    fn call(&mut self, turn: &Turn, heard_tail: u64) -> OpId {
        let op = match turn.ask {
            Ask::Read => Op::Read,
            Ask::CheckTail => Op::CheckTail,
            Ask::Append { records, at_tail, under, fence } => Op::Append(Append {
                record_hashes: self.make_records(records, fence),
                match_seq_num: at_tail.then_some(heard_tail),
                fencing_token: under.map(token),
                set_fencing_token: fence.map(token),
            }),
        };
        self.history.call(turn.client, op)
    }

    /// A fence command's record is its token, the same each time; other records are new ones.
    fn make_records(&mut self, records: usize, fence: Option<u8>) -> Vec<u64> {
        if let Some(fence) = fence {
            return vec![record_hash(token(fence).as_bytes())];
        }
        self.made += records as u64;
        (self.made - records as u64..self.made).map(|record| record_hash(&record.to_le_bytes())).collect()
    }

    fn take_effect(&mut self, id: OpId, fate: Fate) -> Option<Outcome> {
        match self.history.operation(id).expect("called").op.clone() {
            Op::Append(append) => self.answer_append(append, fate),
            _ if fate == Fate::Silent => None,
            Op::Read if fate != Fate::Answered => Some(Outcome::ReadFailure),
            Op::Read => Some(Outcome::ReadSuccess { tail: self.tail(), stream_hash: stream_hash(&self.records) }),
            Op::CheckTail if fate != Fate::Answered => Some(Outcome::CheckTailFailure),
            Op::CheckTail => Some(Outcome::CheckTailSuccess { tail: self.tail() }),
        }
    }

    fn answer_append(&mut self, append: Append, fate: Fate) -> Option<Outcome> {
        match fate {
            Fate::Refused => return Some(Outcome::AppendDefiniteFailure),
            Fate::RequestLost => return Some(Outcome::AppendIndefiniteFailure),
            Fate::Late => {
                self.late.push(append);
                return Some(Outcome::AppendIndefiniteFailure);
            }
            Fate::Answered | Fate::AnswerLost | Fate::Silent => {}
        }
        let outcome = self.append(&append);
        match fate {
            Fate::Silent => None,
            Fate::AnswerLost => Some(Outcome::AppendIndefiniteFailure),
            _ => Some(outcome),
        }
    }

    fn append(&mut self, append: &Append) -> Outcome {
        let token = append.fencing_token.as_ref().is_none_or(|token| *token == self.token);
        if !token || append.match_seq_num.is_some_and(|seq_num| seq_num != self.tail()) {
            return Outcome::AppendConditionFailed;
        }
        self.records.extend(&append.record_hashes);
        self.token = append.set_fencing_token.as_ref().unwrap_or(&self.token).clone();
        Outcome::AppendSuccess { tail: self.tail() }
    }

    fn tail(&self) -> u64 {
        self.records.len() as u64
    }
}

fn token(number: u8) -> String {
    "abc"[..number as usize].to_owned()
}

fn tail_of(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::AppendSuccess { tail } | Outcome::CheckTailSuccess { tail } | Outcome::ReadSuccess { tail, .. } => {
            Some(*tail)
        }
        _ => None,
    }
}
