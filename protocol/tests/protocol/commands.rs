//! Which records are commands (`s2-semantics.md` A3, B5), and that nobody is taken at their word about it.

use bytes::BytesMut;
use riverrun_protocol::batch::{Record, check_ingest, encode};
use riverrun_protocol::{DecodeError, ErrorCode};

use crate::corpus::checks::repair_sent;
use crate::support::with_headers;

const FLAGS: usize = 128 + 20;
const PAYLOAD: usize = 128 + 24;

fn message(error: &DecodeError) -> String {
    assert_eq!(error.code, ErrorCode::Invalid);
    error.to_string()
}

fn refused(record: Record) -> String {
    message(&encode(&[record]).unwrap_err())
}

/// The record as a client encodes it, changed by hand, its sums right again.
fn tampered(record: Record, change: impl FnOnce(&mut BytesMut)) -> DecodeError {
    let mut bytes = encode(&[record]).unwrap();
    change(&mut bytes);
    repair_sent(&mut bytes);
    check_ingest(&bytes).unwrap_err()
}

#[test]
fn one_nameless_header_makes_a_command() {
    for (word, body, is_command) in [("fence", "token", true), ("trim", "12345678", true)] {
        let bytes = encode(&[with_headers(body, &[("", word)])]).unwrap();
        assert_eq!(check_ingest(&bytes).unwrap().has_commands, is_command);
    }
    let named = encode(&[with_headers("token", &[("op", "fence")])]).unwrap();
    assert!(!check_ingest(&named).unwrap().has_commands);
}

#[test]
fn an_empty_name_among_several_is_invalid() {
    for headers in [&[("", "fence"), ("a", "b")], &[("a", "b"), ("", "fence")], &[("", ""), ("", "")]] {
        assert_eq!(refused(with_headers("", headers)), "invalid header: empty name");
    }
}

#[test]
fn malformed_commands_are_refused_by_the_encoder() {
    assert_eq!(refused(with_headers("", &[("", "fences")])), "unknown command");
    assert!(refused(with_headers(&"t".repeat(37), &[("", "fence")])).contains("36 bytes"));
    assert!(refused(with_headers("123456789", &[("", "trim")])).contains("was 9 bytes, must be 8"));
}

#[test]
fn malformed_commands_are_refused_at_ingest() {
    let error = tampered(with_headers("token", &[("", "fence")]), |bytes| bytes[PAYLOAD + 2] = b'F');
    assert_eq!(message(&error), "unknown command");
    let error = tampered(with_headers("token", &[("", "fence")]), |bytes| bytes[PAYLOAD + 7] = 0xff);
    assert_eq!(message(&error), "invalid `fence` command: invalid UTF-8");
}

#[test]
fn an_empty_name_among_several_is_refused_at_ingest() {
    let two = with_headers("", &[("a", "bc"), ("d", "e")]);
    // The first header's one byte of name becomes a third byte of value.
    let error = tampered(two, |bytes| bytes[PAYLOAD..PAYLOAD + 2].copy_from_slice(&[0, 3]));
    assert_eq!(message(&error), "invalid header: empty name");
}

#[test]
fn the_flag_is_not_trusted() {
    let flag = "a record's command flag contradicts its headers";
    let hidden = tampered(with_headers("token", &[("", "fence")]), |bytes| bytes[FLAGS] = 0);
    assert_eq!(message(&hidden), flag);
    let invented = tampered(with_headers("token", &[("a", "fence")]), |bytes| bytes[FLAGS] = 2);
    assert_eq!(message(&invented), flag);
    let without_headers = tampered(Record::new("token"), |bytes| bytes[FLAGS] = 2);
    assert_eq!(message(&without_headers), flag);
}

#[test]
fn the_count_of_extra_length_bytes_is_not_trusted() {
    let long = with_headers("", &[("a", &"b".repeat(200))]);
    // Claiming more than there are would be metered as less.
    let error = tampered(long, |bytes| bytes[128 + 22] = 2);
    assert_eq!(error.code, ErrorCode::BadFrame);
}

#[test]
fn a_varint_that_is_not_minimal_is_refused() {
    let record = with_headers("", &[("ab", "c")]);
    // Name length 2, value length 1 -> name length 1 in two bytes, value length 1: the same number of bytes in all.
    let error = tampered(record, |bytes| {
        bytes[PAYLOAD..PAYLOAD + 3].copy_from_slice(&[0x81, 0x00, 0x01]);
        bytes[128 + 22] = 1;
    });
    assert_eq!(error.code, ErrorCode::BadFrame);
    assert!(error.what.contains("minimal"), "{error}");
}

#[test]
fn headers_must_fill_their_bytes_exactly() {
    let record = with_headers("body", &[("name", "value")]);
    // One byte of the body becomes a byte of the headers that no header claims.
    let error = tampered(record, |bytes| {
        bytes[128 + 12] += 1;
        bytes[128 + 16] -= 1;
    });
    assert_eq!(error.code, ErrorCode::BadFrame);
}
