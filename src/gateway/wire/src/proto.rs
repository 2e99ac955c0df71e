//! S2's protobuf messages (`s2-semantics.md` H7, package `s2.v1`).
//!
//! The messages are there for both directions; a server decodes appends with [`append_input`] and writes its answers with
//! [`put_append_ack`] and [`put_read_batch`], which take the broker's values as they are.

use bytes::Bytes;
use prost::Message;
use riverrun_protocol::batch::Record;
use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::types::FencingToken;

pub use write::{put_append_ack, put_read_batch};
pub(crate) use write::{put_record, put_tail, record_bytes, reserve};

use crate::batch;
use crate::error::HttpError;

mod shape;
mod write;

/// `s2-semantics.md` A6.
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

/// A timestamp of 0 is one that is there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AppendRecord {
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<Header>,
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
}

/// A number of 0 and an empty token are conditions that are there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AppendInput {
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<AppendRecord>,
    #[prost(uint64, optional, tag = "2")]
    pub match_seq_num: Option<u64>,
    #[prost(string, optional, tag = "3")]
    pub fencing_token: Option<String>,
}

/// All three are always sent, also where they are zero.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AppendAck {
    #[prost(message, optional, tag = "1")]
    pub start: Option<StreamPosition>,
    #[prost(message, optional, tag = "2")]
    pub end: Option<StreamPosition>,
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

/// A tail of zeros is one that is there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReadBatch {
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<SequencedRecord>,
    #[prost(message, optional, tag = "2")]
    pub tail: Option<StreamPosition>,
}

/// One append as a unary body; [`crate::s2s::append_input`] takes a session's. Names, values and bodies stay slices of `body`.
///
/// # Errors
/// `bad_proto` for what is no such message; `invalid` for a fencing token that is too long (`s2-semantics.md` A2) and for more records
/// or headers than a batch can have. The other limits are judged by [`batch::AppendInput::encode`].
pub fn append_input(body: Bytes) -> Result<batch::AppendInput, HttpError> {
    decode_append(body, HttpError::bad_proto)
}

/// `undecodable` makes the error for what is no message: its code depends on where the message came from.
pub(crate) fn decode_append(
    message: Bytes,
    undecodable: fn(String) -> HttpError,
) -> Result<batch::AppendInput, HttpError> {
    shape::check(&message, undecodable)?;
    let input = AppendInput::decode(message).map_err(|error| undecodable(error.to_string()))?;
    let token = input.fencing_token.map(|token| FencingToken::new(&token)).transpose();
    let fencing_token = token.map_err(|error| HttpError::invalid(error.to_string()))?;
    Ok(batch::AppendInput {
        conditions: AppendConditions { match_seq_num: input.match_seq_num, fencing_token },
        records: input.records.into_iter().map(Record::from).collect(),
    })
}

impl From<AppendRecord> for Record {
    fn from(record: AppendRecord) -> Self {
        let headers = record.headers.into_iter().map(|header| (header.name, header.value));
        Self { timestamp: record.timestamp, headers: headers.collect(), body: record.body }
    }
}

impl From<Record> for AppendRecord {
    fn from(record: Record) -> Self {
        let headers = record.headers.into_iter().map(|(name, value)| Header { name, value });
        Self { timestamp: record.timestamp, headers: headers.collect(), body: record.body }
    }
}

impl From<batch::AppendInput> for AppendInput {
    fn from(input: batch::AppendInput) -> Self {
        Self {
            records: input.records.into_iter().map(AppendRecord::from).collect(),
            match_seq_num: input.conditions.match_seq_num,
            fencing_token: input.conditions.fencing_token.map(|token| token.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
