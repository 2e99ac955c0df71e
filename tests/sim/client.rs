//! Clients: what they want next, and what they make of what they hear.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand::rngs::StdRng;
use riverrun_core::event::ConnectionId;
use riverrun_history::{Append as Appended, Op, OpId, Outcome, record_hash};
use riverrun_protocol::batch::{Record, RecordView, encode};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome as ErrorOutcome};
use riverrun_protocol::request::{
    Append, AppendConditions, GrantCredit, OpenReadSession, Read, ReadParams, ReadStart, Request, SessionAppend,
};
use riverrun_protocol::response::{AppendAck, Push, ReadBatches, Response};
use riverrun_protocol::types::{FencingToken, Position};

use crate::wire::Heard;
use crate::world::{StreamFacts, target};

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
    /// An append session with several inputs on their way.
    Pipelining,
    /// Asks for the tail, and reads everything.
    Reading,
    /// A read session that follows.
    Following,
}

pub struct Connection {
    pub id: ConnectionId,
    /// Sent, and not arrived.
    pub to_server: BytesMut,
    /// Arrived, and not yet a whole frame.
    pub at_server: BytesMut,
    pub from_server: BytesMut,
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
    /// Of a read in parts: the next number.
    next: u64,
    /// Nothing follows it: the history gets every record.
    is_last: bool,
    is_tail: bool,
}

pub struct Client {
    pub index: usize,
    pub stream: usize,
    pub role: Role,
    pub connection: Option<Connection>,
    frames: u64,
    waiting: VecDeque<Waiting>,
    session: Option<u64>,
    known_tail: u64,
    token: FencingToken,
    /// Of a follower: what comes next, once something has come.
    next: Option<u64>,
    consumed_bytes: u64,
}

impl Client {
    pub fn new(index: usize, stream: usize, role: Role) -> Self {
        Self {
            index,
            stream,
            role,
            connection: None,
            frames: 0,
            waiting: VecDeque::new(),
            session: None,
            known_tail: 0,
            token: FencingToken::default(),
            next: None,
            consumed_bytes: 0,
        }
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn connect(&mut self, id: ConnectionId) {
        let [to_server, at_server, from_server] = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
        self.connection = Some(Connection { id, to_server, at_server, from_server });
    }

    /// Whatever was asked has no answer.
    pub fn disconnect(&mut self, facts: &mut StreamFacts) {
        self.connection = None;
        self.session = None;
        self.next = None;
        self.consumed_bytes = 0;
        for waiting in self.waiting.drain(..) {
            facts.history.returned(waiting.op, lost(&waiting));
        }
    }

    /// Asks for something, if it is its turn.
    pub fn act(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        match self.role {
            Role::Plain | Role::Matching | Role::Fencing if self.waiting.is_empty() => self.append(facts, random),
            Role::Pipelining => self.append_in_session(facts, random),
            Role::Reading if self.waiting.is_empty() => match random.random_bool(0.5) {
                true => self.check_tail(facts),
                false => self.read(facts, random),
            },
            Role::Following => self.follow(random),
            _ => {}
        }
    }

    fn send(&mut self, request: &Request<'_>) -> u64 {
        self.frames += 1;
        let frame = self.frames;
        self.connection.as_mut().expect("it is connected").send(frame, request);
        frame
    }

    fn append(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let mut conditions = AppendConditions::default();
        let mut sets_token = None;
        match self.role {
            Role::Matching => conditions.match_seq_num = Some(self.known_tail),
            Role::Fencing if random.random_bool(0.2) => {
                sets_token = Some(FencingToken::new(&format!("t{}", random.random_range(0..100_000))).expect("short"));
            }
            Role::Fencing => conditions.fencing_token = Some(self.token.clone()),
            _ => {}
        }
        let (ids, batch) = make_batch(facts, random, sets_token.as_ref());
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
        self.waiting.push_back(Waiting { frame, op, ids, sets_token, next: 0, is_last: false, is_tail: false });
    }

    fn append_in_session(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let session = match self.session {
            Some(session) => session,
            None => {
                let session = self.send(&Request::OpenAppendSession(target(self.stream)));
                *self.session.insert(session)
            }
        };
        if self.waiting.len() >= PIPELINE_MAX {
            return;
        }
        let (ids, batch) = make_batch(facts, random, None);
        let op = facts.history.call(self.index as u64, Appended::new(ids.clone()));
        let input = SessionAppend { conditions: AppendConditions::default(), batch: &batch };
        let connection = self.connection.as_mut().expect("it is connected");
        connection.send(session, &Request::SessionAppend(input));
        self.waiting.push_back(Waiting {
            frame: session,
            op,
            ids,
            sets_token: None,
            next: 0,
            is_last: false,
            is_tail: false,
        });
    }

    fn check_tail(&mut self, facts: &mut StreamFacts) {
        let op = facts.history.call(self.index as u64, Op::CheckTail);
        let frame = self.send(&Request::CheckTail(target(self.stream)));
        self.waiting.push_back(Waiting {
            frame,
            op,
            ids: Vec::new(),
            sets_token: None,
            next: 0,
            is_last: false,
            is_tail: true,
        });
    }

    /// Everything that nobody has read yet; now and then everything.
    fn read(&mut self, facts: &mut StreamFacts, random: &mut StdRng) {
        let known = facts.truth.known();
        let next = if random.random_bool(0.05) { 0 } else { known - known.min(random.random_range(0..50)) };
        let op = facts.history.call(self.index as u64, Op::Read);
        let frame = self.read_part(next);
        self.waiting.push_back(Waiting {
            frame,
            op,
            ids: Vec::new(),
            sets_token: None,
            next,
            is_last: false,
            is_tail: false,
        });
    }

    pub fn read_all(&mut self, facts: &mut StreamFacts) {
        let op = facts.history.call(self.index as u64, Op::Read);
        let frame = self.read_part(0);
        self.waiting.push_back(Waiting {
            frame,
            op,
            ids: Vec::new(),
            sets_token: None,
            next: 0,
            is_last: true,
            is_tail: false,
        });
    }

    fn read_part(&mut self, next: u64) -> u64 {
        let params = ReadParams::new(ReadStart::SeqNum(next));
        self.send(&Request::Read(Read { target: target(self.stream), params }))
    }

    fn follow(&mut self, random: &mut StdRng) {
        if let Some(session) = self.session {
            // A slow one lets it stand.
            if self.consumed_bytes > CREDIT_BYTES / 4 {
                let bytes = std::mem::take(&mut self.consumed_bytes);
                let connection = self.connection.as_mut().expect("it is connected");
                connection.send(session, &Request::GrantCredit(GrantCredit { bytes }));
            }
            return;
        }
        let start = match random.random_range(0..3) {
            0 => ReadStart::SeqNum(0),
            1 => ReadStart::TailOffset(random.random_range(0..20)),
            _ => ReadStart::TailOffset(0),
        };
        let open = OpenReadSession {
            target: target(self.stream),
            params: ReadParams { clamp: true, ..ReadParams::new(start) },
            credit_bytes: CREDIT_BYTES,
            takes_pages: false,
        };
        self.session = Some(self.send(&Request::OpenReadSession(open)));
        self.next = (start == ReadStart::SeqNum(0)).then_some(0);
    }

    pub fn hear(&mut self, id: u64, heard: Heard, facts: &mut StreamFacts) {
        match heard {
            Heard::Response(Response::AppendAck(ack)) => self.on_ack(&ack, facts),
            Heard::Response(Response::Tail(report)) => {
                let waiting = self.take(id);
                facts.history.returned(waiting.op, Outcome::CheckTailSuccess { tail: report.tail.seq_num });
            }
            Heard::Response(Response::ReadBatches(read)) => self.on_read(id, &read, facts),
            Heard::Response(Response::AppendSessionOpened(_) | Response::ReadSessionOpened(_)) => {}
            Heard::Response(Response::SessionEnded) => self.session = None,
            Heard::Push(Push::Records(read)) => self.on_records(&read, facts),
            Heard::Push(Push::Heartbeat { tail }) => self.on_heartbeat(tail),
            Heard::Error(error) => self.on_error(id, &error, facts),
            other => panic!("client {}: not expected: {other:?}", self.index),
        }
    }

    fn take(&mut self, frame: u64) -> Waiting {
        let at = self.waiting.iter().position(|waiting| waiting.frame == frame).expect("an answer to a question");
        self.waiting.remove(at).expect("it is there")
    }

    fn on_ack(&mut self, ack: &AppendAck, facts: &mut StreamFacts) {
        let waiting = self.waiting.pop_front().expect("an ack of something");
        let AppendAck { start, end, tail, .. } = ack;
        assert_eq!(end.seq_num - start.seq_num, waiting.ids.len() as u64, "an ack of all records and no other");
        assert!(tail.seq_num >= end.seq_num, "the tail is behind what is acknowledged");
        for (seq_num, id) in (start.seq_num..).zip(&waiting.ids) {
            facts.truth.acknowledged(seq_num, *id);
        }
        if let Some(token) = waiting.sets_token {
            self.token = token;
        }
        self.known_tail = self.known_tail.max(end.seq_num);
        facts.history.returned(waiting.op, Outcome::AppendSuccess { tail: end.seq_num });
    }

    fn on_read(&mut self, id: u64, read: &ReadBatches, facts: &mut StreamFacts) {
        let mut waiting = self.take(id);
        for record in records(read) {
            assert_eq!(record.seq_num, waiting.next, "a read without gap or repeat");
            facts.truth.seen(record.seq_num, seen(&record));
            waiting.next += 1;
        }
        match read.tail {
            Some(tail) if tail.seq_num == waiting.next => self.read_to(&waiting, facts),
            _ => {
                waiting.frame = self.read_part(waiting.next);
                self.waiting.push_back(waiting);
            }
        }
    }

    fn read_to(&mut self, waiting: &Waiting, facts: &mut StreamFacts) {
        self.known_tail = self.known_tail.max(waiting.next);
        let outcome = match waiting.is_last {
            true => Outcome::ReadRecords { record_hashes: facts.truth.ids_to(waiting.next) },
            false => Outcome::ReadSuccess { tail: waiting.next, stream_hash: facts.truth.hash_to(waiting.next) },
        };
        facts.history.returned(waiting.op, outcome);
    }

    fn on_records(&mut self, read: &ReadBatches, facts: &mut StreamFacts) {
        self.consumed_bytes += read.parts_bytes() as u64;
        for record in records(read) {
            let next = self.next.get_or_insert(record.seq_num);
            assert_eq!(record.seq_num, *next, "P5: a session without gap or repeat");
            *next += 1;
            facts.truth.seen(record.seq_num, seen(&record));
        }
        if let Some(tail) = read.tail {
            assert!(self.next.is_none_or(|next| next <= tail.seq_num), "records beyond the tail");
        }
    }

    fn on_heartbeat(&mut self, tail: Position) {
        assert!(self.next.is_none_or(|next| next == tail.seq_num), "C8: all below the tail was delivered before");
        self.next = Some(tail.seq_num);
    }

    fn on_error(&mut self, id: u64, error: &ErrorFrame, facts: &mut StreamFacts) {
        assert_ne!(error.code, ErrorCode::Corrupt, "P8: nothing was damaged");
        if let Some(seq_num) = error.seq_num {
            self.known_tail = seq_num;
        }
        if let Some(token) = &error.fencing_token {
            self.token = token.clone();
        }
        if let (ErrorCode::Unwritten, Some(tail)) = (error.code, error.tail)
            && let Some(at) = self.waiting.iter().position(|waiting| waiting.frame == id)
            && self.waiting[at].next == tail.seq_num
        {
            let waiting = self.take(id);
            return self.read_to(&waiting, facts);
        }
        if self.session == Some(id) {
            // Its last word: of what was sent behind the first that failed nothing is done, either.
            self.session = None;
            self.next = None;
            for (at, waiting) in self.waiting.drain(..).enumerate() {
                let outcome = if at == 0 { refused(&waiting, error) } else { lost(&waiting) };
                facts.history.returned(waiting.op, outcome);
            }
            return;
        }
        if self.waiting.iter().any(|waiting| waiting.frame == id) {
            let waiting = self.take(id);
            let outcome = refused(&waiting, error);
            facts.history.returned(waiting.op, outcome);
        }
    }
}

/// Without an answer. Only appends have records.
fn lost(waiting: &Waiting) -> Outcome {
    if waiting.ids.is_empty() { failed(waiting) } else { Outcome::AppendIndefiniteFailure }
}

/// Questions that change nothing.
fn failed(waiting: &Waiting) -> Outcome {
    if waiting.is_tail { Outcome::CheckTailFailure } else { Outcome::ReadFailure }
}

fn refused(waiting: &Waiting, error: &ErrorFrame) -> Outcome {
    if waiting.ids.is_empty() {
        return failed(waiting);
    }
    match (error.code, error.outcome) {
        (ErrorCode::SeqNumMismatch | ErrorCode::FencingTokenMismatch, _) => Outcome::AppendConditionFailed,
        (_, ErrorOutcome::NotDone) => Outcome::AppendDefiniteFailure,
        _ => Outcome::AppendIndefiniteFailure,
    }
}

fn records(read: &ReadBatches) -> Vec<RecordView> {
    let mut bytes: Bytes = read.parts.concat().into();
    let mut records = Vec::new();
    while let Some(batch) = riverrun_protocol::batch::Batch::split_first(&mut bytes).expect("whole batches") {
        batch.verify_payload().expect("P8: sound bytes");
        records.extend(batch.records().map(|record| record.expect("a sound record")));
    }
    records
}

fn seen(record: &RecordView) -> crate::truth::Seen {
    let id = match record.is_command() {
        true => command_id(&record.body),
        false => record_hash(&record.body),
    };
    crate::truth::Seen { id, timestamp: record.timestamp }
}

fn command_id(body: &[u8]) -> u64 {
    1 << 63 | u64::from(crc32c::crc32c(body))
}

/// Records with ids of their own; the one that sets a token comes first.
fn make_batch(facts: &mut StreamFacts, random: &mut StdRng, sets: Option<&FencingToken>) -> (Vec<u64>, BytesMut) {
    let mut records = Vec::new();
    let mut ids = Vec::new();
    if let Some(token) = sets {
        ids.push(command_id(token.as_str().as_bytes()));
        records.push(Record::fence(token));
    }
    for _ in 0..random.random_range(1..4) {
        facts.last_id += 1;
        let padding = match random.random_range(0..100) {
            0 => random.random_range(0..60_000),
            1..10 => random.random_range(0..3000),
            _ => random.random_range(0..40),
        };
        let mut body = facts.last_id.to_le_bytes().to_vec();
        body.resize(8 + padding, facts.last_id as u8);
        ids.push(record_hash(&body));
        records.push(Record::new(body));
    }
    (ids, encode(&records).expect("within limits"))
}
