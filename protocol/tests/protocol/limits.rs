//! `s2-semantics.md` A5, to the byte, on both sides: the encoder refuses what the server would.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Record, check_ingest, encode};
use riverrun_protocol::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};
use riverrun_protocol::{DecodeError, ErrorCode};

use crate::support::with_headers;

const MIB: usize = 1 << 20;

fn body(bytes: usize) -> Record {
    Record::new(Bytes::from(vec![b'x'; bytes]))
}

fn accepted(records: &[Record]) {
    let bytes = encode(records).unwrap();
    check_ingest(&bytes).unwrap();
    assert!(bytes.len() <= BATCH_BYTES_MAX, "{} bytes", bytes.len());
}

fn refused(records: &[Record], message: &str) {
    let error = encode(records).unwrap_err();
    assert_eq!((error.code, error.to_string().as_str()), (ErrorCode::Invalid, message));
}

/// A client that does not check: a batch of plain bodies with right sums, whatever the limits say.
fn unchecked(body_bytes: &[u32]) -> BytesMut {
    let mut batch = BytesMut::zeroed(128);
    batch[0] = 1;
    batch[4..8].copy_from_slice(&(body_bytes.len() as u32).to_le_bytes());
    for bytes in body_bytes {
        batch.extend_from_slice(&[0; 16]);
        batch.extend_from_slice(&bytes.to_le_bytes());
        batch.extend_from_slice(&[0; 4]);
    }
    let payload = vec![0; body_bytes.iter().sum::<u32>() as usize];
    batch[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    batch.extend_from_slice(&payload);
    crate::corpus::checks::repair_sent(&mut batch);
    batch
}

fn refused_at_ingest(body_bytes: &[u32], message: &str) {
    let error: DecodeError = check_ingest(&unchecked(body_bytes)).unwrap_err();
    assert_eq!((error.code, error.to_string().as_str()), (ErrorCode::Invalid, message));
}

#[test]
fn a_batch_has_1_to_1000_records() {
    accepted(&vec![body(0); 1]);
    accepted(&vec![body(0); BATCH_RECORDS_MAX]);
    refused(&[], "record batch must not be empty");
    refused(&vec![body(0); BATCH_RECORDS_MAX + 1], "record batch must not exceed 1000 records");
    check_ingest(&unchecked(&[0; 1000])).unwrap();
    refused_at_ingest(&[], "record batch must not be empty");
    refused_at_ingest(&[0; 1001], "record batch must not exceed 1000 records");
}

#[test]
fn a_record_has_at_most_1_mib() {
    accepted(&[body(MIB - 8)]);
    refused(&[body(MIB - 7)], "record must have metered size less than 1 MiB");
    check_ingest(&unchecked(&[MIB as u32 - 8])).unwrap();
    refused_at_ingest(&[MIB as u32 - 7], "record must have metered size less than 1 MiB");
}

#[test]
fn a_batch_has_at_most_1_mib() {
    let half = MIB / 2 - 8;
    accepted(&[body(half), body(half)]);
    refused(&[body(half), body(half + 1)], "record batch must not exceed a metered size of 1 MiB");
    check_ingest(&unchecked(&[half as u32, half as u32])).unwrap();
    refused_at_ingest(&[half as u32, half as u32 + 1], "record batch must not exceed a metered size of 1 MiB");
}

/// The largest batch on the wire is made of headers whose lengths just need a second byte: 129 bytes of name and value
/// are metered as 131 and take 132.
#[test]
fn headers_with_long_lengths_stay_below_the_batch_limit() {
    let header = ("n", &*"v".repeat(128));
    let header_metered = 2 + 1 + 128;
    accepted(&[with_headers("", &vec![header; (MIB - 8) / header_metered])]);
    let per_record = (MIB / BATCH_RECORDS_MAX - 8) / header_metered;
    accepted(&vec![with_headers("", &vec![header; per_record]); BATCH_RECORDS_MAX]);
}

#[test]
fn headers_count_towards_the_limits() {
    let value = "v".repeat(MIB - 8 - 2 - 1);
    accepted(&[with_headers("", &[("n", &value)])]);
    refused(&[with_headers("b", &[("n", &value)])], "record must have metered size less than 1 MiB");
}

/// Sizes that together exceed 32 bits must not come out small.
#[test]
fn huge_claims_do_not_wrap() {
    let mut batch = unchecked(&[0, 0]);
    for entry in [128, 152] {
        batch[entry + 16..entry + 20].copy_from_slice(&(1u32 << 31).to_le_bytes());
    }
    crate::corpus::checks::repair_sent(&mut batch);
    assert_eq!(check_ingest(&batch).unwrap_err().code, ErrorCode::Invalid);
}
