//! Streams: create, ensure, info, listing (`s2-semantics.md` E1, E3).

use bytes::Bytes;
use riverrun_protocol::request::{CreateStream, EnsureStream, StreamRef};
use riverrun_protocol::response::{StreamInfo, StreamList};
use riverrun_protocol::types::{BasinName, RequestToken, StreamName};
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::object::Object;
use super::rfc3339;
use super::stream_config::StreamConfigBody;
use crate::error::HttpError;

#[derive(Debug, Deserialize)]
struct CreateBody {
    stream: Name<StreamName>,
    #[serde(default)]
    config: Option<Object<StreamConfigBody>>,
}

/// POST `/streams`; the token is the header's ([`crate::headers::request_token`]).
///
/// # Errors
/// `bad_json`; `invalid` for an age of 0.
pub fn create_stream(
    basin: BasinName,
    body: &[u8],
    request_token: Option<RequestToken>,
) -> Result<CreateStream, HttpError> {
    let body: CreateBody = super::parse_object(body)?;
    let config = body.config.unwrap_or_default().0.into_config()?;
    Ok(CreateStream { target: StreamRef { basin, stream: body.stream.0 }, config, request_token })
}

/// PUT `/streams/{stream}`: the body is the configuration itself; `None` where the request has none
/// ([`crate::headers::optional_json`]).
///
/// # Errors
/// As [`create_stream`].
pub fn ensure_stream(target: StreamRef, body: Option<&[u8]>) -> Result<EnsureStream, HttpError> {
    let body = body.map(super::parse_object::<StreamConfigBody>).transpose()?.unwrap_or_default();
    Ok(EnsureStream { target, config: body.into_config()? })
}

/// `deleted_at` is there even when it is null: a client insists (`s2-semantics.md` I2).
#[derive(Serialize)]
struct StreamInfoJson<'a> {
    name: &'a str,
    created_at: String,
    deleted_at: Option<String>,
    cipher: Option<&'a str>,
}

impl<'a> From<&'a StreamInfo> for StreamInfoJson<'a> {
    fn from(info: &'a StreamInfo) -> Self {
        Self {
            name: info.name.as_str(),
            created_at: rfc3339(info.created_at_ms),
            deleted_at: info.deleted_at_ms.map(rfc3339),
            cipher: None,
        }
    }
}

#[derive(Serialize)]
struct StreamListJson<'a> {
    streams: Vec<StreamInfoJson<'a>>,
    has_more: bool,
}

/// The answer to POST and PUT.
pub fn stream_info(info: &StreamInfo) -> Bytes {
    super::write(&StreamInfoJson::from(info))
}

/// The answer to GET `/streams`.
pub fn stream_list(list: &StreamList) -> Bytes {
    super::write(&StreamListJson { streams: list.streams.iter().map(Into::into).collect(), has_more: list.has_more })
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::config::{PartialStreamConfig, Retention};
    use riverrun_protocol::types::StreamId;

    use super::*;

    fn target(stream: &str) -> StreamRef {
        StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new(stream).unwrap() }
    }

    #[test]
    fn e1_create() {
        let body = br#"{"stream":"a/b \u00e4","config":{"retention_policy":{"age":1}}}"#;
        let token = Some(RequestToken::new("").unwrap());
        let request = create_stream(target("x").basin, body, token.clone()).unwrap();
        let config = PartialStreamConfig { retention: Some(Retention::Age(1)), ..Default::default() };
        assert_eq!(request, CreateStream { target: target("a/b ä"), config, request_token: token });
        for bad in ["{}", r#"{"stream":""}"#, r#"{"stream":".."}"#, r#"{"stream":"a\u0000"}"#, r#"{"stream":null}"#] {
            let error = create_stream(target("x").basin, bad.as_bytes(), None).unwrap_err();
            assert_eq!(error.code(), Some("bad_json"), "{bad}");
        }
    }

    #[test]
    fn e3_ensure_takes_the_configuration_itself() {
        let config = PartialStreamConfig { retention: Some(Retention::Infinite), ..Default::default() };
        let request = ensure_stream(target("s"), Some(br#"{"retention_policy":{"infinite":{}},"config":1}"#));
        assert_eq!(request, Ok(EnsureStream { target: target("s"), config }));
        let defaults = EnsureStream { target: target("s"), config: PartialStreamConfig::default() };
        assert_eq!(ensure_stream(target("s"), None), Ok(defaults));
        let zero = ensure_stream(target("s"), Some(br#"{"retention_policy":{"age":0}}"#));
        assert_eq!(zero, Err(HttpError::invalid("age must be greater than 0 seconds")));
    }

    #[test]
    fn i2_info_has_deleted_at_even_when_null() {
        let info = StreamInfo {
            name: StreamName::new("a\"b").unwrap(),
            id: StreamId::default(),
            created_at_ms: 5,
            deleted_at_ms: None,
        };
        let expected = r#"{"name":"a\"b","created_at":"1970-01-01T00:00:00.005Z","deleted_at":null,"cipher":null}"#;
        assert_eq!(stream_info(&info), expected);
        let list = StreamList { streams: vec![StreamInfo { deleted_at_ms: Some(0), ..info }], has_more: false };
        let expected = r#"{"streams":[{"name":"a\"b","created_at":"1970-01-01T00:00:00.005Z","deleted_at":"1970-01-01T00:00:00.000Z","cipher":null}],"has_more":false}"#;
        assert_eq!(stream_list(&list), expected);
    }
}
