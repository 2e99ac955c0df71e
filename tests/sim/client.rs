//! Clients: what they want next.

mod hear;
mod records;

use std::collections::VecDeque;

use bytes::BytesMut;
use rand::RngExt;
use rand::rngs::StdRng;
use riverrun_core::event::ConnectionId;
use riverrun_history::{Append as Appended, Op, OpId};
use riverrun_protocol::request::{
    Append, AppendConditions, GrantCredit, OpenReadSession, Read, ReadParams, ReadStart, Request, SessionAppend,
};
use riverrun_protocol::types::{FencingToken, Position};

use crate::coverage::FOLLOWER_RESUMES;
use crate::world::{StreamFacts, target};
use hear::{lost, note_refusal};
use records::{Command, make_batch};

/// Inputs of one append session in flight.
const PIPELINE_MAX: usize = 4;
const CREDIT_BYTES: u64 = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// One append at a time, on no condition.
    Plain,
    /// Each only if nobody else appended since.
    Matching,
    /// Each only under the token that it knows; sometimes it takes the stream over.
    Fencing,
    /// Each takes away some of what is there.
    Trimming,
    /// An append session with several inputs on their way, some of them on the condition that they follow each other.
    Pipelining,
    /// Asks for the tail, and reads everything.
    Reading,
    /// A read session that follows, and goes on where the last one ended.
    Following,
    /// Reads everything, once, for the record.
    Last,
}

impl Role {
    pub const APPENDING: [Self; 5] = [Self::Plain, Self::Matching, Self::Fencing, Self::Trimming, Self::Pipelining];
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::Matching, Self::Fencing, Self::Trimming, Self::Pipelining, Self::Reading, Self::Following];
}

pub struct Connection {
    pub id: ConnectionId,
    /// Sent, and not arrived.
    pub to_server: BytesMut,
    /// Arrived, and not yet a whole frame.
    pub at_server: BytesMut,
    pub from_server: BytesMut,
    /// The highest tail that was heard on it.
    tail_heard: Position,
    /// Behind the last record that was acknowledged on it.
    acknowledged_to: u64,
}

impl Connection {
    fn send(&mut self, id: u64, request: &Request<'_>) {
        request.write(id, &mut self.to_server);
    }
}

/// What an answer is waited for.
#[derive(Debug)]
struct Waiting {
    frame: u64,
    op: OpId,
    ids: Vec<u64>,
    sets_token: Option<FencingToken>,
    /// The first record that its trim keeps.
    trims: Option<u64>,
    /// Of a read in parts: the next number.
    next: u64,
    /// Below it everything was removed when this was asked.
    removed_below: u64,
    /// The history gets every record.
    is_last: bool,
    is_tail: bool,
}

impl Waiting {
    fn new(frame: u64, op: OpId) -> Self {
        Self {
            frame,
            op,
            ids: Vec::new(),
            sets_token: None,
            trims: None,
            next: 0,
            removed_below: 0,
            is_last: false,
            is_tail: false,
        }
    }
}

/// Where a read session was asked to begin.
#[derive(Clone, Copy, Debug)]
enum Start {
    SeqNum(u64),
    TailOffset(u64),
}

impl Start {
    fn request(self) -> ReadStart {
        match self {
            Self::SeqNum(seq_num) => ReadStart::SeqNum(seq_num),
            Self::TailOffset(offset) => ReadStart::TailOffset(offset),
        }
    }

    /// The first number, at this tail.
    fn resolve(self, tail: u64) -> u64 {
        match self {
            Self::SeqNum(seq_num) => seq_num.min(tail),
            Self::TailOffset(offset) => tail.saturating_sub(offset),
        }
    }
}

pub struct Client {
    pub index: usize,
    pub stream: usize,
    pub role: Role,
    pub connection: Option<Connection>,
    /// Stored bytes come back wrong in this run, and it may be told so.
    pub damage_is_allowed: bool,
    frames: u64,
    waiting: VecDeque<Waiting>,
    session: Option<u64>,
    /// No input follows in this session.
    is_closing: bool,
    known_tail: u64,
    token: FencingToken,
    start_asked: Option<Start>,
    /// Somebody knew this tail when the session was asked for.
    told_before: u64,
    /// Below it everything was removed then.
    removed_before: u64,
    /// Of a follower whose session is open: what comes next.
    next: Option<u64>,
    /// Where its last session ended.
    resume: Option<u64>,
    consumed_bytes: u64,
    pub has_read_all: bool,
}

impl Client {
    pub fn new(index: usize, stream: usize, role: Role) -> Self {
        Self {
            index,
            stream,
            role,
            connection: None,
            damage_is_allowed: false,
            frames: 0,
            waiting: VecDeque::new(),
            session: None,
            is_closing: false,
            known_tail: 0,
            token: FencingToken::default(),
            start_asked: None,
            told_before: 0,
            removed_before: 0,
            next: None,
            resume: None,
            consumed_bytes: 0,
            has_read_all: false,
        }
    }

    /// There is another one of its name.
    pub fn forget_stream(&mut self) {
        let Self { index, stream, role, damage_is_allowed, frames, .. } = *self;
        let connection = self.connection.take();
        *self = Self { connection, damage_is_allowed, frames, ..Self::new(index, stream, role) };
    }

    /// For an answer, or for what its session brings once it is open.
    pub fn is_waiting(&self, facts: &StreamFacts) -> bool {
        let is_behind = match (self.role, self.session) {
            (Role::Following, Some(_)) => self.next.is_none_or(|next| next < facts.truth.tail_told_max()),
            (Role::Last, _) => !self.has_read_all,
            _ => false,
        };
        is_behind || !self.waiting.is_empty()
    }

    pub fn connect(&mut self, id: ConnectionId) {
        let [to_server, at_server, from_server] = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
        let tail_heard = Position { seq_num: 0, timestamp: 0 };
        self.connection = Some(Connection { id, to_server, at_server, from_server, tail_heard, acknowledged_to: 0 });
    }

    /// Whatever was asked has no answer.
    pub fn disconnect(&mut self, facts: &mut StreamFacts) {
        self.connection = None;
        self.session = None;
        self.is_closing = false;
        self.start_asked = None;
        self.resume = self.next.take().or(self.resume);
        self.consumed_bytes = 0;
        for waiting in self.waiting.drain(..) {
            let outcome = lost(&waiting);
            note_refusal(&outcome, facts);
            facts.history.returned(waiting.op, outcome);
        }
    }

    /// Asks for something, if it is its turn.
    pub fn act(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        match self.role {
            Role::Plain | Role::Matching | Role::Fencing | Role::Trimming if self.waiting.is_empty() => {
                self.append(facts, random);
            }
            Role::Pipelining => self.append_in_session(facts, random),
            Role::Reading if self.waiting.is_empty() => match random.random_bool(0.5) {
                true => self.check_tail(facts),
                false => self.read(facts, random),
            },
            Role::Following if self.session.is_some() => self.grant(CREDIT_BYTES / 4),
            Role::Following => self.follow(facts, random),
            Role::Last => self.act_in_peace(facts),
            _ => {}
        }
    }

    /// Asks for nothing new, and takes whatever comes.
    pub fn act_in_peace(&mut self, facts: &mut StreamFacts) {
        match self.role {
            Role::Following => self.grant(0),
            Role::Last if self.waiting.is_empty() && !self.has_read_all => self.read_all(facts),
            _ => {}
        }
    }

    fn send(&mut self, request: &Request<'_>) -> u64 {
        self.frames += 1;
        let frame = self.frames;
        self.send_in(frame, request);
        frame
    }

    fn send_in(&mut self, frame: u64, request: &Request<'_>) {
        self.connection.as_mut().expect("it is connected").send(frame, request);
    }

    fn append(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let mut conditions = AppendConditions::default();
        let mut sets_token = None;
        let mut trims = None;
        match self.role {
            Role::Matching => conditions.match_seq_num = Some(self.known_tail),
            Role::Fencing if random.random_bool(0.2) => {
                sets_token = Some(FencingToken::new(&format!("t{}", random.random_range(0..100_000))).expect("short"));
            }
            Role::Fencing => conditions.fencing_token = Some(self.token.clone()),
            Role::Trimming => trims = Some(random.random_range(0..=facts.truth.known())),
            _ => {}
        }
        trims.into_iter().for_each(|earliest| facts.truth.trim_asked(earliest));
        let command = match (&sets_token, trims) {
            (Some(token), _) => Command::SetToken(token),
            (None, Some(earliest)) => Command::Trim(earliest),
            (None, None) => Command::Nothing,
        };
        let (ids, batch) = make_batch(facts, random, &command);
        let op = facts.history.call(
            self.index as u64,
            Appended {
                record_hashes: ids.clone(),
                match_seq_num: conditions.match_seq_num,
                fencing_token: conditions.fencing_token.as_ref().map(|token| token.as_str().to_owned()),
                set_fencing_token: sets_token.as_ref().map(|token| token.as_str().to_owned()),
            },
        );
        let frame = self.send(&Request::Append(Append { target: target(self.stream), conditions, batch: &batch }));
        self.waiting.push_back(Waiting { ids, sets_token, trims, ..Waiting::new(frame, op) });
    }

    fn append_in_session(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        if self.is_closing || self.waiting.len() >= PIPELINE_MAX {
            return;
        }
        let session = match self.session {
            Some(session) => session,
            None => {
                let session = self.send(&Request::OpenAppendSession(target(self.stream)));
                *self.session.insert(session)
            }
        };
        if random.random_bool(0.02) {
            self.is_closing = true;
            return self.send_in(session, &Request::CloseAppendSession);
        }
        let (ids, batch) = make_batch(facts, random, &Command::Nothing);
        let on_its_way: usize = self.waiting.iter().map(|waiting| waiting.ids.len()).sum();
        let match_seq_num = random.random_bool(0.3).then_some(self.known_tail + on_its_way as u64);
        let appended = Appended { match_seq_num, ..Appended::new(ids.clone()) };
        let op = facts.history.call(self.index as u64, appended);
        let conditions = AppendConditions { match_seq_num, ..AppendConditions::default() };
        self.send_in(session, &Request::SessionAppend(SessionAppend { conditions, batch: &batch }));
        self.waiting.push_back(Waiting { ids, ..Waiting::new(session, op) });
    }

    fn check_tail(&mut self, facts: &mut StreamFacts) {
        let op = facts.history.call(self.index as u64, Op::CheckTail);
        let frame = self.send(&Request::CheckTail(target(self.stream)));
        self.waiting.push_back(Waiting { is_tail: true, ..Waiting::new(frame, op) });
    }

    /// Everything that nobody has read yet; now and then everything, or what was just below the last trim.
    fn read(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let known = facts.truth.known();
        let next = match random.random_range(0..20) {
            0 => 0,
            1..5 => facts.truth.trim_asked_last().saturating_sub(random.random_range(1..10)),
            _ => known - known.min(random.random_range(0..50)),
        };
        let op = facts.history.call(self.index as u64, Op::Read);
        let frame = self.read_part(next);
        let removed_below = facts.truth.removed_below();
        self.waiting.push_back(Waiting { next, removed_below, ..Waiting::new(frame, op) });
    }

    fn read_all(&mut self, facts: &mut StreamFacts) {
        let op = facts.history.call(self.index as u64, Op::Read);
        let frame = self.read_part(0);
        let removed_below = facts.truth.removed_below();
        self.waiting.push_back(Waiting { is_last: true, removed_below, ..Waiting::new(frame, op) });
    }

    fn read_part(&mut self, next: u64) -> u64 {
        let params = ReadParams::new(ReadStart::SeqNum(next));
        self.send(&Request::Read(Read { target: target(self.stream), params }))
    }

    /// A slow one lets it stand.
    fn grant(&mut self, above_bytes: u64) {
        if let (Some(session), Some(_)) = (self.session, &self.connection)
            && self.consumed_bytes > above_bytes
        {
            let bytes = std::mem::take(&mut self.consumed_bytes);
            self.send_in(session, &Request::GrantCredit(GrantCredit { bytes }));
        }
    }

    fn follow(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let start = match (random.random_range(0..4), self.resume) {
            (0, _) => Start::SeqNum(0),
            (1, _) => Start::TailOffset(random.random_range(0..20)),
            (_, Some(next)) => Start::SeqNum(next),
            (_, None) => Start::TailOffset(0),
        };
        let open = OpenReadSession {
            target: target(self.stream),
            params: ReadParams { clamp: true, ..ReadParams::new(start.request()) },
            credit_bytes: CREDIT_BYTES,
            takes_pages: random.random(),
        };
        if matches!((start, self.resume), (Start::SeqNum(from), Some(next)) if from == next) {
            facts.notes.push(FOLLOWER_RESUMES);
        }
        self.told_before = facts.truth.tail_told_max();
        self.removed_before = facts.truth.removed_below();
        self.start_asked = Some(start);
        self.session = Some(self.send(&Request::OpenReadSession(open)));
    }
}
