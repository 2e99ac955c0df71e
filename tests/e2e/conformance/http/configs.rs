//! Configurations as JSON has them, both ways (`s2-semantics.md` E1, E5). What a request leaves out is absent, what it clears is null.

use riverrun_protocol::config::{
    BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig,
    StreamConfigPatch, TimestampingMode,
};
use serde_json::{Map, Value, json};

use super::answers::field;

const CLASSES: [StorageClass; 2] = [StorageClass::Express, StorageClass::Standard];
const MODES: [TimestampingMode; 3] =
    [TimestampingMode::ClientPrefer, TimestampingMode::ClientRequire, TimestampingMode::Arrival];

pub fn basin(config: &BasinConfig) -> Value {
    json!({
        "default_stream_config": stream(&config.default_stream_config),
        "create_stream_on_append": config.create_stream_on_append,
        "create_stream_on_read": config.create_stream_on_read,
    })
}

pub fn stream(config: &PartialStreamConfig) -> Value {
    stream_patch(&(*config).into())
}

pub fn basin_patch(patch: &BasinConfigPatch) -> Value {
    let switches = [
        ("create_stream_on_append", patch.create_stream_on_append),
        ("create_stream_on_read", patch.create_stream_on_read),
    ];
    let switches = switches.into_iter().filter_map(|(name, on)| Some((name.to_owned(), json!(on?))));
    let defaults = Some(stream_patch(&patch.default_stream_config)).filter(|defaults| *defaults != json!({}));
    let defaults = defaults.map(|defaults| ("default_stream_config".to_owned(), defaults));
    Value::Object(switches.chain(defaults).collect())
}

pub fn stream_patch(patch: &StreamConfigPatch) -> Value {
    let timestamping = object([
        ("mode", patched(patch.timestamping_mode, |mode| json!(mode.name()))),
        ("uncapped", patched(patch.timestamping_uncapped, |uncapped| json!(uncapped))),
    ]);
    let delete_on_empty = object([("min_age_secs", patched(patch.delete_on_empty_min_age_secs, |secs| json!(secs)))]);
    let whole = object([
        ("storage_class", patched(patch.storage_class, |class| json!(class.name()))),
        ("retention_policy", patched(patch.retention, retention)),
        ("timestamping", timestamping),
        ("delete_on_empty", delete_on_empty),
    ]);
    whole.unwrap_or_else(|| json!({}))
}

fn retention(retention: Retention) -> Value {
    match retention {
        Retention::Age(secs) => json!({ "age": secs }),
        Retention::Infinite => json!({"infinite": {}}),
    }
}

fn patched<T>(patch: Patch<T>, json: impl Fn(T) -> Value) -> Option<Value> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(Value::Null),
        Patch::Set(value) => Some(json(value)),
    }
}

/// Of the fields that are there; `None` if none is.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let fields: Map<String, Value> = fields.collect();
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// The cipher is always said, and there is none.
pub fn read_basin(json: &Value) -> BasinConfig {
    assert_eq!(field(json, "stream_cipher"), &Value::Null);
    let defaults = field(json, "default_stream_config");
    let default_stream_config = read_partial(defaults);
    let is_unset = default_stream_config == PartialStreamConfig::default();
    assert_eq!(defaults.is_null(), is_unset, "E1: null where nothing at all is set");
    BasinConfig {
        default_stream_config,
        create_stream_on_append: field(json, "create_stream_on_append").as_bool().expect("a switch"),
        create_stream_on_read: field(json, "create_stream_on_read").as_bool().expect("a switch"),
    }
}

/// Every field set.
pub fn read_stream(json: &Value) -> StreamConfig {
    let config = read_partial(json).whole();
    config.unwrap_or_else(|| panic!("E1: a stream's configuration with a field missing: {json}"))
}

fn read_partial(json: &Value) -> PartialStreamConfig {
    let [class, retention, mode, uncapped, min_age] =
        stream_fields(json).map(|value| value.filter(|value| !value.is_null()));
    PartialStreamConfig {
        storage_class: class.map(|class| named(&CLASSES, class, StorageClass::name)),
        retention: retention.map(read_retention),
        timestamping_mode: mode.map(|mode| named(&MODES, mode, TimestampingMode::name)),
        timestamping_uncapped: uncapped.map(|uncapped| uncapped.as_bool().expect("a switch")),
        delete_on_empty_min_age_secs: min_age.map(|secs| secs.as_u64().expect("seconds")),
    }
}

/// Storage class, retention, mode, uncapped, minimal age; of nothing at all, nothing.
fn stream_fields(json: &Value) -> [Option<&Value>; 5] {
    let inner = |outer: &str, inner: &str| json.get(outer).and_then(|outer| outer.get(inner));
    [
        json.get("storage_class"),
        json.get("retention_policy"),
        inner("timestamping", "mode"),
        inner("timestamping", "uncapped"),
        inner("delete_on_empty", "min_age_secs"),
    ]
}

fn read_retention(json: &Value) -> Retention {
    match json.get("age") {
        Some(age) => Retention::Age(age.as_u64().expect("seconds")),
        None => {
            assert_eq!(json, &json!({"infinite": {}}));
            Retention::Infinite
        }
    }
}

fn named<T: Copy>(known: &[T], json: &Value, name: fn(T) -> &'static str) -> T {
    let found = known.iter().copied().find(|known| json == name(*known));
    found.unwrap_or_else(|| panic!("a word that S2 does not have: {json}"))
}
