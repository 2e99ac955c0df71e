//! Answers `ListAccessTokens`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u64};

use crate::access::{TokenRates, TokenScope, parse_rates, parse_scope};
use crate::limits::LIST_ENTRIES_MAX;
use crate::types::TokenId;
use crate::wire::{self, Parsed};

const HAS_MORE: u32 = 1;
const HAS_EXPIRY: u8 = 1;
const AUTO_PREFIX: u8 = 2;
/// Flags, an id's length, the shortest scope, rates.
const TOKEN_INFO_BYTES_MIN: usize = 34;

/// An access token as listings show it: everything but the secret.
///
/// ```text
/// 0 u64 created_at_ms | 8 u8 flags: bit 0 = expires_at_ms is there, bit 1 = auto_prefix_streams
/// 9 u8 length, id | [u64 expires_at_ms] | scope, rates (access.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessTokenInfo {
    pub id: TokenId,
    pub created_at_ms: u64,
    pub expires_at_ms: Option<u64>,
    pub auto_prefix_streams: bool,
    pub scope: TokenScope,
    pub rates: TokenRates,
}

/// ```text
/// 0 u32 options: bit 0 = has_more
/// 4 u16 count, then the tokens, as above
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessTokenList {
    /// In byte order of ids; at most `LIST_ENTRIES_MAX` are written.
    pub tokens: Vec<AccessTokenInfo>,
    pub has_more: bool,
}

impl AccessTokenInfo {
    fn write(&self, out: &mut BytesMut) {
        out.put_u64_le(self.created_at_ms);
        let expiry = if self.expires_at_ms.is_some() { HAS_EXPIRY } else { 0 };
        out.put_u8(expiry | (u8::from(self.auto_prefix_streams) * AUTO_PREFIX));
        wire::put_name8(out, self.id.as_str());
        if let Some(at) = self.expires_at_ms {
            out.put_u64_le(at);
        }
        self.scope.write(out);
        self.rates.write(out);
    }
}

fn parse_info(input: &[u8]) -> Parsed<'_, AccessTokenInfo> {
    let (at_flags, created_at_ms) = le_u64(input)?;
    let (input, flags) = le_u8(at_flags)?;
    if flags & !(HAS_EXPIRY | AUTO_PREFIX) != 0 {
        return wire::unsupported(at_flags, "flags of an access token that this version does not know");
    }
    let (input, id) = wire::token_id(input)?;
    let (input, expires_at_ms) = wire::optional(input, flags & HAS_EXPIRY != 0, le_u64)?;
    let (input, scope) = parse_scope(input)?;
    let (input, rates) = parse_rates(input)?;
    let auto_prefix_streams = flags & AUTO_PREFIX != 0;
    Ok((input, AccessTokenInfo { id, created_at_ms, expires_at_ms, auto_prefix_streams, scope, rates }))
}

impl AccessTokenList {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(u32::from(self.has_more) * HAS_MORE);
        let tokens = &self.tokens[..self.tokens.len().min(LIST_ENTRIES_MAX)];
        out.put_u16_le(tokens.len() as u16);
        tokens.iter().for_each(|token| token.write(out));
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, AccessTokenList> {
    let (input, options) = wire::options(input, HAS_MORE)?;
    let (input, tokens) = wire::list(input, LIST_ENTRIES_MAX, TOKEN_INFO_BYTES_MIN, parse_info)?;
    Ok((input, AccessTokenList { tokens, has_more: options & HAS_MORE != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{OperationGroups, Operations, ResourceSet};
    use crate::error::ErrorCode;
    use crate::limits::{FRAME_BODY_BYTES_MAX, SCOPE_NAME_BYTES_MAX, TOKEN_ID_BYTES_MAX};
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn shortest() -> AccessTokenInfo {
        AccessTokenInfo {
            id: TokenId::new("i").unwrap(),
            created_at_ms: 5,
            expires_at_ms: None,
            auto_prefix_streams: false,
            scope: TokenScope::default(),
            rates: TokenRates::default(),
        }
    }

    fn longest(number: usize) -> AccessTokenInfo {
        let set = || ResourceSet::Exact("n".repeat(SCOPE_NAME_BYTES_MAX));
        AccessTokenInfo {
            id: TokenId::new(&format!("{number:0TOKEN_ID_BYTES_MAX$}")).unwrap(),
            created_at_ms: 5,
            expires_at_ms: Some(6),
            auto_prefix_streams: true,
            scope: TokenScope {
                basins: set(),
                streams: set(),
                access_tokens: set(),
                groups: OperationGroups::ALL,
                operations: Operations::ALL,
            },
            rates: TokenRates { append_bytes_per_sec: Some(7), requests_per_sec: Some(8) },
        }
    }

    fn list(tokens: Vec<AccessTokenInfo>, has_more: bool) -> Response {
        Response::AccessTokenList(AccessTokenList { tokens, has_more })
    }

    #[test]
    fn f1_written_and_parsed_up_to_a_full_page_of_the_longest() {
        round_trip(&list(vec![], false));
        round_trip(&list(vec![shortest(), longest(1)], true));
        let full = list((0..LIST_ENTRIES_MAX).map(longest).collect(), true);
        round_trip(&full);
        assert!(body_of(&full).len() <= FRAME_BODY_BYTES_MAX);
    }

    /// What bounds the count is what the shortest entry takes: its id's bytes apart.
    #[test]
    fn a_count_beyond_the_body_is_refused_before_room_is_made() {
        let one = body_of(&list(vec![shortest()], false));
        assert_eq!(one.len(), 6 + TOKEN_INFO_BYTES_MIN + 1);
        let body = [&[0, 0, 0, 0, 0xe8, 0x03][..], &[0; 40]].concat();
        assert_eq!(refused(FrameKind::AccessTokenList, &body), (ErrorCode::BadFrame, 6));
        let body = [&[0, 0, 0, 0, 0xe9, 0x03][..], &[0; 40_000]].concat();
        assert_eq!(refused(FrameKind::AccessTokenList, &body), (ErrorCode::BadFrame, 4));
    }

    #[test]
    fn unknown_options_and_flags_are_refused() {
        let good = body_of(&list(vec![shortest()], false));
        for at in [0, 14] {
            let mut body = good.clone();
            body[at] |= 4;
            assert_eq!(refused(FrameKind::AccessTokenList, &body), (ErrorCode::Unsupported, at));
        }
    }
}
