//! Golden bytes: what was once sent is readable for ever. A changed file here is a changed protocol.
//!
//! A new kind's file is written by `GOLDEN_WRITE=1 cargo test -p riverrun-protocol golden`; a file that exists is never
//! written over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use riverrun_protocol::batch::{check_ingest, encode};
use riverrun_protocol::{Batch, ErrorFrame, FrameKind, Push, Request, Response};

use crate::samples;
use crate::support::{contents, error_bytes, push_bytes, request_bytes, response_bytes, whole_frame};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Sixteen bytes a line; `#` begins a comment.
fn to_hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ") + "\n";
    bytes.chunks(16).map(line).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.lines().map(|line| line.split('#').next().unwrap_or("")).collect();
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

/// The checked-in bytes of `name`, which must be what is written today.
fn golden(name: &str, written: &[u8]) -> Bytes {
    let path = folder().join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("GOLDEN_WRITE").is_some() {
        std::fs::write(&path, to_hex(written)).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = from_hex(&text);
    assert_eq!(to_hex(&bytes), to_hex(written), "{name}: the bytes that are written changed");
    bytes.into()
}

/// The kind and the body of the checked-in frame.
fn golden_frame(name: &str, written: &[u8]) -> (u8, Bytes) {
    let (header, body) = whole_frame(&golden(name, written));
    assert_eq!(header.id, samples::ID, "{name}");
    (header.kind, body)
}

#[test]
fn every_request() {
    let batch = samples::sent();
    for (name, request) in samples::requests(&batch) {
        let (kind, body) = golden_frame(&name, &request_bytes(&request, samples::ID));
        assert_eq!(Request::parse(kind, &body), Ok(request), "{name}");
    }
}

#[test]
fn every_response() {
    for (name, response) in samples::responses() {
        let (kind, body) = golden_frame(&name, &response_bytes(&response, samples::ID));
        assert_eq!(Response::parse(kind, body), Ok(response), "{name}");
    }
}

#[test]
fn every_push() {
    for (name, push) in samples::pushes() {
        let (kind, body) = golden_frame(&name, &push_bytes(&push, samples::ID));
        assert_eq!(Push::parse(kind, body), Ok(push), "{name}");
    }
}

#[test]
fn every_error() {
    for (name, error) in samples::errors() {
        let (_, body) = golden_frame(&name, &error_bytes(&error, samples::ID));
        assert_eq!(ErrorFrame::parse(&body), Ok(error), "{name}");
    }
}

#[test]
fn batch_as_sent() {
    let bytes = golden("batch-sent", &samples::sent());
    let ingested = check_ingest(&bytes).unwrap();
    assert_eq!((ingested.record_count, ingested.metered_bytes, ingested.has_commands), (3, 13 + 28 + 20, true));
    assert_eq!(encode(&samples::records()).unwrap(), bytes);
}

#[test]
fn batch_as_stamped() {
    let batch = Batch::parse(golden("batch-stamped", &samples::stamped())).unwrap();
    batch.verify_payload().unwrap();
    assert_eq!((batch.first_seq_num(), batch.end_seq_num()), (41, 44));
    let mut records = samples::records();
    records[0].timestamp = Some(5_000);
    records[2].timestamp = Some(5_000);
    assert_eq!(contents(&batch), records);
}

#[test]
fn slice_of_a_batch() {
    let slice = Batch::parse(golden("batch-slice", &samples::slice())).unwrap();
    slice.verify_payload().unwrap();
    assert_eq!((slice.first_seq_num(), slice.end_seq_num()), (42, 43));
    assert_eq!(contents(&slice), samples::records()[1..2]);
}

#[test]
fn every_kind_has_a_file_and_every_file_a_test() {
    let frames = samples::all_frames();
    let kinds: BTreeSet<u8> = frames.iter().map(|(_, frame)| frame[4]).collect();
    assert_eq!(kinds, FrameKind::ALL.iter().map(|kind| *kind as u8).collect());
    let mut expected: Vec<String> = frames.into_iter().map(|(name, _)| name + ".hex").collect();
    expected.extend(["batch-sent.hex", "batch-slice.hex", "batch-stamped.hex"].map(str::to_owned));
    expected.sort();
    let file_name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut found: Vec<String> = std::fs::read_dir(folder()).unwrap().map(file_name).collect();
    found.sort();
    assert_eq!(found, expected);
}
