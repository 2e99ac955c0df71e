//! Answers `GetBasinConfig` and `ReconfigureBasin`.

use bytes::{BufMut, BytesMut};

use crate::config::{self, BasinConfig};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 configuration (config.rs)
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, BasinConfig> {
    let (input, _) = wire::options(input, 0)?;
    config::parse_basin(input)
}

pub(super) fn write_body(config: &BasinConfig, out: &mut BytesMut) {
    out.put_u32_le(0);
    config.write(out);
}
