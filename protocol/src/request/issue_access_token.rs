//! Issue an access token (`s2-semantics.md` F1-F3). Answered by `AccessTokenIssued`, which alone holds the secret.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::access::{TokenRates, TokenScope, parse_rates, parse_scope};
use crate::types::TokenId;
use crate::wire::{self, Parsed};

const HAS_EXPIRY: u32 = 1;
const AUTO_PREFIX: u32 = 2;

/// ```text
/// 0 u32 options: bit 0 = expires_at_ms is there, bit 1 = auto_prefix_streams
/// 4 u8 length, id | [u64 expires_at_ms] | scope, rates (access.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssueAccessToken {
    pub id: TokenId,
    /// Milliseconds since the Unix epoch; absent = as long as the issuer.
    pub expires_at_ms: Option<u64>,
    /// Every stream's name is taken to be behind the scope's prefix, and shown without it.
    pub auto_prefix_streams: bool,
    pub scope: TokenScope,
    pub rates: TokenRates,
}

impl IssueAccessToken {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        let expiry = if self.expires_at_ms.is_some() { HAS_EXPIRY } else { 0 };
        out.put_u32_le(expiry | (u32::from(self.auto_prefix_streams) * AUTO_PREFIX));
        wire::put_name8(out, self.id.as_str());
        if let Some(at) = self.expires_at_ms {
            out.put_u64_le(at);
        }
        self.scope.write(out);
        self.rates.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, IssueAccessToken> {
    let (input, options) = wire::options(input, HAS_EXPIRY | AUTO_PREFIX)?;
    let (input, id) = wire::token_id(input)?;
    let (input, expires_at_ms) = wire::optional(input, options & HAS_EXPIRY != 0, le_u64)?;
    let (input, scope) = parse_scope(input)?;
    let (input, rates) = parse_rates(input)?;
    let auto_prefix_streams = options & AUTO_PREFIX != 0;
    Ok((input, IssueAccessToken { id, expires_at_ms, auto_prefix_streams, scope, rates }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{OperationGroups, Operations, ResourceSet};
    use crate::error::ErrorCode;
    use crate::limits::{CONTROL_BODY_BYTES_MAX, SCOPE_NAME_BYTES_MAX, TOKEN_ID_BYTES_MAX};
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    fn longest() -> IssueAccessToken {
        let set = || ResourceSet::Prefix("n".repeat(SCOPE_NAME_BYTES_MAX));
        IssueAccessToken {
            id: TokenId::new(&"i".repeat(TOKEN_ID_BYTES_MAX)).unwrap(),
            expires_at_ms: Some(5),
            auto_prefix_streams: true,
            scope: TokenScope {
                basins: set(),
                streams: set(),
                access_tokens: set(),
                groups: OperationGroups::ALL,
                operations: Operations::ALL,
            },
            rates: TokenRates { append_bytes_per_sec: Some(6), requests_per_sec: Some(7) },
        }
    }

    #[test]
    fn f1_written_and_parsed_with_each_option() {
        for (expires_at_ms, auto_prefix_streams) in [(None, false), (Some(0), false), (None, true), (Some(9), true)] {
            round_trip(&Request::IssueAccessToken(IssueAccessToken {
                expires_at_ms,
                auto_prefix_streams,
                ..longest()
            }));
        }
        let scope = TokenScope::default();
        let rates = TokenRates::default();
        round_trip(&Request::IssueAccessToken(IssueAccessToken { scope, rates, ..longest() }));
    }

    /// A server reads no longer body of a frame that is no append.
    #[test]
    fn the_longest_fits_where_no_append_is_expected() {
        let body = body_of(&Request::IssueAccessToken(longest()));
        assert!(body.len() <= CONTROL_BODY_BYTES_MAX, "{} bytes", body.len());
    }

    #[test]
    fn a2_bad_ids_and_unknown_options_are_refused() {
        let good = body_of(&Request::IssueAccessToken(longest()));
        let mut nul = good.clone();
        nul[5] = 0;
        assert_eq!(refused(FrameKind::IssueAccessToken, &nul), (ErrorCode::Invalid, 4));
        let mut option = good;
        option[0] |= 4;
        assert_eq!(refused(FrameKind::IssueAccessToken, &option), (ErrorCode::Unsupported, 0));
        assert_eq!(refused(FrameKind::IssueAccessToken, b"\0\0\0\0\0"), (ErrorCode::Invalid, 4));
    }
}
