//! Answers requests of which there is nothing to say but that they are done: deletions, revocations, `RotateRootToken`.

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
