//! Basins: create, ensure, info, listing (`s2-semantics.md` E1, E3).

use bytes::Bytes;
use riverrun_protocol::request::{CreateBasin, EnsureBasin};
use riverrun_protocol::response::{BasinInfo, BasinList};
use riverrun_protocol::types::{BasinName, LocationName, RequestToken};
use serde::{Deserialize, Serialize};

use super::basin_config::BasinConfigBody;
use super::name::Name;
use super::object::Object;
use super::rfc3339;
use crate::error::HttpError;

#[derive(Debug, Deserialize)]
struct CreateBody {
    basin: Name<BasinName>,
    #[serde(default)]
    config: Option<Object<BasinConfigBody>>,
    #[serde(default)]
    location: Option<Name<LocationName>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EnsureBody {
    config: Option<Object<BasinConfigBody>>,
    location: Option<Name<LocationName>>,
}

/// POST `/basins`; the token is the header's ([`crate::headers::request_token`]).
///
/// # Errors
/// `bad_json`; `invalid` for an age of 0 and for a place that is not `here`; `not_implemented` for a cipher.
pub fn create_basin(
    body: &[u8],
    request_token: Option<RequestToken>,
    here: &LocationName,
) -> Result<CreateBasin, HttpError> {
    let body: CreateBody = super::parse_object(body)?;
    check_location(body.location, here)?;
    let config = body.config.unwrap_or_default().0.into_config()?;
    Ok(CreateBasin { basin: body.basin.0, config, request_token })
}

/// PUT `/basins/{basin}`; `body` is `None` where the request has none ([`crate::headers::optional_json`]).
///
/// # Errors
/// As [`create_basin`].
pub fn ensure_basin(basin: BasinName, body: Option<&[u8]>, here: &LocationName) -> Result<EnsureBasin, HttpError> {
    let body = body.map(super::parse_object::<EnsureBody>).transpose()?.unwrap_or_default();
    check_location(body.location, here)?;
    Ok(EnsureBasin { basin, config: body.config.unwrap_or_default().0.into_config()? })
}

/// There is one place, and a basin stays where it is (`s2-semantics.md` E3, E10).
fn check_location(named: Option<Name<LocationName>>, here: &LocationName) -> Result<(), HttpError> {
    match named {
        Some(Name(other)) if other != *here => {
            Err(HttpError::invalid(format!("there is no location `{other}` here, only `{here}`")))
        }
        _ => Ok(()),
    }
}

#[derive(Serialize)]
struct BasinInfoJson<'a> {
    name: &'a str,
    location: Option<&'a str>,
    created_at: String,
    deleted_at: Option<String>,
    state: &'static str,
}

impl<'a> BasinInfoJson<'a> {
    fn new(info: &'a BasinInfo, here: &'a LocationName) -> Self {
        Self {
            name: info.name.as_str(),
            location: Some(here.as_str()),
            created_at: rfc3339(info.created_at_ms),
            deleted_at: info.deleted_at_ms.map(rfc3339),
            state: if info.deleted_at_ms.is_some() { "deleting" } else { "active" },
        }
    }
}

#[derive(Serialize)]
struct BasinListJson<'a> {
    basins: Vec<BasinInfoJson<'a>>,
    has_more: bool,
}

/// The answer to POST and PUT.
pub fn basin_info(info: &BasinInfo, here: &LocationName) -> Bytes {
    super::write(&BasinInfoJson::new(info, here))
}

/// The answer to GET `/basins`.
pub fn basin_list(list: &BasinList, here: &LocationName) -> Bytes {
    let basins = list.basins.iter().map(|info| BasinInfoJson::new(info, here)).collect();
    super::write(&BasinListJson { basins, has_more: list.has_more })
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, StorageClass};

    use super::*;

    fn basin() -> BasinName {
        BasinName::new("my-basin").unwrap()
    }

    fn here() -> LocationName {
        LocationName::new("aws:us-east-1").unwrap()
    }

    fn express() -> BasinConfig {
        let express = PartialStreamConfig { storage_class: Some(StorageClass::Express), ..Default::default() };
        BasinConfig { default_stream_config: express, create_stream_on_append: true, create_stream_on_read: false }
    }

    const CONFIG: &str = r#"{"default_stream_config":{"storage_class":"express"},"create_stream_on_append":true}"#;

    #[test]
    fn e1_create() {
        let token = Some(RequestToken::new("t").unwrap());
        let body = format!(r#"{{"basin":"my-basin","config":{CONFIG},"location":"aws:us-east-1","scope":"x"}}"#);
        let request = create_basin(body.as_bytes(), token.clone(), &here()).unwrap();
        assert_eq!(request, CreateBasin { basin: basin(), config: express(), request_token: token });
        for bare in [r#"{"basin":"my-basin"}"#, r#"{"basin":"my-basin","config":null,"location":null}"#] {
            let expected = CreateBasin { basin: basin(), config: BasinConfig::default(), request_token: None };
            assert_eq!(create_basin(bare.as_bytes(), None, &here()), Ok(expected));
        }
    }

    #[test]
    fn a2_names_in_the_body_are_bad_json() {
        for bad in ["{}", r#"{"basin":"NO"}"#, r#"{"basin":7}"#, r#"{"basin":"my-basin","location":"a b"}"#] {
            assert_eq!(create_basin(bad.as_bytes(), None, &here()).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn e3_ensure_with_and_without_a_body() {
        let body = format!(r#"{{"config":{CONFIG}}}"#);
        assert_eq!(
            ensure_basin(basin(), Some(body.as_bytes()), &here()),
            Ok(EnsureBasin { basin: basin(), config: express() })
        );
        let defaults = EnsureBasin { basin: basin(), config: BasinConfig::default() };
        assert_eq!(ensure_basin(basin(), None, &here()), Ok(defaults.clone()));
        assert_eq!(ensure_basin(basin(), Some(b"{}"), &here()), Ok(defaults));
        let cipher = br#"{"config":{"stream_cipher":"aegis-256"}}"#;
        assert_eq!(ensure_basin(basin(), Some(cipher), &here()).unwrap_err().code(), Some("not_implemented"));
        let null = br#"{"config":{"create_stream_on_read":null}}"#;
        assert_eq!(ensure_basin(basin(), Some(null), &here()).unwrap_err().code(), Some("bad_json"));
    }

    #[test]
    fn e10_there_is_one_place() {
        let elsewhere = br#"{"basin":"my-basin","location":"aws:us-west-2"}"#;
        assert_eq!(create_basin(elsewhere, None, &here()).unwrap_err().code(), Some("invalid"));
        assert_eq!(ensure_basin(basin(), Some(elsewhere), &here()).unwrap_err().code(), Some("invalid"));
        let named = br#"{"location":"aws:us-east-1"}"#;
        assert!(ensure_basin(basin(), Some(named), &here()).is_ok());
    }

    #[test]
    fn e1_info_and_listing() {
        let active = BasinInfo { name: basin(), created_at_ms: 0, deleted_at_ms: None };
        let expected = r#"{"name":"my-basin","location":"aws:us-east-1","created_at":"1970-01-01T00:00:00.000Z","deleted_at":null,"state":"active"}"#;
        assert_eq!(basin_info(&active, &here()), expected);
        let deleting = BasinInfo { deleted_at_ms: Some(1), ..active };
        let list = BasinList { basins: vec![deleting], has_more: true };
        let expected = r#"{"basins":[{"name":"my-basin","location":"aws:us-east-1","created_at":"1970-01-01T00:00:00.000Z","deleted_at":"1970-01-01T00:00:00.001Z","state":"deleting"}],"has_more":true}"#;
        assert_eq!(basin_list(&list, &here()), expected);
        assert_eq!(
            basin_list(&BasinList { basins: vec![], has_more: false }, &here()),
            r#"{"basins":[],"has_more":false}"#
        );
    }
}
