//! Records as JSON has them, in base64 (`s2-semantics.md` H4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answers::{field, position};
use super::messages::{AppendInput, AppendRecord, Header, ReadBatch, SequencedRecord};

/// What is not there is absent.
pub fn input(input: &AppendInput) -> Value {
    let mut json = json!({"records": input.records.iter().map(record).collect::<Vec<_>>()});
    let match_seq_num = input.match_seq_num.map(|seq_num| ("match_seq_num", json!(seq_num)));
    let fencing_token = input.fencing_token.as_ref().map(|token| ("fencing_token", json!(token)));
    match_seq_num.into_iter().chain(fencing_token).for_each(|(name, value)| json[name] = value);
    json
}

fn record(record: &AppendRecord) -> Value {
    let headers = record.headers.iter().map(|header| json!([encoded(&header.name), encoded(&header.value)]));
    json!({
        "timestamp": record.timestamp,
        "headers": headers.collect::<Vec<_>>(),
        "body": encoded(&record.body),
    })
}

/// Of a single read, and of an event. What is null must not be there.
pub fn batch(json: &Value) -> ReadBatch {
    let records = field(json, "records").as_array().expect("H4: always a list");
    let tail = json.get("tail").map(|tail| position(tail).into());
    ReadBatch { records: records.iter().map(sequenced).collect(), tail }
}

/// Headers and body are left out where they are empty.
fn sequenced(json: &Value) -> SequencedRecord {
    let at = position(json);
    let headers = json.get("headers").map(|headers| headers.as_array().expect("a list"));
    assert!(headers.is_none_or(|headers| !headers.is_empty()), "H4: empty headers are left out");
    assert_ne!(json.get("body"), Some(&json!("")), "H4: an empty body is left out");
    SequencedRecord {
        seq_num: at.seq_num,
        timestamp: at.timestamp,
        headers: headers.into_iter().flatten().map(header).collect(),
        body: json.get("body").map(decoded).unwrap_or_default(),
    }
}

fn header(json: &Value) -> Header {
    let [name, value] = &json.as_array().expect("a list")[..] else { panic!("H4: a pair, not {json}") };
    Header { name: decoded(name), value: decoded(value) }
}

fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn decoded(json: &Value) -> Bytes {
    STANDARD.decode(json.as_str().expect("text")).expect("H4: base64").into()
}
