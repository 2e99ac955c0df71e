//! The body of requests that say nothing but which basin: `GetBasinConfig`, `DeleteBasin`.

use bytes::{BufMut, BytesMut};

use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, BasinName> {
    let (input, _) = wire::options(input, 0)?;
    wire::basin_name(input)
}

pub(super) fn write_body(basin: &BasinName, out: &mut BytesMut) {
    out.put_u32_le(0);
    wire::put_text8(out, basin.as_str(), BASIN_NAME_BYTES_MAX);
}
