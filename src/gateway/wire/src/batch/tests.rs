use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use riverrun_protocol::Request;
use riverrun_protocol::batch::check_ingest;
use riverrun_protocol::types::{BasinName, FencingToken, LocationName, StreamName};

use super::testing::{read_batch, read_batches};
use super::*;
use crate::headers::RecordFormat;
use crate::json;

fn message(records: Vec<Record>) -> String {
    let error = AppendInput { records, ..AppendInput::default() }.encode().unwrap_err();
    assert_eq!((error.status.as_u16(), error.code()), (422, Some("invalid")));
    serde_json::from_slice::<serde_json::Value>(&error.json()).unwrap()["message"].as_str().unwrap().to_owned()
}

fn with_headers(headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Record {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Record { headers, ..Record::new(body) }
}

#[test]
fn a5_limits_in_s2s_words() {
    assert_eq!(message(vec![]), "record batch must not be empty");
    assert_eq!(message(vec![Record::new(""); 1001]), "record batch must not exceed 1000 records");
    let half = Record::new(vec![0; 1 << 19]);
    assert_eq!(message(vec![half.clone(), half]), "record batch must not exceed a metered size of 1 MiB");
    assert_eq!(message(vec![Record::new(vec![0; (1 << 20) - 7])]), "record must have metered size less than 1 MiB");
    let largest = AppendInput { records: vec![Record::new(vec![0; (1 << 20) - 8])], ..AppendInput::default() };
    assert_eq!(largest.encode().unwrap().metered_bytes, 1 << 20);
}

#[test]
fn a3_and_b5_in_s2s_words() {
    assert_eq!(message(vec![with_headers(&[("", "a"), ("b", "")], b"")]), "invalid header: empty name");
    assert_eq!(message(vec![with_headers(&[("", "Fence")], b"")]), "unknown command");
    assert_eq!(message(vec![with_headers(&[("", "fence")], b"\xff")]), "invalid `fence` command: invalid UTF-8");
    let long = "invalid `fence` command: fencing token must not exceed 36 bytes in length";
    assert_eq!(message(vec![with_headers(&[("", "fence")], &[b'a'; 37])]), long);
    let trim = "invalid `trim` command: earliest sequence number to trim to was 3 bytes, must be 8";
    assert_eq!(message(vec![with_headers(&[("", "trim")], b"abc")]), trim);
}

#[test]
fn b1_the_broker_takes_what_is_encoded() {
    let body = br#"{"records":[{"body":"a","timestamp":5},{"headers":[["","fence"]],"body":"me"}],"match_seq_num":7,"fencing_token":"it"}"#;
    let input = json::append_input(&Bytes::from_static(body), RecordFormat::Raw).unwrap();
    let encoded = input.encode().unwrap();
    let facts = check_ingest(&encoded.batch).unwrap();
    assert_eq!((facts.record_count, facts.has_fences, facts.metered_bytes), (2, true, encoded.metered_bytes));
    let target = StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new("s").unwrap() };
    let conditions = AppendConditions { match_seq_num: Some(7), fencing_token: Some(FencingToken::new("it").unwrap()) };
    for request in [Request::Append(encoded.append(target)), Request::SessionAppend(encoded.session_append())] {
        let mut frame = BytesMut::new();
        request.write(1, &mut frame);
        let body = &frame[riverrun_protocol::limits::FRAME_HEADER_BYTES..];
        assert_eq!(Request::parse(request.kind() as u8, body), Ok(request.clone()));
        assert!(matches!(request, Request::Append(Append { conditions: sent, .. })
            | Request::SessionAppend(SessionAppend { conditions: sent, .. }) if sent == conditions));
    }
}

#[test]
fn a_read_batch_counts_what_it_holds() {
    let (two, one) = ([Record::new("ab"), Record::new("")], [Record::new("c")]);
    let batch = read_batch(&[(3, &two), (9, &one)]);
    assert_eq!((batch.record_count(), batch.metered_bytes(), batch.last_seq_num()), (3, 27, Some(9)));
    let tail = Position { seq_num: 1, timestamp: 2 };
    let heartbeat = ReadBatch::heartbeat(tail);
    assert_eq!((heartbeat.is_empty(), heartbeat.last_seq_num(), heartbeat.tail), (true, None, Some(tail)));
}

#[test]
fn nothing_damaged_is_passed_on() {
    let mut damaged = read_batches(&[(0, &[Record::new("body")])]);
    let mut bytes = damaged.parts[0].to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    damaged.parts = vec![bytes.into()];
    assert_eq!(ReadBatch::open(&damaged).unwrap_err().code(), Some("storage"));
    damaged.parts = vec![Bytes::from_static(b"no batch")];
    assert_eq!(ReadBatch::open(&damaged).unwrap_err().code(), Some("other"));
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn record() -> impl Strategy<Value = Record> {
    let name = proptest::collection::vec(any::<u8>(), 1..9).prop_map(Bytes::from);
    (proptest::collection::vec((name, bytes()), 0..4), bytes()).prop_map(|(headers, body)| Record {
        timestamp: None,
        headers,
        body,
    })
}

fn base64_record(record: &Record) -> serde_json::Value {
    let text = |bytes: &Bytes| STANDARD.encode(bytes);
    let headers: Vec<_> = record.headers.iter().map(|(name, value)| [text(name), text(value)]).collect();
    serde_json::json!({ "headers": headers, "body": text(&record.body) })
}

proptest! {
    /// In as JSON, encoded, stored, and out as JSON again: the same names, values and bodies, whatever bytes they are.
    #[test]
    fn h4_base64_survives_the_whole_way(records in proptest::collection::vec(record(), 1..6), first in 0..1_000_000u64) {
        let sent: Vec<_> = records.iter().map(base64_record).collect();
        let body = Bytes::from(serde_json::to_vec(&serde_json::json!({ "records": sent })).unwrap());
        let input = json::append_input(&body, RecordFormat::Base64).unwrap();
        prop_assert_eq!(&input.records, &records);
        let mut out = BytesMut::new();
        json::put_read_batch(&mut out, &read_batch(&[(first, &input.records)]), RecordFormat::Base64).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for ((read, record), number) in read["records"].as_array().unwrap().iter().zip(&records).zip(first..) {
            let expected = base64_record(record);
            prop_assert_eq!(read["seq_num"].as_u64(), Some(number));
            prop_assert_eq!(read.get("headers").cloned().unwrap_or(serde_json::json!([])), expected["headers"].clone());
            prop_assert_eq!(read.get("body").cloned().unwrap_or(serde_json::json!("")), expected["body"].clone());
        }
    }

    #[test]
    fn no_json_panics(body in r#"(\{|\}|\[|\]|,|:|"records"|"body"|"a\\n"|null|-1|1e9){0,15}"#) {
        let body = Bytes::from(body);
        for format in [RecordFormat::Raw, RecordFormat::Base64] {
            let _ = json::append_input(&body, format).map(AppendInput::encode);
        }
        let _ = json::issue_access_token(&body);
        let _ = json::create_basin(&body, None, &LocationName::new("local").unwrap());
    }
}
