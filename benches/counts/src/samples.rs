//! Frames and batches of records of 1000 bytes, the same in every run.

use bytes::{Bytes, BytesMut};
use riverrun_core::buffer;
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::request::{AppendConditions, Request, SessionAppend, StreamRef};
use riverrun_protocol::types::{BasinName, StreamName};

pub const RECORD_BYTES: usize = 1000;
pub const WALL_MS: u64 = 1_771_390_606_000;

pub fn target(stream: &str) -> StreamRef {
    let basin = BasinName::new("count-basin").expect("a name");
    StreamRef { basin, stream: StreamName::new(stream).expect("a name") }
}

pub fn batch(records: usize) -> BytesMut {
    let record = |n: usize| Record::new(Bytes::from(vec![n as u8; RECORD_BYTES]));
    encode(&(0..records).map(record).collect::<Vec<_>>()).expect("within limits")
}

/// An input of an append session.
pub fn frame(records: usize) -> BytesMut {
    let batch = batch(records);
    let request = Request::SessionAppend(SessionAppend { conditions: AppendConditions::default(), batch: &batch });
    let mut frame = BytesMut::new();
    request.write(1, &mut frame);
    frame
}

/// As a large frame is received: in a buffer of its own that the journal can write.
pub fn aligned(bytes: &[u8]) -> BytesMut {
    let mut frame = buffer::aligned(bytes.len());
    frame.extend_from_slice(bytes);
    frame
}
