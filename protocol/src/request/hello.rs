//! The first frame of a connection.

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::number::complete::{le_u16, le_u64};

use crate::limits::{AGENT_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::wire::{self, Parsed};

/// Opens the body of the first frame in both directions, so that a dump, a proxy or a port scanner knows what it sees.
pub const MAGIC: &[u8; 4] = b"RVRN";

/// Versions of the protocol that this crate speaks.
pub const VERSION_MIN: u16 = 1;
pub const VERSION_MAX: u16 = 1;

/// A feature bit: the server sends `Page` pushes to read sessions that take them.
pub const FEATURE_PAGES: u64 = 1;

/// ```text
///  0 magic "RVRN" | 4 u32 options: none
///  8 u16 version_min | 10 u16 version_max | 12 u64 features
/// 20 u16 length, token | u8 length, agent
/// ```
/// This layout stays for ever: what two ends have in common can only be settled once they have understood each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    pub version_min: u16,
    pub version_max: u16,
    /// Feature bits the client understands; a server ignores those it does not know. None are defined that the server must know of.
    pub features: u64,
    /// Access token; empty where none is given. Never logged, never shown by dump tools unless asked.
    pub token: Vec<u8>,
    /// Free text for the server's log, e.g. `riverrun-client/0.1.0`.
    pub agent: String,
}

impl Hello {
    /// What this crate speaks.
    pub fn new(token: impl Into<Vec<u8>>, agent: impl Into<String>) -> Self {
        Self {
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            features: 0,
            token: token.into(),
            agent: agent.into(),
        }
    }

    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_slice(MAGIC);
        out.put_u32_le(0);
        out.put_u16_le(self.version_min);
        out.put_u16_le(self.version_max);
        out.put_u64_le(self.features);
        wire::put_bytes16(out, &self.token);
        wire::put_text8(out, &self.agent, AGENT_BYTES_MAX);
    }
}

impl std::fmt::Debug for Hello {
    /// Without the token, which must not reach a log by way of a stray `{:?}`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("version_min", &self.version_min)
            .field("version_max", &self.version_max)
            .field("features", &self.features)
            .field("token_bytes", &self.token.len())
            .field("agent", &self.agent)
            .finish()
    }
}

pub(crate) fn magic(input: &[u8]) -> Parsed<'_, ()> {
    let (rest, magic) = take(MAGIC.len())(input)?;
    if magic == MAGIC { Ok((rest, ())) } else { wire::bad(input, "a hello begins with \"RVRN\"") }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Hello> {
    let (input, ()) = magic(input)?;
    let (input, _) = wire::options(input, 0)?;
    let (rest, version_min) = le_u16(input)?;
    let (rest, version_max) = le_u16(rest)?;
    if version_min > version_max {
        return wire::invalid(input, format!("versions {version_min} to {version_max} are no range"));
    }
    let (input, features) = le_u64(rest)?;
    let (input, token) = wire::bytes16(input, "an access token", TOKEN_BYTES_MAX)?;
    let (input, agent) = wire::text8(input, "an agent", AGENT_BYTES_MAX)?;
    Ok((input, Hello { version_min, version_max, features, token: token.to_vec(), agent: agent.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::Hello(Hello::new("secret", "test/1")));
        round_trip(&Request::Hello(Hello::new(vec![255; TOKEN_BYTES_MAX], "a".repeat(AGENT_BYTES_MAX))));
    }

    #[test]
    fn the_token_is_not_shown() {
        assert!(!format!("{:?}", Hello::new("secret", "test/1")).contains("secret"));
    }

    #[test]
    fn no_magic_no_range_and_too_long_a_token_are_refused() {
        let mut body = body_of(&Request::Hello(Hello::new("", "test/1")));
        body[0] = b'r';
        assert_eq!(refused(FrameKind::Hello, &body), (ErrorCode::BadFrame, 0));
        let backwards = Hello { version_min: 2, ..Hello::new("", "") };
        assert_eq!(refused(FrameKind::Hello, &body_of(&Request::Hello(backwards))), (ErrorCode::Invalid, 8));
        let long = Hello::new(vec![1; TOKEN_BYTES_MAX + 1], "");
        assert_eq!(refused(FrameKind::Hello, &body_of(&Request::Hello(long))), (ErrorCode::Invalid, 20));
    }
}
