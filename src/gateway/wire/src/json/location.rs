//! Locations (`s2-semantics.md` E10).

use bytes::Bytes;
use riverrun_protocol::response::LocationInfo;
use riverrun_protocol::types::LocationName;
use serde::Serialize;

use super::name::Name;
use crate::error::HttpError;

/// A location as answers show it.
#[derive(Serialize)]
struct LocationJson<'a> {
    name: &'a str,
    is_private: bool,
}

impl<'a> From<&'a LocationInfo> for LocationJson<'a> {
    fn from(info: &'a LocationInfo) -> Self {
        Self { name: info.name.as_str(), is_private: info.is_private }
    }
}

/// PUT `/locations/default`: a bare JSON string.
///
/// # Errors
/// `bad_json`.
pub fn default_location(body: &[u8]) -> Result<LocationName, HttpError> {
    super::parse::<Name<LocationName>>(body).map(|name| name.0)
}

/// The answer to GET and PUT `/locations/default`.
pub fn location_info(info: &LocationInfo) -> Bytes {
    super::write(&LocationJson::from(info))
}

/// The answer to GET `/locations`: a bare list.
pub fn location_list(list: &[LocationInfo]) -> Bytes {
    super::write(&list.iter().map(LocationJson::from).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e10_shapes() {
        let name = default_location(br#""aws:us-east-1""#).unwrap();
        let info = LocationInfo { name, is_private: false };
        assert_eq!(location_info(&info), r#"{"name":"aws:us-east-1","is_private":false}"#);
        assert_eq!(location_list(&[info]), r#"[{"name":"aws:us-east-1","is_private":false}]"#);
        assert_eq!(location_list(&[]), "[]");
    }

    #[test]
    fn a2_names() {
        assert!("a".repeat(64).parse::<LocationName>().is_ok());
        for bad in [r#""""#, r#""a b""#, r#""ä""#, "7", "{}", "aws", &format!("{:?}", "a".repeat(65))] {
            assert_eq!(default_location(bad.as_bytes()).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }
}
