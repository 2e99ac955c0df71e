//! `--format json` and `--format json-base64`: one object per record.
//!
//! In: `{"timestamp": 5, "headers": [["name", "value"]], "body": "..."}`, each field optional; others are ignored, so that
//! what `read` prints, `seq_num` included, can be appended again. Out: the same with `seq_num`; headers and body are left
//! out where they are empty.

use std::borrow::Cow;

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine};
use bytes::Bytes;
use riverrun_protocol::Record;
use riverrun_protocol::batch::RecordView;
use serde::{Deserialize, Serialize};

use super::LineError;

/// How bytes are spelled inside a JSON string.
pub(super) trait Spelling {
    fn encode(bytes: &[u8]) -> Cow<'_, str>;
    fn decode(text: String, field: &'static str) -> Result<Bytes, LineError>;
}

/// As they are; lossy when printing.
pub(super) struct Utf8;

/// Standard alphabet, padded.
pub(super) struct Base64;

impl Spelling for Utf8 {
    fn encode(bytes: &[u8]) -> Cow<'_, str> {
        String::from_utf8_lossy(bytes)
    }

    fn decode(text: String, _field: &'static str) -> Result<Bytes, LineError> {
        Ok(Bytes::from(text))
    }
}

impl Spelling for Base64 {
    fn encode(bytes: &[u8]) -> Cow<'_, str> {
        STANDARD.encode(bytes).into()
    }

    fn decode(text: String, field: &'static str) -> Result<Bytes, LineError> {
        let bytes = STANDARD.decode(&text).map_err(|e| LineError::Base64 { field, why: not_base64(&text, e) })?;
        Ok(Bytes::from(bytes))
    }
}

#[derive(Deserialize)]
struct Input {
    timestamp: Option<u64>,
    #[serde(default)]
    headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Serialize)]
struct Output<'a> {
    seq_num: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: Cow<'a, str>,
}

pub(super) fn parse<S: Spelling>(line: &[u8]) -> Result<Record, LineError> {
    if line.trim_ascii().is_empty() {
        return Err(LineError::Json("it is empty".to_owned()));
    }
    let input: Input = serde_json::from_slice(line).map_err(|e| LineError::Json(without_position(&e)))?;
    let headers = input
        .headers
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| Ok((S::decode(name, "name of a header")?, S::decode(value, "value of a header")?)));
    Ok(Record {
        timestamp: input.timestamp,
        headers: headers.collect::<Result<_, LineError>>()?,
        body: S::decode(input.body.unwrap_or_default(), "body")?,
    })
}

pub(super) fn render<S: Spelling>(record: &RecordView, out: &mut Vec<u8>) {
    let line = Output {
        seq_num: record.seq_num,
        timestamp: record.timestamp,
        headers: record.headers.iter().map(|(name, value)| (S::encode(name), S::encode(value))).collect(),
        body: S::encode(&record.body),
    };
    serde_json::to_writer(&mut *out, &line).expect("numbers and strings always serialize, and a Vec takes any bytes");
    out.push(b'\n');
}

/// The crate's own words name symbols by their codes.
fn not_base64(text: &str, error: DecodeError) -> String {
    // In front of the symbol at fault there are only those of base64, a byte each.
    let symbol = |at: usize| text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
    match error {
        DecodeError::InvalidByte(at, _) => format!("its character {} is {:?}", at + 1, symbol(at)),
        DecodeError::InvalidLastSymbol(at, _) => {
            format!("its character {} is {:?}, which cannot end it", at + 1, symbol(at))
        }
        DecodeError::InvalidLength(_) => "its length is no multiple of 4".to_owned(),
        DecodeError::InvalidPadding => "it is not padded with = to a multiple of 4".to_owned(),
    }
}

/// serde_json counts lines within what it was given, always 1 here; only the column helps.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.replacen(&format!("at line {} column", error.line()), "at column", 1)
}
