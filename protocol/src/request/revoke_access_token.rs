//! Revoke an access token: it is dead at once (`s2-semantics.md` F1, F3). Answered by `Done`.

use bytes::{BufMut, BytesMut};

use crate::types::TokenId;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u8 length, id
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, TokenId> {
    let (input, _) = wire::options(input, 0)?;
    wire::token_id(input)
}

pub(super) fn write_body(id: &TokenId, out: &mut BytesMut) {
    out.put_u32_le(0);
    wire::put_name8(out, id.as_str());
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{refused, round_trip};
    use crate::types::TokenId;
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        for id in ["a", "team a/ci", &"ä".repeat(48)] {
            round_trip(&Request::RevokeAccessToken(TokenId::new(id).unwrap()));
        }
    }

    #[test]
    fn a2_bad_ids_and_unknown_options_are_refused() {
        let refused = |body: &[u8]| refused(FrameKind::RevokeAccessToken, body);
        assert_eq!(refused(b"\0\0\0\0\0"), (ErrorCode::Invalid, 4));
        assert_eq!(refused(b"\0\0\0\0\x02.."), (ErrorCode::Invalid, 4));
        assert_eq!(refused(&[&b"\0\0\0\0\x61"[..], &[b'i'; 97]].concat()), (ErrorCode::Invalid, 4));
        assert_eq!(refused(b"\x01\0\0\0\x01a"), (ErrorCode::Unsupported, 0));
    }
}
