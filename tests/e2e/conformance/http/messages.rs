//! S2's protobuf messages (`s2-semantics.md` H7), written down a second time: what the server's own code reads and writes is what is
//! tested.

use bytes::Bytes;
use prost::Message;
use riverrun_conformance::forge;
use riverrun_protocol::batch::{self, Record, Stamp};
use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::response::{Push, ReadBatches};
use riverrun_protocol::types::{Level, Position, StreamId};

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct StreamPosition {
    #[prost(uint64, tag = "1")]
    pub seq_num: u64,
    #[prost(uint64, tag = "2")]
    pub timestamp: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Header {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct AppendRecord {
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<Header>,
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct AppendInput {
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<AppendRecord>,
    #[prost(uint64, optional, tag = "2")]
    pub match_seq_num: Option<u64>,
    #[prost(string, optional, tag = "3")]
    pub fencing_token: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AppendAck {
    #[prost(message, optional, tag = "1")]
    start: Option<StreamPosition>,
    #[prost(message, optional, tag = "2")]
    end: Option<StreamPosition>,
    #[prost(message, optional, tag = "3")]
    pub tail: Option<StreamPosition>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct SequencedRecord {
    #[prost(uint64, tag = "1")]
    pub seq_num: u64,
    #[prost(uint64, tag = "2")]
    pub timestamp: u64,
    #[prost(message, repeated, tag = "3")]
    pub headers: Vec<Header>,
    #[prost(bytes = "bytes", tag = "4")]
    pub body: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReadBatch {
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<SequencedRecord>,
    #[prost(message, optional, tag = "2")]
    pub tail: Option<StreamPosition>,
}

impl From<StreamPosition> for Position {
    fn from(position: StreamPosition) -> Self {
        Self { seq_num: position.seq_num, timestamp: position.timestamp }
    }
}

impl From<Position> for StreamPosition {
    fn from(position: Position) -> Self {
        Self { seq_num: position.seq_num, timestamp: position.timestamp }
    }
}

impl AppendInput {
    /// Of a batch as rows send it, sound or not.
    pub fn new(conditions: &AppendConditions, batch: &[u8]) -> Self {
        let record = |record: Record| AppendRecord {
            timestamp: record.timestamp,
            headers: record.headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            body: record.body,
        };
        Self {
            records: forge::records(batch).into_iter().map(record).collect(),
            match_seq_num: conditions.match_seq_num,
            fencing_token: conditions.fencing_token.as_ref().map(ToString::to_string),
        }
    }
}

impl AppendAck {
    /// All three positions are always there.
    pub fn into_ack(self) -> riverrun_protocol::response::AppendAck {
        let position = |position: Option<StreamPosition>| position.expect("H7: all three are sent").into();
        let (start, end, tail) = (position(self.start), position(self.end), position(self.tail));
        riverrun_protocol::response::AppendAck { start, end, tail, level: Level::Memory, shard: 0 }
    }
}

impl ReadBatch {
    fn tail(&self) -> Option<Position> {
        self.tail.map(Position::from)
    }

    /// What it says in words of the binary protocol: a batch of nothing but a tail is a heartbeat (`s2-semantics.md` C8).
    pub fn into_push(self) -> Push {
        match self.tail().filter(|_| self.records.is_empty()) {
            Some(tail) => Push::Heartbeat { tail },
            None => Push::Records(self.into_batches()),
        }
    }

    /// `s2-semantics.md` A4.
    pub fn metered_bytes(&self) -> u64 {
        self.records.iter().map(|record| record.record().metered_bytes()).sum()
    }

    /// Batches as the binary protocol has them, one for each run of consecutive numbers.
    pub fn into_batches(self) -> ReadBatches {
        let runs = self.records.chunk_by(|one, next| one.seq_num.checked_add(1) == Some(next.seq_num));
        ReadBatches { tail: self.tail(), parts: runs.map(stamped).collect() }
    }
}

fn stamped(run: &[SequencedRecord]) -> Bytes {
    let records: Vec<Record> = run.iter().map(SequencedRecord::record).collect();
    let mut bytes = forge::encode(&records);
    let stamp =
        Stamp { stream_id: StreamId::default(), first_seq_num: run[0].seq_num, arrival_ms: 0, expires_at_ms: 0 };
    batch::stamp(&mut bytes, &stamp, |timestamp| timestamp.expect("each has one"));
    bytes.into()
}

impl SequencedRecord {
    fn record(&self) -> Record {
        let headers = self.headers.iter().map(|header| (header.name.clone(), header.value.clone()));
        Record { timestamp: Some(self.timestamp), headers: headers.collect(), body: self.body.clone() }
    }
}
