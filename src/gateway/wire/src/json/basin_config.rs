//! A basin's configuration, as a body says it and as an answer shows it (`s2-semantics.md` E1, E5).

use bytes::Bytes;
use riverrun_protocol::config::{BasinConfig, BasinConfigPatch, PartialStreamConfig};
use riverrun_protocol::request::ReconfigureBasin;
use riverrun_protocol::types::BasinName;
use serde::{Deserialize, Serialize};

use super::cipher::{self, Cipher};
use super::field::{Field, present};
use super::object::Object;
use super::stream_config::{StreamConfigBody, StreamConfigJson};
use super::stream_patch::StreamPatch;
use crate::error::HttpError;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BasinConfigBody {
    default_stream_config: Option<Object<StreamConfigBody>>,
    stream_cipher: Option<Cipher>,
    create_stream_on_append: bool,
    create_stream_on_read: bool,
}

impl BasinConfigBody {
    pub fn into_config(self) -> Result<BasinConfig, HttpError> {
        let default_stream_config = self.default_stream_config.unwrap_or_default().0.into_config()?;
        cipher::refuse(self.stream_cipher)?;
        Ok(BasinConfig {
            default_stream_config,
            create_stream_on_append: self.create_stream_on_append,
            create_stream_on_read: self.create_stream_on_read,
        })
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct BasinPatch {
    default_stream_config: Field<Object<StreamPatch>>,
    stream_cipher: Field<Cipher>,
    #[serde(deserialize_with = "present")]
    create_stream_on_append: Option<bool>,
    #[serde(deserialize_with = "present")]
    create_stream_on_read: Option<bool>,
}

impl BasinPatch {
    fn into_patch(self) -> Result<BasinConfigPatch, HttpError> {
        let defaults = match self.default_stream_config {
            Field::Absent => StreamPatch::default(),
            Field::Null => StreamPatch::CLEARED,
            Field::Value(Object(inner)) => inner,
        };
        let default_stream_config = defaults.into_patch()?;
        if let Field::Value(cipher) = self.stream_cipher {
            cipher::refuse(Some(cipher))?;
        }
        Ok(BasinConfigPatch {
            default_stream_config,
            create_stream_on_append: self.create_stream_on_append,
            create_stream_on_read: self.create_stream_on_read,
        })
    }
}

/// PATCH `/basins/{basin}` (`s2-semantics.md` E5).
///
/// # Errors
/// `bad_json`; `invalid` for an age of 0; `not_implemented` for a cipher.
pub fn reconfigure_basin(basin: BasinName, body: &[u8]) -> Result<ReconfigureBasin, HttpError> {
    let patch: BasinPatch = super::parse_object(body)?;
    Ok(ReconfigureBasin { basin, patch: patch.into_patch()? })
}

#[derive(Serialize)]
struct BasinConfigJson {
    default_stream_config: Option<StreamConfigJson>,
    /// The protocol has no encryption, so no basin has a cipher.
    stream_cipher: Option<&'static str>,
    create_stream_on_append: bool,
    create_stream_on_read: bool,
}

/// The answer to GET and PATCH `/basins/{basin}`. The defaults are null where none is set.
pub fn basin_config(config: &BasinConfig) -> Bytes {
    let defaults = config.default_stream_config;
    let has_defaults = defaults != PartialStreamConfig::default();
    super::write(&BasinConfigJson {
        default_stream_config: has_defaults.then(|| defaults.into()),
        stream_cipher: None,
        create_stream_on_append: config.create_stream_on_append,
        create_stream_on_read: config.create_stream_on_read,
    })
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::config::{Patch, Retention, StreamConfigPatch, TimestampingMode};

    use super::*;

    fn patch(body: &str) -> Result<BasinConfigPatch, HttpError> {
        let basin = BasinName::new("my-basin").unwrap();
        reconfigure_basin(basin, body.as_bytes()).map(|request| request.patch)
    }

    #[test]
    fn e5_switches_are_there_or_not_but_never_null() {
        assert_eq!(patch("{}"), Ok(BasinConfigPatch::default()));
        let set = patch(r#"{"create_stream_on_append":true,"create_stream_on_read":false,"more":null}"#).unwrap();
        assert_eq!((set.create_stream_on_append, set.create_stream_on_read), (Some(true), Some(false)));
        for bad in [r#"{"create_stream_on_append":null}"#, r#"{"create_stream_on_read":null}"#] {
            assert_eq!(patch(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn e5_defaults_absent_null_or_changed() {
        let cleared = patch(r#"{"default_stream_config":null}"#).unwrap().default_stream_config;
        assert_eq!(cleared, StreamPatch::CLEARED.into_patch().unwrap());
        assert_eq!((cleared.retention, cleared.timestamping_uncapped), (Patch::Clear, Patch::Clear));
        let inner = patch(r#"{"default_stream_config":{"retention_policy":null,"timestamping":{"mode":"arrival"}}}"#);
        let expected = StreamConfigPatch {
            retention: Patch::Clear,
            timestamping_mode: Patch::Set(TimestampingMode::Arrival),
            ..StreamConfigPatch::default()
        };
        assert_eq!(inner.unwrap().default_stream_config, expected);
        let zero = patch(r#"{"default_stream_config":{"retention_policy":{"age":0}}}"#);
        assert_eq!(zero, Err(HttpError::invalid("age must be greater than 0 seconds")));
    }

    #[test]
    fn e9_no_cipher_is_promised() {
        for body in [r#"{"stream_cipher":"aegis-256"}"#, r#"{"stream_cipher":"aes-256-gcm"}"#] {
            assert_eq!(patch(body).unwrap_err().code(), Some("not_implemented"), "{body}");
        }
        assert_eq!(patch(r#"{"stream_cipher":null}"#), Ok(BasinConfigPatch::default()));
        assert_eq!(patch(r#"{"stream_cipher":"rot13"}"#).unwrap_err().code(), Some("bad_json"));
    }

    #[test]
    fn e1_an_answer_has_every_field_and_null_where_unset() {
        let nothing = r#"{"default_stream_config":null,"stream_cipher":null,"create_stream_on_append":false,"create_stream_on_read":false}"#;
        assert_eq!(basin_config(&BasinConfig::default()), nothing);
        let some = BasinConfig {
            default_stream_config: PartialStreamConfig {
                retention: Some(Retention::Infinite),
                timestamping_uncapped: Some(true),
                ..PartialStreamConfig::default()
            },
            create_stream_on_append: true,
            create_stream_on_read: false,
        };
        let expected = r#"{"default_stream_config":{"storage_class":null,"retention_policy":{"infinite":{}},"timestamping":{"mode":null,"uncapped":true},"delete_on_empty":null},"stream_cipher":null,"create_stream_on_append":true,"create_stream_on_read":false}"#;
        assert_eq!(basin_config(&some), expected);
    }
}
