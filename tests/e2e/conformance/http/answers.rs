//! Answers that are no errors, with all that S2's clients insist on (`s2-semantics.md` E1, E3, F1, H2 to H4).

use std::time::UNIX_EPOCH;

use prost::Message;
use riverrun_protocol::response::{
    AccessTokenIssued, AccessTokenList, AppendAck, BasinInfo, BasinList, ProvisionResult, Provisioned, Response,
    StreamInfo, StreamList, TailReport,
};
use riverrun_protocol::types::{BasinName, Level, Position, StreamId, StreamName};
use serde_json::Value;

use super::{configs, messages, records, scopes};
use crate::http::client::Answer;

pub fn basin_created(answer: &Answer) -> Response {
    assert_eq!(answer.status, 201, "E3: POST creates");
    basin_provisioned(answer)
}

pub fn basin_ensured(answer: &Answer) -> Response {
    assert_eq!(answer.status == 201, result(answer) == ProvisionResult::Created, "E3: {}", answer.status);
    basin_provisioned(answer)
}

fn basin_provisioned(answer: &Answer) -> Response {
    Response::BasinProvisioned(Provisioned { info: basin_info(&json(answer)), result: result(answer) })
}

pub fn stream_created(answer: &Answer) -> Response {
    assert_eq!(answer.status, 201, "E3: POST creates");
    stream_provisioned(answer)
}

pub fn stream_ensured(answer: &Answer) -> Response {
    assert_eq!(answer.status == 201, result(answer) == ProvisionResult::Created, "E3: {}", answer.status);
    stream_provisioned(answer)
}

fn stream_provisioned(answer: &Answer) -> Response {
    Response::StreamProvisioned(Provisioned { info: stream_info(&json(answer)), result: result(answer) })
}

fn result(answer: &Answer) -> ProvisionResult {
    let results = [ProvisionResult::Created, ProvisionResult::Updated, ProvisionResult::Noop];
    let said = answer.header("s2-provision-result").expect("E3: a result that clients insist on");
    results.into_iter().find(|result| result.name() == said).unwrap_or_else(|| panic!("`{said}` is no result"))
}

pub fn basins(answer: &Answer) -> Response {
    let json = json(answer);
    let basins = list(&json, "basins").iter().map(basin_info).collect();
    Response::BasinList(BasinList { basins, has_more: flag(&json, "has_more") })
}

pub fn streams(answer: &Answer) -> Response {
    let json = json(answer);
    let streams = list(&json, "streams").iter().map(stream_info).collect();
    Response::StreamList(StreamList { streams, has_more: flag(&json, "has_more") })
}

pub fn basin_config(answer: &Answer) -> Response {
    Response::BasinConfig(configs::read_basin(&json(answer)))
}

pub fn stream_config(answer: &Answer) -> Response {
    Response::StreamConfig(configs::read_stream(&json(answer)))
}

pub fn deletion_begun(answer: &Answer) -> Response {
    assert_eq!((answer.status, answer.header("content-length"), answer.text()), (202, Some("0"), ""), "E3");
    Response::Done
}

pub fn token_issued(answer: &Answer) -> Response {
    assert_eq!(answer.status, 201, "F1");
    Response::AccessTokenIssued(AccessTokenIssued { secret: text(&json(answer), "access_token").to_owned() })
}

pub fn tokens(answer: &Answer) -> Response {
    let json = json(answer);
    let tokens = list(&json, "access_tokens").iter().map(scopes::read_info).collect();
    Response::AccessTokenList(AccessTokenList { tokens, has_more: flag(&json, "has_more") })
}

pub fn revoked(answer: &Answer) -> Response {
    assert_eq!((answer.status, answer.text()), (204, ""), "F1");
    Response::Done
}

pub fn tail(answer: &Answer) -> Response {
    let tail = position(field(&json(answer), "tail"));
    Response::Tail(TailReport { tail, level: Level::Memory, shard: 0 })
}

pub fn ack(answer: &Answer) -> Response {
    Response::AppendAck(message::<messages::AppendAck>(answer).into_ack())
}

pub fn json_ack(answer: &Answer) -> Response {
    let json = json(answer);
    let [start, end, tail] = ["start", "end", "tail"].map(|name| position(field(&json, name)));
    Response::AppendAck(AppendAck { start, end, tail, level: Level::Memory, shard: 0 })
}

pub fn json_batch(answer: &Answer) -> Response {
    Response::ReadBatches(records::batch(&json(answer)).into_batches())
}

pub fn batch(answer: &Answer) -> Response {
    Response::ReadBatches(message::<messages::ReadBatch>(answer).into_batches())
}

fn message<M: Message + Default>(answer: &Answer) -> M {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/protobuf")), "H4");
    M::decode(&answer.body[..]).unwrap_or_else(|error| panic!("no such message: {error}"))
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "H4");
    assert!(matches!(answer.status, 200 | 201), "H2: {}", answer.status);
    answer.value()
}

/// The state is derived from the deletion (`s2-semantics.md` E1).
fn basin_info(json: &Value) -> BasinInfo {
    let deleted_at_ms = time_ms(field(json, "deleted_at"));
    assert_eq!(text(json, "state"), if deleted_at_ms.is_some() { "deleting" } else { "active" });
    field(json, "location");
    BasinInfo {
        name: BasinName::new(text(json, "name")).expect("a name"),
        created_at_ms: time_ms(field(json, "created_at")).expect("a time"),
        deleted_at_ms,
    }
}

/// HTTP tells no ids.
fn stream_info(json: &Value) -> StreamInfo {
    assert_eq!(field(json, "cipher"), &Value::Null);
    StreamInfo {
        name: StreamName::new(text(json, "name")).expect("a name"),
        id: StreamId::default(),
        created_at_ms: time_ms(field(json, "created_at")).expect("a time"),
        deleted_at_ms: time_ms(field(json, "deleted_at")),
    }
}

pub fn position(json: &Value) -> Position {
    let number = |name: &str| field(json, name).as_u64().unwrap_or_else(|| panic!("`{name}` is a number in {json}"));
    Position { seq_num: number("seq_num"), timestamp: number("timestamp") }
}

/// Null or not, it is there.
pub fn field<'a>(json: &'a Value, name: &str) -> &'a Value {
    json.get(name).unwrap_or_else(|| panic!("no `{name}` in {json}"))
}

pub fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    field(json, name).as_str().unwrap_or_else(|| panic!("`{name}` is text in {json}"))
}

pub fn flag(json: &Value, name: &str) -> bool {
    field(json, name).as_bool().unwrap_or_else(|| panic!("`{name}` is true or false in {json}"))
}

fn list<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    field(json, name).as_array().unwrap_or_else(|| panic!("`{name}` is a list in {json}"))
}

/// RFC 3339, or null.
pub fn time_ms(json: &Value) -> Option<u64> {
    let text = json.as_str()?;
    let at = humantime::parse_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Some(at.duration_since(UNIX_EPOCH).expect("behind 1970").as_millis() as u64)
}
