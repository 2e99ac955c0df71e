//! The small language of these tests.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Batch, Record, Stamp, encode, stamp};
use riverrun_protocol::frame::{Cut, cut};
use riverrun_protocol::{DecodeError, ErrorFrame, FrameHeader, Push, Request, Response, StreamId};

pub fn request_bytes(request: &Request, id: u64) -> BytesMut {
    let mut out = BytesMut::new();
    request.write(id, &mut out);
    out
}

pub fn response_bytes(response: &Response, id: u64) -> BytesMut {
    let mut out = BytesMut::new();
    response.write(id, &mut out);
    out
}

pub fn push_bytes(push: &Push, id: u64) -> BytesMut {
    let mut out = BytesMut::new();
    push.write(id, &mut out);
    out
}

pub fn error_bytes(error: &ErrorFrame, id: u64) -> BytesMut {
    let mut out = BytesMut::new();
    error.write(id, &mut out);
    out
}

/// The one whole frame that `bytes` are.
pub fn whole_frame(bytes: &[u8]) -> (FrameHeader, Bytes) {
    match cut(bytes) {
        Ok(Cut::Complete { header, body, consumed }) if consumed == bytes.len() => {
            (header, Bytes::copy_from_slice(&bytes[body]))
        }
        other => panic!("not one frame: {other:?}"),
    }
}

pub fn records_of(bodies: &[&str]) -> Vec<Record> {
    bodies.iter().map(|body| Record::new(body.to_string())).collect()
}

pub fn with_headers(body: &str, headers: &[(&str, &str)]) -> Record {
    let owned = |text: &str| Bytes::from(text.to_owned());
    let headers = headers.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    Record { headers, ..Record::new(body.to_owned()) }
}

pub fn plain_stamp(first_seq_num: u64) -> Stamp {
    Stamp { stream_id: StreamId([0xab; 16]), first_seq_num, arrival_ms: 5_000, expires_at_ms: 9_000 }
}

/// Encoded and stamped with `plain_stamp`; records without a timestamp get the arrival's.
pub fn stamped_bytes(records: &[Record], first_seq_num: u64) -> BytesMut {
    let mut bytes = encode(records).expect("records within the limits");
    stamp(&mut bytes, &plain_stamp(first_seq_num), |sent| sent.unwrap_or(5_000));
    bytes
}

pub fn stamped(records: &[Record], first_seq_num: u64) -> Batch {
    Batch::parse(stamped_bytes(records, first_seq_num).freeze()).expect("a stamped batch")
}

pub fn slice_of(batch: &Batch, range: Range<u32>) -> Batch {
    Batch::parse(batch.slice(range).to_bytes()).expect("a slice is a batch")
}

/// The records of a stamped batch, as they were before they were sent, but with the timestamps they got.
pub fn contents(batch: &Batch) -> Vec<Record> {
    let record = |view: Result<riverrun_protocol::batch::RecordView, DecodeError>| {
        let view = view.expect("records of a checked batch");
        Record { timestamp: Some(view.timestamp), headers: view.headers, body: view.body }
    };
    batch.records().map(record).collect()
}
