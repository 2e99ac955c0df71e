//! Answers `IssueAccessToken`: the only time that the secret is shown.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::limits::TOKEN_BYTES_MAX;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u16 length, secret
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokenIssued {
    /// The whole token, as a hello takes it. Never logged, never shown by dump tools unless asked.
    pub secret: String,
}

impl AccessTokenIssued {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        wire::put_text16(out, &self.secret, TOKEN_BYTES_MAX);
    }
}

impl fmt::Debug for AccessTokenIssued {
    /// Without the secret, which must not reach a log by way of a stray `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenIssued").field("secret_bytes", &self.secret.len()).finish()
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, AccessTokenIssued> {
    let (input, _) = wire::options(input, 0)?;
    let (input, secret) = wire::text16(input, "an access token", TOKEN_BYTES_MAX)?;
    Ok((input, AccessTokenIssued { secret: secret.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{refused, round_trip};
    use crate::{FrameKind, Response};

    fn issued(secret: &str) -> AccessTokenIssued {
        AccessTokenIssued { secret: secret.into() }
    }

    #[test]
    fn written_and_parsed_up_to_the_longest_a_hello_takes() {
        round_trip(&Response::AccessTokenIssued(issued("rrt_secret")));
        round_trip(&Response::AccessTokenIssued(issued(&"s".repeat(TOKEN_BYTES_MAX))));
    }

    #[test]
    fn a_longer_secret_and_unknown_options_are_refused() {
        let long = [&b"\0\0\0\0\x01\x01"[..], &[b's'; 257]].concat();
        assert_eq!(refused(FrameKind::AccessTokenIssued, &long), (ErrorCode::Invalid, 4));
        assert_eq!(refused(FrameKind::AccessTokenIssued, b"\x01\0\0\0\0\0"), (ErrorCode::Unsupported, 0));
    }

    #[test]
    fn debug_does_not_tell_the_secret() {
        let shown = format!("{:?}", Response::AccessTokenIssued(issued("rrt_secret")));
        assert_eq!(shown, "AccessTokenIssued(AccessTokenIssued { secret_bytes: 10 })");
    }
}
