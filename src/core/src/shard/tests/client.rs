//! What a client says and hears.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::{
    AppendConditions, GrantCredit, OpenReadSession, Read, ReadParams, ReadStart, StreamRef,
};
use riverrun_protocol::types::{BasinName, FencingToken, StreamName};

use super::world::{BASIN, World};
use crate::buffer::aligned;
use crate::event::{AppendRights, BatchBytes, ConnectionId, ShardRequest};

/// A frame, as far as tests look at it. Numbers are sequence numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    Ack {
        start: u64,
        end: u64,
        tail: u64,
    },
    Opened {
        tail: u64,
    },
    Ended,
    Tail {
        seq_num: u64,
        timestamp: u64,
    },
    /// A push, or the answer to a single read.
    Records {
        first: Option<u64>,
        bodies: Vec<Bytes>,
        tail: Option<u64>,
    },
    Heartbeat {
        tail: u64,
    },
    Error {
        code: ErrorCode,
        outcome: Outcome,
        tail: Option<(u64, u64)>,
    },
    /// 412, with what it reveals.
    Fenced {
        token: String,
    },
    SeqNumMismatch {
        next: u64,
    },
    Closed,
}

impl Said {
    pub(super) fn ack(start: u64, end: u64) -> Self {
        Self::Ack { start, end, tail: end }
    }

    pub(super) fn refused(code: ErrorCode) -> Self {
        Self::Error { code, outcome: Outcome::NotDone, tail: None }
    }

    pub(super) fn fenced(token: &str) -> Self {
        Self::Fenced { token: token.to_owned() }
    }

    pub(super) fn unwritten(seq_num: u64, timestamp: u64) -> Self {
        Self::Error { code: ErrorCode::Unwritten, outcome: Outcome::NotDone, tail: Some((seq_num, timestamp)) }
    }

    pub(super) fn maybe_done(code: ErrorCode) -> Self {
        Self::Error { code, outcome: Outcome::MaybeDone, tail: None }
    }

    /// Records with these bodies, without a tail.
    pub(super) fn records(first: u64, bodies: &[&str]) -> Self {
        Self::Records { first: Some(first), bodies: bytes_of(bodies), tail: None }
    }

    /// Records with these bodies and the tail.
    pub(super) fn live(first: u64, bodies: &[&str], tail: u64) -> Self {
        Self::Records { first: Some(first), bodies: bytes_of(bodies), tail: Some(tail) }
    }

    pub(super) fn nothing() -> Self {
        Self::Records { first: None, bodies: Vec::new(), tail: None }
    }
}

fn bytes_of(bodies: &[&str]) -> Vec<Bytes> {
    bodies.iter().map(|body| Bytes::copy_from_slice(body.as_bytes())).collect()
}

pub(super) fn connection(serial: u64) -> ConnectionId {
    ConnectionId::new(3, serial)
}

pub(super) fn target(stream: &str) -> StreamRef {
    StreamRef { basin: BasinName::new(BASIN).unwrap(), stream: StreamName::new(stream).unwrap() }
}

pub(super) fn batch(bodies: &[&str]) -> BytesMut {
    let records: Vec<Record> = bodies.iter().map(|body| Record::new(body.as_bytes().to_vec())).collect();
    encode(&records).unwrap()
}

/// A command record: its word and payload.
pub(super) fn command(word: &'static str, payload: &[u8]) -> Record {
    Record { headers: vec![(Bytes::new(), word.into())], ..Record::new(payload.to_vec()) }
}

pub(super) fn fence(token: &str) -> Record {
    command("fence", token.as_bytes())
}

pub(super) fn trim(earliest: u64) -> Record {
    command("trim", &earliest.to_be_bytes())
}

pub(super) fn data(body: &str) -> Record {
    Record::new(body.as_bytes().to_vec())
}

pub(super) fn batch_of(records: &[Record]) -> BytesMut {
    encode(records).unwrap()
}

/// What an append asks for; `None`: nothing.
pub(super) fn conditions(fencing_token: Option<&str>, match_seq_num: Option<u64>) -> AppendConditions {
    let fencing_token = fencing_token.map(|token| FencingToken::new(token).unwrap());
    AppendConditions { match_seq_num, fencing_token }
}

pub(super) fn append_request<'a>(stream: &str, batch: BatchBytes<'a>) -> ShardRequest<'a> {
    let conditions = AppendConditions::default();
    ShardRequest::Append { target: target(stream), conditions, rights: AppendRights::ALL, batch }
}

pub(super) fn input_request(batch: BatchBytes<'_>) -> ShardRequest<'_> {
    ShardRequest::SessionAppend { conditions: AppendConditions::default(), batch }
}

/// One record per timestamp, its body the timestamp's digits.
pub(super) fn batch_at(timestamps: &[u64]) -> BytesMut {
    let record = |t: &u64| Record { timestamp: Some(*t), ..Record::new(t.to_string().into_bytes()) };
    encode(&timestamps.iter().map(record).collect::<Vec<_>>()).unwrap()
}

/// A batch of one record with this many bytes of body.
pub(super) fn big_batch(bytes: usize) -> BytesMut {
    encode(&[Record::new(vec![b'x'; bytes])]).unwrap()
}

/// As a large frame is received: in a buffer of its own, the batch somewhere inside.
pub(super) fn received(batch: &[u8], before: usize) -> BatchBytes<'static> {
    let mut frame = aligned(before + batch.len());
    frame.extend_from_slice(&vec![0xee; before]);
    frame.extend_from_slice(batch);
    BatchBytes::Received { frame, batch: before..before + batch.len() }
}

pub(super) fn from(start: ReadStart) -> ReadParams {
    ReadParams { start, clamp: false, count: None, bytes: None, until: None, wait_secs: None }
}

pub(super) fn from_seq(seq_num: u64) -> ReadParams {
    from(ReadStart::SeqNum(seq_num))
}

pub(super) const MUCH: u64 = 64 << 20;

impl World {
    pub(super) fn append(&mut self, connection: ConnectionId, id: u64, stream: &str, batch: &[u8]) {
        self.request(connection, id, append_request(stream, BatchBytes::Borrowed(batch)));
    }

    pub(super) fn append_if(
        &mut self,
        connection: ConnectionId,
        id: u64,
        stream: &str,
        conditions: AppendConditions,
        batch: &[u8],
    ) {
        let (target, batch) = (target(stream), BatchBytes::Borrowed(batch));
        self.request(connection, id, ShardRequest::Append { target, conditions, rights: AppendRights::ALL, batch });
    }

    pub(super) fn input_if(&mut self, connection: ConnectionId, id: u64, conditions: AppendConditions, batch: &[u8]) {
        self.request(connection, id, ShardRequest::SessionAppend { conditions, batch: BatchBytes::Borrowed(batch) });
    }

    pub(super) fn open_append(&mut self, connection: ConnectionId, id: u64, stream: &str) {
        self.request(
            connection,
            id,
            ShardRequest::OpenAppendSession { target: target(stream), rights: AppendRights::ALL },
        );
    }

    pub(super) fn input(&mut self, connection: ConnectionId, id: u64, batch: &[u8]) {
        self.request(connection, id, input_request(BatchBytes::Borrowed(batch)));
    }

    pub(super) fn close_append(&mut self, connection: ConnectionId, id: u64) {
        self.request(connection, id, ShardRequest::CloseAppendSession);
    }

    pub(super) fn check_tail(&mut self, connection: ConnectionId, id: u64, stream: &str) {
        self.request(connection, id, ShardRequest::CheckTail(target(stream)));
    }

    pub(super) fn read(&mut self, connection: ConnectionId, id: u64, stream: &str, params: ReadParams) {
        self.request(connection, id, ShardRequest::Read(Read { target: target(stream), params }));
    }

    pub(super) fn open_read(
        &mut self,
        connection: ConnectionId,
        id: u64,
        stream: &str,
        params: ReadParams,
        credit_bytes: u64,
    ) {
        let open = OpenReadSession { target: target(stream), params, credit_bytes, takes_pages: self.takes_pages };
        self.request(connection, id, ShardRequest::OpenReadSession(open));
    }

    pub(super) fn grant(&mut self, connection: ConnectionId, id: u64, bytes: u64) {
        self.request(connection, id, ShardRequest::GrantCredit(GrantCredit { bytes }));
    }

    pub(super) fn close_read(&mut self, connection: ConnectionId, id: u64) {
        self.request(connection, id, ShardRequest::CloseReadSession);
    }

    /// Everything the connection heard since the last look, of this request or session.
    pub(super) fn heard(&mut self, connection: ConnectionId, id: u64) -> Vec<Said> {
        let mut others = Vec::new();
        let mut own = Vec::new();
        for (of, said) in self.take_said(connection) {
            if of == id { own.push(said) } else { others.push((of, said)) }
        }
        self.put_back(connection, others);
        own
    }

    /// Appends these bodies from a connection of their own, one batch each, stable unless something is held.
    pub(super) fn fill(&mut self, stream: &str, bodies: &[&str]) {
        let filler = connection(999);
        for (id, body) in (1_000..).zip(bodies) {
            self.append(filler, id, stream, &batch(&[body]));
        }
        self.take_said(filler);
    }
}
