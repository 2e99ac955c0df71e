//! Replace the root token: the broker writes the new one into its `root-token` file, and the old one is dead at once. Answered
//! by `Done`; no secret travels.

use bytes::{BufMut, BytesMut};

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, ()> {
    wire::options(input, 0).map(|(rest, _)| (rest, ()))
}

pub(super) fn write_body(out: &mut BytesMut) {
    out.put_u32_le(0);
}
