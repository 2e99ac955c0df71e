//! Batches as people type them: `"records": [{"body": "hi", "headers": [["name", "value"]], "timestamp": 5}]`, so that
//! nobody has to compute a checksum by hand.

use bytes::{Bytes, BytesMut};
use riverrun_protocol::Record;
use serde_json::Value;

use crate::walk::{Meaning, Stop, bytes};

/// One batch as a producer would send it.
pub fn encode(records: &Value) -> Result<BytesMut, Stop> {
    let records = records.as_array().ok_or_else(|| Stop("must be a list".into()))?;
    let records = records.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    riverrun_protocol::batch::encode(&records).map_err(|why| Stop(why.to_string()))
}

fn record(given: &Value) -> Result<Record, Stop> {
    if let Value::String(body) = given {
        return Ok(Record::new(body.clone().into_bytes()));
    }
    let object = given.as_object().ok_or_else(|| Stop("a record is an object or a text".into()))?;
    if let Some(key) = object.keys().find(|key| !["body", "headers", "timestamp"].contains(&key.as_str())) {
        return Err(Stop(format!("a record has no `{key}`; there are: body, headers, timestamp")));
    }
    let body = object.get("body").map(|body| bytes("body", Meaning::Payload, body)).transpose()?;
    let headers = object.get("headers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let timestamp = object.get("timestamp").filter(|timestamp| !timestamp.is_null()).map(timestamp).transpose()?;
    Ok(Record {
        timestamp,
        headers: headers.iter().map(header).collect::<Result<_, _>>()?,
        body: body.unwrap_or_default().into(),
    })
}

fn timestamp(given: &Value) -> Result<u64, Stop> {
    given.as_u64().ok_or_else(|| Stop(format!("`timestamp` must be milliseconds since 1970, not {given}")))
}

fn header(given: &Value) -> Result<(Bytes, Bytes), Stop> {
    match given.as_array().map(Vec::as_slice) {
        Some([name, value]) => {
            Ok((bytes("name", Meaning::Payload, name)?.into(), bytes("value", Meaning::Payload, value)?.into()))
        }
        _ => Err(Stop(format!("a header is [name, value], not {given}"))),
    }
}
