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
