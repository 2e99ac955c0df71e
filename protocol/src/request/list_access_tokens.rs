//! One page of access tokens in byte order of their ids. Answered by `AccessTokenList`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u32;

use crate::types::check_token_filter;
use crate::wire::{self, Parsed};

/// Limit and filters as in [`super::ListBasins`].
///
/// ```text
/// 0 u32 options: none | 4 u32 limit | 8 u16 length, prefix | u16 length, start_after
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListAccessTokens {
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

impl ListAccessTokens {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u32_le(self.limit);
        wire::put_bytes16(out, self.prefix.as_bytes());
        wire::put_bytes16(out, self.start_after.as_bytes());
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ListAccessTokens> {
    let (input, _) = wire::options(input, 0)?;
    let (input, limit) = le_u32(input)?;
    let (input, prefix) = wire::filter(input, check_token_filter)?;
    let (input, start_after) = wire::filter(input, check_token_filter)?;
    Ok((input, ListAccessTokens { prefix, start_after, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    fn list(prefix: &str, start_after: &str) -> Request<'static> {
        let (prefix, start_after) = (prefix.into(), start_after.into());
        Request::ListAccessTokens(ListAccessTokens { prefix, start_after, limit: 7 })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&list("", ""));
        round_trip(&list("..", &"ä".repeat(48)));
    }

    #[test]
    fn a2_filters_that_no_id_can_match_are_refused() {
        assert_eq!(refused(FrameKind::ListAccessTokens, &body_of(&list("a\0", ""))), (ErrorCode::Invalid, 8));
        let long = body_of(&list("", &"i".repeat(97)));
        assert_eq!(refused(FrameKind::ListAccessTokens, &long), (ErrorCode::Invalid, 10));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&list("", ""));
        body[3] = 1;
        assert_eq!(refused(FrameKind::ListAccessTokens, &body), (ErrorCode::Unsupported, 0));
    }
}
