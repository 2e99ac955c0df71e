//! An append's body (`s2-semantics.md` B1, H4).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use riverrun_protocol::batch::Record;
use riverrun_protocol::request::AppendConditions;
use riverrun_protocol::types::FencingToken;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::name::Name;
use super::object::Object;
use super::text::Text;
use crate::batch::AppendInput;
use crate::error::HttpError;
use crate::headers::RecordFormat;
use crate::limits::BATCH_RECORDS_MAX;

#[derive(Debug, Deserialize)]
struct AppendBody<'a> {
    #[serde(borrow)]
    records: Records<'a>,
    #[serde(default)]
    match_seq_num: Option<u64>,
    #[serde(default)]
    fencing_token: Option<Name<FencingToken>>,
}

#[derive(Debug, Deserialize)]
struct RecordBody<'a> {
    #[serde(default)]
    timestamp: Option<u64>,
    #[serde(borrow, default)]
    headers: Vec<(Text<'a>, Text<'a>)>,
    #[serde(borrow, default)]
    body: Text<'a>,
}

/// All records are parsed, but only one more than a batch may have is kept, by which the batch is then refused: a body of two-byte
/// records must not become a hundred times its size.
#[derive(Debug)]
struct Records<'a>(Vec<RecordBody<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor).map(Self)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Vec<RecordBody<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while let Some(Object(record)) = sequence.next_element()? {
            if records.len() <= BATCH_RECORDS_MAX {
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// POST `/streams/{stream}/records` with a JSON body. Strings without escapes stay slices of `body`.
///
/// # Errors
/// `bad_json`; `invalid` for what is not base64 (`s2-semantics.md` H4). Limits and commands are judged by [`AppendInput::encode`].
pub fn append_input(body: &Bytes, format: RecordFormat) -> Result<AppendInput, HttpError> {
    let parsed: AppendBody<'_> = super::parse_object(body)?;
    let records = parsed.records.0.into_iter().map(|record| record.into_record(body, format));
    let fencing_token = parsed.fencing_token.map(|token| token.0);
    Ok(AppendInput {
        conditions: AppendConditions { match_seq_num: parsed.match_seq_num, fencing_token },
        records: records.collect::<Result<_, _>>()?,
    })
}

impl RecordBody<'_> {
    fn into_record(self, body: &Bytes, format: RecordFormat) -> Result<Record, HttpError> {
        let decode = |text: Text<'_>| match format {
            RecordFormat::Raw => Ok(text.into_bytes(body)),
            RecordFormat::Base64 => decode_base64(text.as_str()),
        };
        let headers = self.headers.into_iter().map(|(name, value)| Ok((decode(name)?, decode(value)?)));
        Ok(Record {
            timestamp: self.timestamp,
            headers: headers.collect::<Result<_, HttpError>>()?,
            body: decode(self.body)?,
        })
    }
}

fn decode_base64(text: &str) -> Result<Bytes, HttpError> {
    let decoded = STANDARD.decode(text).map_err(|_| HttpError::invalid("invalid Base64 encoding"))?;
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(body: &str) -> Result<AppendInput, HttpError> {
        append_input(&Bytes::copy_from_slice(body.as_bytes()), RecordFormat::Raw)
    }

    fn base64(body: &str) -> Result<AppendInput, HttpError> {
        append_input(&Bytes::copy_from_slice(body.as_bytes()), RecordFormat::Base64)
    }

    #[test]
    fn h4_everything_there() {
        let input =
            raw(r#"{"records":[{"timestamp":18446744073709551615,"headers":[["a","1"],["a",""]],"body":"x\ny"},{}],
                "match_seq_num":0,"fencing_token":"","unknown":{}}"#);
        let first = Record {
            timestamp: Some(u64::MAX),
            headers: vec![("a".into(), "1".into()), ("a".into(), "".into())],
            body: "x\ny".into(),
        };
        let conditions = AppendConditions { match_seq_num: Some(0), fencing_token: Some(FencingToken::default()) };
        assert_eq!(input, Ok(AppendInput { conditions, records: vec![first, Record::new("")] }));
    }

    #[test]
    fn h4_null_is_absent_for_numbers_and_the_token_only() {
        let input = raw(r#"{"records":[{"timestamp":null}],"match_seq_num":null,"fencing_token":null}"#).unwrap();
        assert_eq!((input.conditions, input.records[0].timestamp), (AppendConditions::default(), None));
        for bad in [
            r#"{"records":null}"#,
            r#"{"records":[null]}"#,
            r#"{"records":[{"headers":null}]}"#,
            r#"{"records":[{"body":null}]}"#,
        ] {
            assert_eq!(raw(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn h5_types_missing_fields_and_names_are_bad_json() {
        let long = format!(r#"{{"records":[],"fencing_token":"{}"}}"#, "t".repeat(37));
        for bad in [
            "",
            "{}",
            "{\"records\":[]",
            r#"{"records":{}}"#,
            "[[]]",
            r#"{"records":[[]]}"#,
            r#"{"records":[[null,[],"x"]]}"#,
            r#"{"records":[{"body":1}]}"#,
            r#"{"records":[{"timestamp":-1}]}"#,
            r#"{"records":[{"timestamp":1.5}]}"#,
            r#"{"records":[{"timestamp":"1"}]}"#,
            r#"{"records":[{"headers":[["a"]]}]}"#,
            r#"{"records":[{"headers":[["a","b","c"]]}]}"#,
            r#"{"records":[{"headers":{"a":"b"}}]}"#,
            r#"{"records":[],"match_seq_num":"1"}"#,
            r#"{"records":[],"match_seq_num":18446744073709551616}"#,
            r#"{"records":[]} trailing"#,
            &long,
        ] {
            assert_eq!(raw(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn h4_base64_or_invalid() {
        let input = base64(r#"{"records":[{"headers":[["","dHJpbQ=="]],"body":"AAAAAAAAAAc="}]}"#).unwrap();
        assert_eq!(input.records, [Record::trim(7)]);
        for bad in ["YQ", "YQ=", "Y Q==", "-_-_", "YR=="] {
            let error = base64(&format!(r#"{{"records":[{{"body":"{bad}"}}]}}"#)).unwrap_err();
            assert_eq!(error, HttpError::invalid("invalid Base64 encoding"), "{bad}");
        }
    }

    #[test]
    fn a5_too_many_records_are_not_kept() {
        let body = format!(r#"{{"records":[{}]}}"#, vec!["{}"; 5000].join(","));
        assert_eq!(raw(&body).unwrap().records.len(), BATCH_RECORDS_MAX + 1);
        let bad_at_the_end = format!(r#"{{"records":[{},7]}}"#, vec!["{}"; 5000].join(","));
        assert_eq!(raw(&bad_at_the_end).unwrap_err().code(), Some("bad_json"));
    }

    #[test]
    fn plain_strings_are_not_copied() {
        let body = Bytes::from_static(br#"{"records":[{"body":"plain"}]}"#);
        let input = append_input(&body, RecordFormat::Raw).unwrap();
        assert!(body.as_ptr_range().contains(&input.records[0].body.as_ptr()));
    }
}
