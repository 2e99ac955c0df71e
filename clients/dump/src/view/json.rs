//! One JSON object per frame, schema version 1:
//!
//! ```json
//! {"v":1,"dir":"client","kind":"Ping","id":7,"fields":{"options":[],"nonce":5},"derived":{"frame_bytes":28}}
//! ```
//!
//! `kind`, `id` and `fields` are the frame: `encode` makes the same bytes of them. Where the fields could not say everything
//! (an unknown kind, a malformed body), `body` takes their place, in hexadecimal; bytes outside any frame are `raw`. `derived`
//! is what follows from the bytes or from watching them, and is ignored on the way back. `redacted` names what is missing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use serde_json::{Map, Value as Json, json};

use crate::capture::{self, Piece};
use crate::describe::Described;
use crate::encode;
use crate::field::{Field, Show, Value};
use crate::hextext;
use crate::judge::Batches;
use crate::view::{Options, Payload, Sighting, Time, value};

/// The `v` of every object.
pub const SCHEMA_VERSION: u64 = 1;

/// The object for one sighting.
pub fn object(sighting: &Sighting, options: &Options) -> Json {
    let mut object = Map::new();
    object.insert("v".into(), SCHEMA_VERSION.into());
    object.insert("dir".into(), sighting.direction.name().into());
    match (&sighting.described, &sighting.piece) {
        (Some(described), Piece::Frame { bytes, .. }) => frame(&mut object, described, bytes, options),
        _ => raw(&mut object, sighting, options),
    }
    object.insert("derived".into(), derived(sighting, options).into());
    object.into()
}

fn frame(object: &mut Map<String, Json>, described: &Described, bytes: &Bytes, options: &Options) {
    object.insert("kind".into(), described.kind_name().into());
    object.insert("id".into(), described.header.id.into());
    // What cannot be turned back into the same bytes is not what the frame says: its bytes are then given instead.
    let fields = fields(&described.fields, &Options { show_secrets: true, payload: Some(Payload::Text), ..*options });
    let is_lossless =
        encode::body(described.header.kind, &fields).is_ok_and(|body| body == bytes[FRAME_HEADER_BYTES..]);
    let mut redacted = Vec::new();
    if is_lossless {
        object.insert("fields".into(), shown(&described.fields, options, &mut redacted).into());
    } else if described.may_hide_secrets() && !options.show_secrets {
        object.insert("body".into(), redaction(bytes.len() - FRAME_HEADER_BYTES));
        redacted.push("body");
    } else {
        object.insert("body".into(), hextext::digits(&bytes[FRAME_HEADER_BYTES..]).into());
    }
    if !redacted.is_empty() {
        redacted.dedup();
        object.insert("redacted".into(), redacted.into());
    }
}

/// Bytes that nobody understands may hold what nobody should see: clients send tokens, servers answer with new ones.
fn raw(object: &mut Map<String, Json>, sighting: &Sighting, options: &Options) {
    let bytes = capture::bytes_of(&sighting.piece);
    if options.show_secrets || bytes.is_empty() {
        object.insert("raw".into(), hextext::digits(bytes).into());
    } else {
        object.insert("raw".into(), redaction(bytes.len()));
        object.insert("redacted".into(), json!(["raw"]));
    }
}

fn redaction(bytes: usize) -> Json {
    json!({ "redacted_bytes": bytes })
}

/// Fields without redaction.
fn fields(all: &[Field], options: &Options) -> Map<String, Json> {
    shown(all, options, &mut Vec::new())
}

fn shown(all: &[Field], options: &Options, redacted: &mut Vec<&'static str>) -> Map<String, Json> {
    all.iter().map(|field| (field.name.to_owned(), one(field, options, redacted))).collect()
}

fn one(field: &Field, options: &Options, redacted: &mut Vec<&'static str>) -> Json {
    match &field.value {
        Value::Number { value, show: Show::Named(name_of) } => {
            name_of(*value).map_or_else(|| Json::from(*value), Json::from)
        }
        Value::Number { value, show: Show::Switch } => {
            value::switch(*value).map_or_else(|| Json::from(*value), Json::from)
        }
        Value::Number { value, .. } => (*value).into(),
        Value::Bits { value, names } => value::bits(*value, names).into(),
        Value::Text(bytes) => text(bytes),
        Value::Bytes(bytes) | Value::Undecoded { bytes, .. } => hextext::digits(bytes).into(),
        Value::Group(fields) => shown(fields, options, redacted).into(),
        Value::List(entries) => entries.iter().map(|entry| one(entry, options, redacted)).collect(),
        Value::Secret(bytes) | Value::Payload(bytes) if is_hidden(&field.value, options) => {
            redacted.push(field.name);
            redaction(bytes.len())
        }
        Value::Secret(bytes) | Value::Payload(bytes) => text(bytes),
    }
}

fn is_hidden(value: &Value, options: &Options) -> bool {
    match value {
        Value::Secret(bytes) => !bytes.is_empty() && !options.show_secrets,
        Value::Payload(_) => options.payload == Some(Payload::Size),
        _ => false,
    }
}

fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

fn derived(sighting: &Sighting, options: &Options) -> Map<String, Json> {
    let mut derived = Map::new();
    let mut put = |name: &str, value: Option<Json>| {
        value.map(|value| derived.insert(name.to_owned(), value));
    };
    let has_time = options.time != Time::None;
    let time = sighting.when.filter(|_| has_time);
    let latency = sighting.latency.filter(|_| has_time);
    put("connection", sighting.connection.map(Json::from));
    put("time", time.map(|when| humantime::format_rfc3339_micros(when).to_string().into()));
    match &sighting.piece {
        Piece::Frame { offset, bytes } => {
            put("offset", Some((*offset).into()));
            put("frame_bytes", Some(bytes.len().into()));
        }
        Piece::Bad { offset, reason } => {
            put("offset", Some((*offset).into()));
            put("error", Some(reason.clone().into()));
        }
        Piece::Rubbish { offset, .. } => put("offset", Some((*offset).into())),
        Piece::Missed { offset, bytes } => {
            put("offset", Some((*offset).into()));
            put("missed_bytes", Some((*bytes).into()));
        }
    }
    put("latency_us", latency.map(|latency| (latency.as_micros() as u64).into()));
    if let Some(described) = &sighting.described {
        put("batches", described.judged.batches.as_ref().map(batches));
        put("error", described.judged.error.as_ref().map(|error| error.to_string().into()));
        put("undecoded", described.undecoded().map(Json::from));
    }
    derived
}

fn batches(batches: &Batches) -> Json {
    let mut object = json!({
        "count": batches.count,
        "records": batches.records,
        "payload_bytes": batches.payload_bytes,
        "metered_bytes": batches.metered_bytes,
    });
    if let Some((first, end)) = batches.seq_nums {
        object["first_seq_num"] = first.into();
        object["end_seq_num"] = end.into();
    }
    object
}
