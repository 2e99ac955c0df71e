//! Appends, reads, the tail: without sessions.

use bytes::Bytes;
use riverrun_protocol::batch::{Record, RecordView};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{Append, AppendConditions, Read, ReadParams, ReadStart, Request, StreamRef};
use riverrun_protocol::response::{AppendAck, ReadBatches, Response, TailReport};
use riverrun_protocol::types::{FencingToken, Position};

use super::{Stage, done, only};
use crate::forge;

/// What a read gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Got {
    pub records: Vec<RecordView>,
    pub tail: Option<Position>,
}

impl Got {
    /// Opens the batches, and holds them against what every answer promises: numbers that only rise, timestamps that never fall.
    pub fn of(batches: &ReadBatches) -> Self {
        let mut records: Vec<RecordView> = Vec::new();
        for batch in batches.batches().unwrap_or_else(|error| panic!("an unreadable batch: {error}")) {
            batch.verify_payload().unwrap_or_else(|error| panic!("a damaged batch: {error}"));
            records.extend(batch.records().map(|record| record.unwrap_or_else(|error| panic!("a record: {error}"))));
        }
        for pair in records.windows(2) {
            assert!(pair[0].seq_num < pair[1].seq_num, "numbers rise: {} before {}", pair[0].seq_num, pair[1].seq_num);
            assert!(pair[0].timestamp <= pair[1].timestamp, "B7: timestamps never fall: {pair:?}");
        }
        Self { records, tail: batches.tail }
    }

    pub fn seq_nums(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.seq_num).collect()
    }

    pub fn timestamps(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.timestamp).collect()
    }

    pub fn bodies(&self) -> Vec<&str> {
        self.records.iter().map(|record| std::str::from_utf8(&record.body).expect("rows write text")).collect()
    }
}

impl Stage<'_> {
    pub fn try_append_if(
        &mut self,
        target: &StreamRef,
        conditions: AppendConditions,
        records: &[Record],
    ) -> Result<AppendAck, ErrorFrame> {
        let id = self.send_append(target, conditions, records);
        only!(self.answer(id), Response::AppendAck)
    }

    pub fn send_append(&mut self, target: &StreamRef, conditions: AppendConditions, records: &[Record]) -> u64 {
        let batch = forge::encode(records);
        self.send(&Request::Append(Append { target: target.clone(), conditions, batch: &batch }))
    }

    pub fn try_append(&mut self, target: &StreamRef, records: &[Record]) -> Result<AppendAck, ErrorFrame> {
        self.try_append_if(target, AppendConditions::default(), records)
    }

    pub fn append(&mut self, target: &StreamRef, records: &[Record]) -> AppendAck {
        let before = records.len() as u64;
        let ack = done(self.try_append(target, records));
        assert_eq!(ack.end.seq_num - ack.start.seq_num, before, "B8: the ack counts the records");
        ack
    }

    /// These bodies, one batch.
    pub fn say(&mut self, target: &StreamRef, bodies: &[&str]) -> AppendAck {
        let records: Vec<Record> = bodies.iter().map(|body| body_of(body)).collect();
        self.append(target, &records)
    }

    /// These timestamps, one record each, one batch.
    pub fn stamp(&mut self, target: &StreamRef, timestamps: &[Option<u64>]) -> AppendAck {
        let records: Vec<Record> = timestamps.iter().map(|timestamp| at(*timestamp)).collect();
        self.append(target, &records)
    }

    pub fn try_read(&mut self, target: &StreamRef, params: ReadParams) -> Result<Got, ErrorFrame> {
        let outcome = self.call(&Request::Read(Read { target: target.clone(), params }));
        only!(outcome, Response::ReadBatches).map(|batches| Got::of(&batches))
    }

    pub fn read(&mut self, target: &StreamRef, params: ReadParams) -> Got {
        done(self.try_read(target, params))
    }

    /// From the first record that there is, one page.
    pub fn read_all(&mut self, target: &StreamRef) -> Got {
        self.read(target, from_seq(0))
    }

    pub fn try_tail(&mut self, target: &StreamRef) -> Result<TailReport, ErrorFrame> {
        only!(self.call(&Request::CheckTail(target.clone())), Response::Tail)
    }

    pub fn tail(&mut self, target: &StreamRef) -> Position {
        done(self.try_tail(target)).tail
    }

    /// Trims everything below `earliest`, and waits until reads do not find it any more (`s2-semantics.md` B5: trimming is
    /// eventual). Returns the trim record's ack.
    pub fn trim(&mut self, target: &StreamRef, earliest: u64) -> AppendAck {
        let ack = self.append(target, &[trim(earliest)]);
        let first = earliest.min(ack.end.seq_num);
        self.until("trimmed records are not read any more", |stage| {
            let found = stage.read_all(target).seq_nums();
            found.first().is_none_or(|found| *found >= first).then_some(())
        });
        ack
    }
}

pub fn body_of(body: &str) -> Record {
    Record::new(Bytes::copy_from_slice(body.as_bytes()))
}

pub fn at(timestamp: Option<u64>) -> Record {
    Record { timestamp, ..Record::new("r") }
}

/// A command record (`s2-semantics.md` B5).
pub fn command(word: &'static str, body: impl Into<Bytes>) -> Record {
    Record { headers: vec![(Bytes::new(), Bytes::from_static(word.as_bytes()))], ..Record::new(body) }
}

pub fn fence(token: &str) -> Record {
    command("fence", Bytes::copy_from_slice(token.as_bytes()))
}

pub fn trim(earliest: u64) -> Record {
    command("trim", Bytes::copy_from_slice(&earliest.to_be_bytes()))
}

pub fn fencing(text: &str) -> FencingToken {
    FencingToken::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn if_token(text: &str) -> AppendConditions {
    AppendConditions { match_seq_num: None, fencing_token: Some(fencing(text)) }
}

pub fn if_seq(seq_num: u64) -> AppendConditions {
    AppendConditions { match_seq_num: Some(seq_num), fencing_token: None }
}

pub fn from_seq(seq_num: u64) -> ReadParams {
    ReadParams::new(ReadStart::SeqNum(seq_num))
}

pub fn from_timestamp(timestamp: u64) -> ReadParams {
    ReadParams::new(ReadStart::Timestamp(timestamp))
}

pub fn from_tail(offset: u64) -> ReadParams {
    ReadParams::new(ReadStart::TailOffset(offset))
}
