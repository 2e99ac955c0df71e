//! Names, ids and positions that both sides of the wire share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::{
    BASIN_NAME_BYTES_MAX, BASIN_NAME_BYTES_MIN, FENCING_TOKEN_BYTES_MAX, LOCATION_NAME_BYTES_MAX,
    REQUEST_TOKEN_BYTES_MAX, STREAM_NAME_BYTES_MAX, TOKEN_ID_BYTES_MAX,
};

/// A stream's identity: 128 random bits, new at every creation, never reused (design: a re-created name shares nothing
/// with its predecessor). Shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StreamId(pub [u8; 16]);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StreamId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = || NameError(format!("a stream id is 32 hex digits, not {text:?}"));
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        u128::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| refused())
    }
}

/// A place in a stream: a sequence number and the timestamp that goes with it (`s2-semantics.md` A6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Position {
    pub seq_num: u64,
    pub timestamp: u64,
}

impl fmt::Display for Position {
    /// As S2's CLI prints a tail (`s2-semantics.md` J2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} @ {}", self.seq_num, self.timestamp)
    }
}

/// How far an acknowledged record has got. Ordered: a later level outlives more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Level {
    /// In this process's memory only (`memory:` stores).
    Memory = 0,
    /// In this node's journal, written through to the disk.
    Journal = 1,
    /// In the object store.
    Object = 2,
}

impl Level {
    /// The word for it in logs, metrics and on terminals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Journal => "journal",
            Self::Object => "object",
        }
    }
}

impl TryFrom<u8> for Level {
    type Error = NameError;

    fn try_from(byte: u8) -> Result<Self, NameError> {
        match byte {
            0 => Ok(Self::Memory),
            1 => Ok(Self::Journal),
            2 => Ok(Self::Object),
            _ => Err(NameError(format!("there is no level {byte}"))),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name, id or listing filter that breaks a rule of `s2-semantics.md` A2. The text says which rule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub(crate) String);

/// A basin name: 8-48 bytes of `a-z0-9-`, letter or digit at both ends (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BasinName(Arc<str>);

impl BasinName {
    pub fn new(name: &str) -> Result<Self, NameError> {
        let bytes = name.len();
        if !(BASIN_NAME_BYTES_MIN..=BASIN_NAME_BYTES_MAX).contains(&bytes) {
            return refuse(format!(
                "a basin name has {BASIN_NAME_BYTES_MIN} to {BASIN_NAME_BYTES_MAX} bytes, this one has {bytes}"
            ));
        }
        check_basin_filter(name)?;
        if name.ends_with('-') {
            return refuse("a basin name ends with a letter or a digit");
        }
        Ok(Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream name: 1-512 bytes of UTF-8, not `.` or `..`, without NUL (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

impl StreamName {
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return refuse("a stream name has at least 1 byte");
        }
        if name == "." || name == ".." {
            return refuse("a stream name is not `.` or `..`");
        }
        check_stream_filter(name)?;
        Ok(Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An access token's id, by which it is listed and revoked: 1-96 bytes of UTF-8, not `.` or `..`, without NUL
/// (`s2-semantics.md` A2). No secret.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(Arc<str>);

impl TokenId {
    pub fn new(id: &str) -> Result<Self, NameError> {
        if id.is_empty() {
            return refuse("an access token id has at least 1 byte");
        }
        if id == "." || id == ".." {
            return refuse("an access token id is not `.` or `..`");
        }
        check_token_filter(id)?;
        Ok(Self(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A location's name: 1-64 ASCII letters, digits, `:`, `-`, `.` (`s2-semantics.md` A2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationName(Arc<str>);

impl LocationName {
    pub fn new(name: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'.');
        match (1..=LOCATION_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
            true => Ok(Self(name.into())),
            false => refuse(format!(
                "a location name has 1 to {LOCATION_NAME_BYTES_MAX} ASCII letters, digits, `:`, `-` and `.`"
            )),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream's fencing token: 0-36 bytes of UTF-8; empty = none (`s2-semantics.md` B4). No secret: a writer that is
/// fenced off is told the current one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FencingToken(Arc<str>);

impl FencingToken {
    pub fn new(token: &str) -> Result<Self, NameError> {
        match token.len() <= FENCING_TOKEN_BYTES_MAX {
            true => Ok(Self(token.into())),
            false => refuse(format!(
                "a fencing token has at most {FENCING_TOKEN_BYTES_MAX} bytes, this one has {}",
                token.len()
            )),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for FencingToken {
    fn default() -> Self {
        Self("".into())
    }
}

/// What makes a creation safe to repeat: 0-36 bytes of text, chosen by the client (`s2-semantics.md` A2, E4).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestToken(Arc<str>);

impl RequestToken {
    pub fn new(token: &str) -> Result<Self, NameError> {
        match token.len() <= REQUEST_TOKEN_BYTES_MAX {
            true => Ok(Self(token.into())),
            false => refuse(format!(
                "a request token has at most {REQUEST_TOKEN_BYTES_MAX} bytes, this one has {}",
                token.len()
            )),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule for a listing of access tokens, and for their ids (`s2-semantics.md` A2).
pub fn check_token_filter(filter: &str) -> Result<(), NameError> {
    if filter.len() > TOKEN_ID_BYTES_MAX {
        return refuse(format!(
            "an access token id has at most {TOKEN_ID_BYTES_MAX} bytes, this one has {}",
            filter.len()
        ));
    }
    if filter.contains('\0') {
        return refuse("an access token id does not contain NUL");
    }
    Ok(())
}

/// The rule for a basin listing's prefix and start_after, which a full basin name obeys too (`s2-semantics.md` A2).
pub fn check_basin_filter(filter: &str) -> Result<(), NameError> {
    if filter.len() > BASIN_NAME_BYTES_MAX {
        return refuse(format!("a basin name has at most {BASIN_NAME_BYTES_MAX} bytes, this one has {}", filter.len()));
    }
    if filter.starts_with('-') {
        return refuse("a basin name starts with a letter or a digit");
    }
    match filter.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        Some(c) => refuse(format!("a basin name consists of a-z, 0-9 and -, not {c:?}")),
        None => Ok(()),
    }
}

/// The rule for a stream listing's prefix and start_after, which a full stream name obeys too (`s2-semantics.md` A2).
pub fn check_stream_filter(filter: &str) -> Result<(), NameError> {
    if filter.len() > STREAM_NAME_BYTES_MAX {
        return refuse(format!(
            "a stream name has at most {STREAM_NAME_BYTES_MAX} bytes, this one has {}",
            filter.len()
        ));
    }
    if filter.contains('\0') {
        return refuse("a stream name does not contain NUL");
    }
    Ok(())
}

fn refuse<T>(what: impl Into<String>) -> Result<T, NameError> {
    Err(NameError(what.into()))
}

macro_rules! name_traits {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

name_traits!(BasinName);
name_traits!(StreamName);
name_traits!(TokenId);
name_traits!(LocationName);
name_traits!(FencingToken);
name_traits!(RequestToken);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_basin_names() {
        for good in ["12345678", "my-basin", "a--------b", &"a".repeat(48)] {
            assert_eq!(BasinName::new(good).unwrap().as_str(), good);
        }
        for (bad, rule) in [
            ("1234567", "8 to 48 bytes, this one has 7"),
            (&*"a".repeat(49), "8 to 48 bytes, this one has 49"),
            ("-my-basin", "starts with a letter"),
            ("my-basin-", "ends with a letter"),
            ("my_basin", "not '_'"),
            ("My-Basin", "not 'M'"),
            ("bäsin-name", "not 'ä'"),
        ] {
            let error = BasinName::new(bad).unwrap_err().to_string();
            assert!(error.contains(rule), "{bad}: {error}");
        }
    }

    #[test]
    fn a2_stream_names() {
        for good in ["a", "...", "a/b c", "ä", ".hidden", &"s".repeat(512)] {
            assert_eq!(StreamName::new(good).unwrap().as_str(), good);
        }
        for (bad, rule) in [
            ("", "at least 1 byte"),
            (".", "not `.`"),
            ("..", "not `.`"),
            ("a\0b", "NUL"),
            (&*"s".repeat(513), "at most 512 bytes, this one has 513"),
        ] {
            let error = StreamName::new(bad).unwrap_err().to_string();
            assert!(error.contains(rule), "{bad}: {error}");
        }
    }

    #[test]
    fn a2_filters_are_looser_than_names() {
        for good in ["", "a", "a-"] {
            assert_eq!(check_basin_filter(good), Ok(()));
        }
        assert!(check_basin_filter("-a").is_err());
        for good in ["", ".", ".."] {
            assert_eq!(check_stream_filter(good), Ok(()));
        }
        assert!(check_stream_filter("a\0").is_err());
    }

    #[test]
    fn stream_ids_print_and_parse() {
        let id = StreamId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "00", "+00102030405060708090a0b0c0d0eff", "g00102030405060708090a0b0c0d0eff"] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn levels_are_ordered_by_what_they_outlive() {
        assert!(Level::Memory < Level::Journal && Level::Journal < Level::Object);
        for level in [Level::Memory, Level::Journal, Level::Object] {
            assert_eq!(Level::try_from(level as u8), Ok(level));
        }
        assert!(Level::try_from(3).is_err());
    }

    #[test]
    fn a2_location_names() {
        for good in ["a", "aws:us-east-1", "local", "Rack-7.b", &"a".repeat(64)] {
            assert_eq!(LocationName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "ä", "a/b", &*"a".repeat(65)] {
            assert!(LocationName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a2_access_token_ids() {
        for good in ["a", "...", "team a/ci", &"ä".repeat(48)] {
            assert_eq!(TokenId::new(good).unwrap().as_str(), good);
        }
        for (bad, rule) in [
            ("", "at least 1 byte"),
            (".", "not `.`"),
            ("..", "not `.`"),
            ("a\0b", "NUL"),
            (&*"i".repeat(97), "at most 96 bytes, this one has 97"),
        ] {
            let error = TokenId::new(bad).unwrap_err().to_string();
            assert!(error.contains(rule), "{bad}: {error}");
        }
        assert_eq!((check_token_filter(""), check_token_filter("..")), (Ok(()), Ok(())));
        assert!(check_token_filter("a\0").is_err());
    }

    #[test]
    fn a2_fencing_and_request_tokens_have_up_to_36_bytes() {
        for good in ["", ".", "a\0b", &"ä".repeat(18)] {
            assert_eq!(FencingToken::new(good).unwrap().as_str(), good);
            assert_eq!(RequestToken::new(good).unwrap().as_str(), good);
        }
        let long = "t".repeat(37);
        assert!(FencingToken::new(&long).unwrap_err().to_string().contains("at most 36 bytes, this one has 37"));
        assert!(RequestToken::new(&long).unwrap_err().to_string().contains("at most 36 bytes, this one has 37"));
        assert_eq!(FencingToken::default().as_str(), "");
    }
}
