//! Locations (`s2-semantics.md` E10). The protocol knows none; these are the shapes.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::name::Name;
use crate::error::HttpError;
use crate::limits::LOCATION_NAME_BYTES_MAX;

/// A location's name: 1-64 ASCII letters, digits, `:`, `-`, `.` (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LocationName(String);

/// The rule that a location's name breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a location name has 1 to {LOCATION_NAME_BYTES_MAX} ASCII letters, digits, `:`, `-` and `.`")]
pub struct LocationNameError;

impl LocationName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocationName {
    type Err = LocationNameError;

    fn from_str(text: &str) -> Result<Self, LocationNameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'.');
        match (1..=LOCATION_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(LocationNameError),
        }
    }
}

impl fmt::Display for LocationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for LocationName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A location as answers show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LocationInfo {
    pub name: LocationName,
    pub is_private: bool,
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
    super::write(info)
}

/// The answer to GET `/locations`: a bare list.
pub fn location_list(list: &[LocationInfo]) -> Bytes {
    super::write(&list)
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
