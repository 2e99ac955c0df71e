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
        out.put_u32_le(expiry | u32::from(self.auto_prefix_streams) * AUTO_PREFIX);
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
