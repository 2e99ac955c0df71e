//! What clients make of what they hear.

use riverrun_history::Outcome;
use riverrun_protocol::batch::RecordView;
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome as ErrorOutcome};
use riverrun_protocol::response::{AppendAck, ReadBatches, Response, SessionOpened};
use riverrun_protocol::response::{CompressedPage, Push};
use riverrun_protocol::types::{Level, Position};

use super::records::{open, records, records_of, seen};
use super::{Client, Role, Waiting};
use crate::coverage::{
    APPEND_PERHAPS, APPEND_REFUSED, APPEND_SESSION_FAILS, CONDITION_FAILS, PAGE_AS_STORED, READ_SESSION_FAILS,
    STREAM_BEGINS_ANEW, TRIM_BEHIND_CRASH, TRIM_SEEN,
};
use crate::wire::Heard;
use crate::world::{STANDARD_STREAM, StreamFacts};

impl Client {
    pub fn hear(&mut self, id: u64, heard: Heard, facts: &mut StreamFacts) {
        if is_of_a_session(&heard) {
            assert_eq!(self.session, Some(id), "client {}: of a session that is not open: {heard:?}", self.index);
        }
        match heard {
            Heard::Response(Response::AppendAck(ack)) => self.on_ack(id, &ack, facts),
            Heard::Response(Response::Tail(report)) => {
                let waiting = self.take(id);
                self.hear_tail(report.tail, facts);
                facts.history.returned(waiting.op, Outcome::CheckTailSuccess { tail: report.tail.seq_num });
            }
            Heard::Response(Response::ReadBatches(read)) => self.on_read(id, &read, facts),
            Heard::Response(Response::AppendSessionOpened(opened)) => self.hear_tail(opened.tail, facts),
            Heard::Response(Response::ReadSessionOpened(opened)) => self.on_read_session(&opened, facts),
            Heard::Response(Response::SessionEnded) => self.on_session_ended(id),
            Heard::Push(Push::Records(read)) => self.on_records(&read, facts),
            Heard::Push(Push::Page(page)) => self.on_page(&page, facts),
            Heard::Push(Push::Heartbeat { tail }) => self.on_heartbeat(tail, facts),
            Heard::Error(error) => self.on_error(id, &error, facts),
            other => panic!("client {}: not expected: {other:?}", self.index),
        }
    }

    /// What is said on one connection is said in order, so that no tail is below one before it. (A refused condition tells of the
    /// tail that it was checked against, when all below that is durable: later ones may have been told by then.)
    fn hear_tail(&mut self, tail: Position, facts: &mut StreamFacts) {
        facts.truth.tail_told(tail);
        let heard = &mut self.connection.as_mut().expect("it hears").tail_heard;
        let is_in_order = heard.seq_num <= tail.seq_num && heard.timestamp <= tail.timestamp;
        assert!(is_in_order, "P5: client {} heard of the tail {heard:?} before, and now of {tail:?}", self.index);
        *heard = tail;
    }

    /// Of one session, or one after the other.
    fn acknowledge_in_order(&mut self, ack: &AppendAck) {
        let before = &mut self.connection.as_mut().expect("it hears").acknowledged_to;
        let start = ack.start.seq_num;
        assert!(*before <= start, "P4: client {} asked for record {start} before one below {before}", self.index);
        *before = ack.end.seq_num;
    }

    fn take(&mut self, frame: u64) -> Waiting {
        let at = self.waiting.iter().position(|waiting| waiting.frame == frame).expect("an answer to a question");
        self.waiting.remove(at).expect("it is there")
    }

    /// The oldest input of the session is answered first; of single appends there is one at a time.
    fn on_ack(&mut self, id: u64, ack: &AppendAck, facts: &mut StreamFacts) {
        let waiting = self.waiting.pop_front().expect("an ack of something");
        assert_eq!(id, waiting.frame, "client {}: an ack under the id of what was asked", self.index);
        assert!(!waiting.ids.is_empty(), "client {}: an ack of an append", self.index);
        self.acknowledge_in_order(ack);
        let AppendAck { start, end, tail, level, .. } = *ack;
        assert_eq!(end.seq_num - start.seq_num, waiting.ids.len() as u64, "an ack of all records and no other");
        assert!(tail.seq_num >= end.seq_num, "the tail is behind what is acknowledged");
        let promised = if self.stream == STANDARD_STREAM { Level::Object } else { Level::Journal };
        assert_eq!(level, promised, "an ack of the stream's storage class");
        for (seq_num, id) in (start.seq_num..).zip(&waiting.ids) {
            facts.truth.acknowledged(seq_num, *id);
        }
        if facts.is_recreated && start.seq_num == 0 {
            facts.notes.push(STREAM_BEGINS_ANEW);
        }
        facts.truth.stamped(start.seq_num, start.timestamp);
        facts.truth.stamped(end.seq_num - 1, end.timestamp);
        self.hear_tail(tail, facts);
        if let Some(token) = waiting.sets_token {
            self.token = token;
        }
        if let Some(earliest) = waiting.trims {
            facts.truth.trim_acknowledged(earliest, start.seq_num);
        }
        self.known_tail = self.known_tail.max(end.seq_num);
        facts.history.returned(waiting.op, Outcome::AppendSuccess { tail: end.seq_num });
    }

    fn on_read(&mut self, id: u64, read: &ReadBatches, facts: &mut StreamFacts) {
        let mut waiting = self.take(id);
        for record in records(read) {
            let (wanted, got) = (waiting.next, record.seq_num);
            note_trim(wanted, got, facts);
            assert!(facts.truth.follows(wanted, got), "a read without gap or repeat: {got} instead of {wanted}");
            assert_removed(waiting.removed_below, got);
            facts.truth.seen(got, seen(&record));
            waiting.next = got + 1;
        }
        read.tail.into_iter().for_each(|tail| self.hear_tail(tail, facts));
        match read.tail {
            Some(tail) if tail.seq_num == waiting.next => self.read_to(&waiting, facts),
            _ => {
                waiting.frame = self.read_part(waiting.next);
                waiting.removed_below = facts.truth.removed_below();
                self.waiting.push_back(waiting);
            }
        }
    }

    fn read_to(&mut self, waiting: &Waiting, facts: &mut StreamFacts) {
        self.known_tail = self.known_tail.max(waiting.next);
        self.has_read_all |= waiting.is_last;
        let outcome = match waiting.is_last {
            true => Outcome::ReadRecords { record_hashes: facts.truth.ids_to(waiting.next) },
            false => Outcome::ReadSuccess { tail: waiting.next, stream_hash: facts.truth.hash_to(waiting.next) },
        };
        facts.history.returned(waiting.op, outcome);
    }

    /// The start that was asked for is found by the tail that is told here.
    fn on_read_session(&mut self, opened: &SessionOpened, facts: &mut StreamFacts) {
        let tail = opened.tail.seq_num;
        self.hear_tail(opened.tail, facts);
        assert!(self.told_before <= tail, "P7: the tail was {} already", self.told_before);
        let start = self.start_asked.take().expect("a session that was asked for");
        self.next = Some(start.resolve(tail));
    }

    fn on_session_ended(&mut self, id: u64) {
        assert!(
            self.waiting.iter().all(|waiting| waiting.frame != id),
            "an input of a session that ended has no answer"
        );
        self.forget_session();
    }

    /// Records as they are stored.
    fn on_page(&mut self, page: &CompressedPage, facts: &mut StreamFacts) {
        facts.notes.push(PAGE_AS_STORED);
        self.consumed_bytes += u64::from(page.raw_bytes);
        let records = records_of(open(page));
        assert_eq!(records.first().map(|record| record.seq_num), Some(page.first_seq_num), "the page's first record");
        assert_eq!(records.last().map(|record| record.seq_num + 1), Some(page.end_seq_num), "the page's last record");
        self.take_records(&records, facts);
    }

    fn take_records(&mut self, records: &[RecordView], facts: &mut StreamFacts) -> u64 {
        let mut next = self.next.expect("records behind the opening");
        for record in records {
            let got = record.seq_num;
            note_trim(next, got, facts);
            assert!(facts.truth.follows(next, got), "P5: a session without gap or repeat: {got} instead of {next}");
            assert_removed(self.removed_before, got);
            facts.truth.seen(got, seen(record));
            next = got + 1;
        }
        *self.next.insert(next)
    }

    fn on_records(&mut self, read: &ReadBatches, facts: &mut StreamFacts) {
        self.consumed_bytes += read.parts_bytes() as u64;
        let next = self.take_records(&records(read), facts);
        if let Some(tail) = read.tail {
            self.hear_tail(tail, facts);
            assert!(next <= tail.seq_num, "records beyond the tail");
        }
    }

    fn on_heartbeat(&mut self, tail: Position, facts: &mut StreamFacts) {
        let next = self.next.expect("a heartbeat behind the opening");
        assert!(facts.truth.follows(next, tail.seq_num), "C8: all below the tail was delivered before");
        self.hear_tail(tail, facts);
        self.next = Some(tail.seq_num);
    }

    fn on_error(&mut self, id: u64, error: &ErrorFrame, facts: &mut StreamFacts) {
        assert!(self.damage_is_allowed || error.code != ErrorCode::Corrupt, "P8: nothing was damaged: {error:?}");
        if let Some(seq_num) = error.seq_num {
            // It is told when everything below it is durable.
            facts.truth.tail_told(Position { seq_num, timestamp: 0 });
            self.known_tail = seq_num;
        }
        if let Some(token) = &error.fencing_token {
            self.token = token.clone();
        }
        if self.session == Some(id) {
            return self.on_session_failed(error, facts);
        }
        let at = self.waiting.iter().position(|waiting| waiting.frame == id);
        let at = at.unwrap_or_else(|| panic!("client {}: nothing was asked as {id}: {error:?}", self.index));
        if let (ErrorCode::Unwritten, Some(tail)) = (error.code, error.tail) {
            self.hear_tail(tail, facts);
            return self.on_unwritten(at, tail, facts);
        }
        let waiting = self.waiting.remove(at).expect("it is there");
        let outcome = refused(&waiting, error, error.outcome);
        if let Some(earliest) = waiting.trims.filter(|_| outcome == Outcome::AppendDefiniteFailure) {
            facts.truth.trim_refused(earliest);
        }
        note_refusal(&outcome, facts);
        facts.history.returned(waiting.op, outcome);
    }

    /// Nothing to read from there on: the tail is there, or everything below it was trimmed.
    fn on_unwritten(&mut self, at: usize, tail: Position, facts: &mut StreamFacts) {
        let mut waiting = self.waiting.remove(at).expect("it is there");
        assert!(facts.truth.follows(waiting.next, tail.seq_num), "P1: record {} was there before", waiting.next);
        waiting.next = tail.seq_num;
        self.read_to(&waiting, facts);
    }

    /// Its last word. It answers the oldest input, and its outcome tells what became of those behind (PROTOCOL.md, append session).
    fn on_session_failed(&mut self, error: &ErrorFrame, facts: &mut StreamFacts) {
        self.forget_session();
        facts.notes.push(if self.role == Role::Following { READ_SESSION_FAILS } else { APPEND_SESSION_FAILS });
        for (at, waiting) in self.waiting.drain(..).enumerate() {
            let outcome = match at {
                0 => refused(&waiting, error, error.outcome),
                _ => unconditionally(&waiting, error.outcome),
            };
            note_refusal(&outcome, facts);
            facts.history.returned(waiting.op, outcome);
        }
    }

    fn forget_session(&mut self) {
        self.session = None;
        self.next = None;
        self.is_closing = false;
        if self.role == Role::Following {
            self.consumed_bytes = 0;
        }
    }
}

pub(super) fn note_refusal(outcome: &Outcome, facts: &mut StreamFacts) {
    match outcome {
        Outcome::AppendConditionFailed => facts.notes.push(CONDITION_FAILS),
        Outcome::AppendIndefiniteFailure => facts.notes.push(APPEND_PERHAPS),
        Outcome::AppendDefiniteFailure => facts.notes.push(APPEND_REFUSED),
        _ => {}
    }
}

fn note_trim(wanted: u64, got: u64, facts: &mut StreamFacts) {
    if wanted < got {
        facts.notes.push(if wanted < facts.truth.removed_at_crash() { TRIM_BEHIND_CRASH } else { TRIM_SEEN });
    }
}

fn is_of_a_session(heard: &Heard) -> bool {
    use Response::{AppendSessionOpened, ReadSessionOpened, SessionEnded};
    match heard {
        Heard::Response(response) => {
            matches!(response, AppendSessionOpened(_) | ReadSessionOpened(_) | SessionEnded)
        }
        Heard::Push(_) => true,
        Heard::Error(_) => false,
    }
}

/// An acknowledged trim survives crashes, and so does one whose effect was seen.
fn assert_removed(below: u64, got: u64) {
    assert!(below <= got, "P11: record {got} is back; everything below {below} was removed when this was asked");
}

/// Without an answer. Only appends have records.
pub(super) fn lost(waiting: &Waiting) -> Outcome {
    unconditionally(waiting, ErrorOutcome::MaybeDone)
}

fn refused(waiting: &Waiting, error: &ErrorFrame, outcome: ErrorOutcome) -> Outcome {
    match error.code {
        ErrorCode::SeqNumMismatch | ErrorCode::FencingTokenMismatch => Outcome::AppendConditionFailed,
        _ => unconditionally(waiting, outcome),
    }
}

fn unconditionally(waiting: &Waiting, outcome: ErrorOutcome) -> Outcome {
    if waiting.ids.is_empty() {
        return if waiting.is_tail { Outcome::CheckTailFailure } else { Outcome::ReadFailure };
    }
    match outcome {
        ErrorOutcome::MaybeDone => Outcome::AppendIndefiniteFailure,
        ErrorOutcome::NotDone | ErrorOutcome::Terminal => Outcome::AppendDefiniteFailure,
    }
}
