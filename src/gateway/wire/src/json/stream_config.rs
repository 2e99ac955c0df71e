//! A stream's configuration, as a body says it and as an answer shows it (`s2-semantics.md` E1).

use bytes::Bytes;
use riverrun_protocol::config::{
    AGE_ZERO, PartialStreamConfig, Retention, StorageClass, StreamConfig, TimestampingMode,
};
use riverrun_protocol::request::{ReconfigureStream, StreamRef};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::object::Object;
use super::stream_patch::StreamPatch;
use crate::error::HttpError;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StorageClassWord {
    Express,
    Standard,
}

impl From<StorageClassWord> for StorageClass {
    fn from(word: StorageClassWord) -> Self {
        match word {
            StorageClassWord::Express => Self::Express,
            StorageClassWord::Standard => Self::Standard,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModeWord {
    ClientPrefer,
    ClientRequire,
    Arrival,
}

impl From<ModeWord> for TimestampingMode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::ClientPrefer => Self::ClientPrefer,
            ModeWord::ClientRequire => Self::ClientRequire,
            ModeWord::Arrival => Self::Arrival,
        }
    }
}

/// `{"age":N}` or `{"infinite":{}}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RetentionBody {
    Age(u64),
    Infinite(Object<Infinite>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Infinite {}

impl From<RetentionBody> for Retention {
    fn from(body: RetentionBody) -> Self {
        match body {
            RetentionBody::Age(secs) => Self::Age(secs),
            RetentionBody::Infinite(_) => Self::Infinite,
        }
    }
}

/// An age of 0 is well-formed and against a rule, wherever it stands (`s2-semantics.md` E1).
pub(super) fn check_age(retention: Option<Retention>) -> Result<(), HttpError> {
    if retention == Some(Retention::Age(0)) { Err(HttpError::invalid(AGE_ZERO)) } else { Ok(()) }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Timestamping {
    mode: Option<ModeWord>,
    uncapped: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct DeleteOnEmpty {
    /// An object without it says 0, which is a value (`s2-semantics.md` E1, E2).
    min_age_secs: u64,
}

/// Any field may be absent or null.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfigBody {
    storage_class: Option<StorageClassWord>,
    retention_policy: Option<RetentionBody>,
    timestamping: Option<Object<Timestamping>>,
    delete_on_empty: Option<Object<DeleteOnEmpty>>,
}

impl StreamConfigBody {
    pub fn into_config(self) -> Result<PartialStreamConfig, HttpError> {
        let Object(timestamping) = self.timestamping.unwrap_or_default();
        let retention = self.retention_policy.map(Retention::from);
        check_age(retention)?;
        Ok(PartialStreamConfig {
            storage_class: self.storage_class.map(StorageClass::from),
            retention,
            timestamping_mode: timestamping.mode.map(TimestampingMode::from),
            timestamping_uncapped: timestamping.uncapped,
            delete_on_empty_min_age_secs: self.delete_on_empty.map(|Object(delete)| delete.min_age_secs),
        })
    }
}

/// PATCH `/streams/{stream}` (`s2-semantics.md` E5).
///
/// # Errors
/// `bad_json`; `invalid` for an age of 0.
pub fn reconfigure_stream(target: StreamRef, body: &[u8]) -> Result<ReconfigureStream, HttpError> {
    let patch: StreamPatch = super::parse_object(body)?;
    Ok(ReconfigureStream { target, patch: patch.into_patch()? })
}

/// The answer to GET and PATCH `/streams/{stream}`: every field is set.
pub fn stream_config(config: &StreamConfig) -> Bytes {
    super::write(&StreamConfigJson::from(PartialStreamConfig::from(*config)))
}

/// What is unset is null; of an object, all of it where nothing in it is set.
#[derive(Serialize)]
pub(super) struct StreamConfigJson {
    storage_class: Option<&'static str>,
    retention_policy: Option<RetentionJson>,
    timestamping: Option<TimestampingJson>,
    delete_on_empty: Option<DeleteOnEmptyJson>,
}

struct RetentionJson(Retention);

#[derive(Serialize)]
struct TimestampingJson {
    mode: Option<&'static str>,
    uncapped: Option<bool>,
}

#[derive(Serialize)]
struct DeleteOnEmptyJson {
    min_age_secs: u64,
}

#[derive(Serialize)]
struct Empty {}

impl Serialize for RetentionJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Retention::Age(secs) => map.serialize_entry("age", &secs)?,
            Retention::Infinite => map.serialize_entry("infinite", &Empty {})?,
        }
        map.end()
    }
}

impl From<PartialStreamConfig> for StreamConfigJson {
    fn from(config: PartialStreamConfig) -> Self {
        let (mode, uncapped) = (config.timestamping_mode, config.timestamping_uncapped);
        let has_timestamping = mode.is_some() || uncapped.is_some();
        let timestamping = TimestampingJson { mode: mode.map(TimestampingMode::name), uncapped };
        Self {
            storage_class: config.storage_class.map(StorageClass::name),
            retention_policy: config.retention.map(RetentionJson),
            timestamping: has_timestamping.then_some(timestamping),
            delete_on_empty: config.delete_on_empty_min_age_secs.map(|min_age_secs| DeleteOnEmptyJson { min_age_secs }),
        }
    }
}

#[cfg(test)]
mod tests;
