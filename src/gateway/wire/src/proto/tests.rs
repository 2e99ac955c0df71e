use bytes::BytesMut;
use proptest::prelude::*;
use riverrun_protocol::response;
use riverrun_protocol::types::{Level, Position};

use super::*;
use crate::batch::testing::read_batch;

fn ack(start: Position, end: Position, tail: Position) -> BytesMut {
    let mut out = BytesMut::new();
    put_append_ack(&mut out, &response::AppendAck { start, end, tail, level: Level::Journal, shard: 0 });
    out
}

#[test]
fn h7_an_ack_has_all_three_positions() {
    let zero = Position::default();
    assert_eq!(ack(zero, zero, zero)[..], *b"\x0a\0\x12\0\x1a\0");
    let at = |seq_num, timestamp| Position { seq_num, timestamp };
    let bytes = ack(at(0, 300), at(1, 300), at(u64::MAX, 0));
    let golden =
        b"\x0a\x03\x10\xac\x02\x12\x05\x08\x01\x10\xac\x02\x1a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(bytes[..], *golden);
    let position = |seq_num, timestamp| Some(StreamPosition { seq_num, timestamp });
    let expected = AppendAck { start: position(0, 300), end: position(1, 300), tail: position(u64::MAX, 0) };
    assert_eq!(AppendAck::decode(bytes.freeze()), Ok(expected));
}

fn written(batch: &batch::ReadBatch) -> Bytes {
    let mut out = BytesMut::from(&b"before"[..]);
    put_read_batch(&mut out, batch).unwrap();
    out.freeze().split_off(6)
}

#[test]
fn h7_a_read_batch() {
    let record = Record { headers: vec![("n".into(), "".into())], ..Record::new("b") };
    let mut batch = read_batch(&[(0, std::slice::from_ref(&record)), (300, std::slice::from_ref(&record))]);
    batch.tail = Some(Position::default());
    let golden = b"\x0a\x08\x1a\x03\x0a\x01n\x22\x01b\x0a\x0e\x08\xac\x02\x10\xac\x02\x1a\x03\x0a\x01n\x22\x01b\x12\0";
    assert_eq!(written(&batch)[..], *golden);
    assert_eq!(written(&batch::ReadBatch::default())[..], *b"");
    let tail = Position { seq_num: 1, timestamp: 0 };
    assert_eq!(written(&batch::ReadBatch::heartbeat(tail))[..], *b"\x12\x02\x08\x01");
}

#[test]
fn h7_an_input_with_explicit_presence() {
    let input = append_input(Bytes::from_static(b"\x0a\x00\x10\x00\x1a\x00")).unwrap();
    let conditions = AppendConditions { match_seq_num: Some(0), fencing_token: Some(FencingToken::default()) };
    assert_eq!(input, batch::AppendInput { conditions, records: vec![Record::new("")] });
    let timed = append_input(Bytes::from_static(b"\x0a\x0c\x08\x00\x12\x05\x0a\x00\x12\x01v\x1a\x01b")).unwrap();
    let record = Record { timestamp: Some(0), headers: vec![("".into(), "v".into())], body: "b".into() };
    assert_eq!(timed, batch::AppendInput { conditions: AppendConditions::default(), records: vec![record] });
    assert_eq!(append_input(Bytes::new()), Ok(batch::AppendInput::default()));
}

#[test]
fn h5_what_is_no_message_is_bad_proto() {
    for bad in [
        &b"\x0a"[..],
        b"\x0a\x05a",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x1a\x01\xff",
        b"{}",
        b"\x0b\x0c",
    ] {
        assert_eq!(append_input(Bytes::copy_from_slice(bad)).unwrap_err().code(), Some("bad_proto"), "{bad:?}");
    }
}

#[test]
fn a2_a_long_token_is_invalid_and_not_bad_proto() {
    let message = AppendInput { fencing_token: Some("t".repeat(37)), ..AppendInput::default() };
    assert_eq!(append_input(message.encode_to_vec().into()).unwrap_err().code(), Some("invalid"));
}

#[test]
fn a5_what_would_grow_is_refused_before_it_does() {
    let records = Bytes::from(b"\x0a\x00".repeat(1 << 20));
    assert_eq!(append_input(records), Err(HttpError::invalid("record batch must not exceed 1000 records")));
    let headers = b"\x12\x00".repeat(1 << 19);
    let record = [&b"\x0a\x80\x80\x40"[..], &headers].concat();
    let refused = append_input(record.into());
    assert_eq!(refused, Err(HttpError::invalid("record batch must not exceed a metered size of 1 MiB")));
}

#[test]
fn contents_are_not_copied() {
    let body = Bytes::from_static(b"\x0a\x03\x1a\x01b");
    let input = append_input(body.clone()).unwrap();
    assert!(body.as_ptr_range().contains(&input.records[0].body.as_ptr()));
}

fn bytes(longest: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..longest).prop_map(Bytes::from)
}

fn record() -> impl Strategy<Value = Record> {
    let name = proptest::collection::vec(any::<u8>(), 1..9).prop_map(Bytes::from);
    let headers = proptest::collection::vec((name, bytes(200)), 0..4);
    (any::<Option<u64>>(), headers, bytes(300)).prop_map(|(timestamp, headers, body)| Record {
        timestamp,
        headers,
        body,
    })
}

proptest! {
    #[test]
    fn inputs_survive_the_way(
        records in proptest::collection::vec(record(), 0..5),
        match_seq_num: Option<u64>,
        token in proptest::option::of("[a-z]{0,36}"),
    ) {
        let fencing_token = token.map(|token| FencingToken::new(&token).unwrap());
        let input = batch::AppendInput { conditions: AppendConditions { match_seq_num, fencing_token }, records };
        let message = AppendInput::from(input.clone()).encode_to_vec();
        prop_assert_eq!(append_input(message.into()), Ok(input));
    }

    /// The writer agrees with the library's, byte for byte.
    #[test]
    fn read_batches_agree_with_the_messages(
        records in proptest::collection::vec(record(), 1..5),
        first in prop_oneof![0..3u64, any::<u32>().prop_map(u64::from), Just(u64::MAX - 10)],
        tail: Option<(u64, u64)>,
    ) {
        let mut batch = read_batch(&[(first, &records)]);
        batch.tail = tail.map(|(seq_num, timestamp)| Position { seq_num, timestamp });
        let sequenced = records.into_iter().zip(first..).map(|(record, number)| {
            let AppendRecord { headers, body, .. } = record.into();
            SequencedRecord { seq_num: number, timestamp: number, headers, body }
        });
        let tail = tail.map(|(seq_num, timestamp)| StreamPosition { seq_num, timestamp });
        let message = ReadBatch { records: sequenced.collect(), tail };
        prop_assert_eq!(written(&batch), message.encode_to_vec());
    }

    #[test]
    fn rubbish_never_panics(rubbish in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = append_input(rubbish.into());
    }
}
