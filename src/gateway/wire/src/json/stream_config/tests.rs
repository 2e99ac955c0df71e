use riverrun_protocol::config::{Patch, StreamConfigPatch};
use riverrun_protocol::types::{BasinName, StreamName};

use super::*;

fn target() -> StreamRef {
    StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new("s").unwrap() }
}

fn config(body: &str) -> Result<PartialStreamConfig, HttpError> {
    super::super::parse_object::<StreamConfigBody>(body.as_bytes())?.into_config()
}

fn patch(body: &str) -> Result<StreamConfigPatch, HttpError> {
    reconfigure_stream(target(), body.as_bytes()).map(|request| request.patch)
}

#[test]
fn e1_every_field_absent_null_or_there() {
    for nothing in [
        "{}",
        r#"{"storage_class":null,"retention_policy":null,"timestamping":null,"delete_on_empty":null,"future":[1]}"#,
        r#"{"timestamping":{}}"#,
        r#"{"timestamping":{"mode":null,"uncapped":null}}"#,
    ] {
        assert_eq!(config(nothing), Ok(PartialStreamConfig::default()), "{nothing}");
    }
    let all = r#"{"storage_class":"standard","retention_policy":{"age":60},
        "timestamping":{"mode":"client-require","uncapped":true},"delete_on_empty":{"min_age_secs":5}}"#;
    let expected = PartialStreamConfig {
        storage_class: Some(StorageClass::Standard),
        retention: Some(Retention::Age(60)),
        timestamping_mode: Some(TimestampingMode::ClientRequire),
        timestamping_uncapped: Some(true),
        delete_on_empty_min_age_secs: Some(5),
    };
    assert_eq!(config(all), Ok(expected));
    assert_eq!(config(r#"{"retention_policy":{"infinite":{}}}"#).unwrap().retention, Some(Retention::Infinite));
    assert_eq!(config(r#"{"delete_on_empty":{}}"#).unwrap().delete_on_empty_min_age_secs, Some(0));
}

#[test]
fn e1_every_word() {
    for class in [StorageClass::Express, StorageClass::Standard] {
        let body = format!(r#"{{"storage_class":"{}"}}"#, class.name());
        assert_eq!(config(&body).unwrap().storage_class, Some(class));
    }
    for mode in [TimestampingMode::ClientPrefer, TimestampingMode::ClientRequire, TimestampingMode::Arrival] {
        let body = format!(r#"{{"timestamping":{{"mode":"{}"}}}}"#, mode.name());
        assert_eq!(config(&body).unwrap().timestamping_mode, Some(mode));
    }
}

#[test]
fn e1_types_and_words_are_bad_json_and_age_zero_is_invalid() {
    for bad in [
        "",
        "[",
        "null",
        "[]",
        r#"{"timestamping":[]}"#,
        r#"{"delete_on_empty":[7]}"#,
        r#"{"retention_policy":{"infinite":[]}}"#,
        r#""express""#,
        r#"{"storage_class":"Express"}"#,
        r#"{"storage_class":1}"#,
        r#"{"retention_policy":{}}"#,
        r#"{"retention_policy":{"age":-1}}"#,
        r#"{"retention_policy":{"age":"1"}}"#,
        r#"{"retention_policy":{"age":1,"infinite":{}}}"#,
        r#"{"retention_policy":{"never":{}}}"#,
        r#"{"timestamping":{"mode":"sometimes"}}"#,
        r#"{"timestamping":{"uncapped":"yes"}}"#,
        r#"{"delete_on_empty":{"min_age_secs":null}}"#,
        r#"{"delete_on_empty":7}"#,
    ] {
        assert_eq!(config(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
    }
    for parsed in [config(r#"{"retention_policy":{"age":0}}"#).err(), patch(r#"{"retention_policy":{"age":0}}"#).err()]
    {
        assert_eq!(parsed, Some(HttpError::invalid("age must be greater than 0 seconds")));
    }
}

#[test]
fn e5_absent_null_and_value_at_every_depth() {
    let keep = StreamConfigPatch::default();
    assert_eq!(patch("{}"), Ok(keep));
    assert_eq!(patch(r#"{"timestamping":{},"delete_on_empty":{}}"#), Ok(keep));
    let cleared = StreamConfigPatch {
        storage_class: Patch::Clear,
        retention: Patch::Clear,
        timestamping_mode: Patch::Clear,
        timestamping_uncapped: Patch::Clear,
        delete_on_empty_min_age_secs: Patch::Clear,
    };
    let nulls = r#"{"storage_class":null,"retention_policy":null,"timestamping":null,"delete_on_empty":null}"#;
    assert_eq!(patch(nulls), Ok(cleared));
    let inner = r#"{"storage_class":null,"retention_policy":null,"timestamping":{"mode":null,"uncapped":null},
        "delete_on_empty":{"min_age_secs":null}}"#;
    assert_eq!(patch(inner), Ok(cleared));
    let mixed =
        r#"{"retention_policy":{"age":9},"timestamping":{"uncapped":false},"delete_on_empty":{"min_age_secs":0}}"#;
    let expected = StreamConfigPatch {
        retention: Patch::Set(Retention::Age(9)),
        timestamping_uncapped: Patch::Set(false),
        delete_on_empty_min_age_secs: Patch::Set(0),
        ..keep
    };
    assert_eq!(patch(mixed), Ok(expected));
    for bad in
        ["", "[]", "null", r#"{"storage_class":"gold"}"#, r#"{"timestamping":[]}"#, r#"{"delete_on_empty":[null]}"#]
    {
        assert_eq!(patch(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
    }
}

#[test]
fn e1_an_answer_has_every_field() {
    let config = StreamConfig {
        storage_class: StorageClass::Express,
        retention: Retention::Age(604_800),
        timestamping_mode: TimestampingMode::ClientPrefer,
        timestamping_uncapped: false,
        delete_on_empty_min_age_secs: 0,
    };
    let expected = r#"{"storage_class":"express","retention_policy":{"age":604800},"timestamping":{"mode":"client-prefer","uncapped":false},"delete_on_empty":{"min_age_secs":0}}"#;
    assert_eq!(stream_config(&config), expected);
    let kept = StreamConfig { retention: Retention::Infinite, ..config };
    assert!(
        String::from_utf8(stream_config(&kept).to_vec()).unwrap().contains(r#""retention_policy":{"infinite":{}}"#)
    );
}
