//! Answers `GetStreamConfig` and `ReconfigureStream`.

use bytes::{BufMut, BytesMut};

use crate::config::{self, StreamConfig};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 configuration (config.rs), every field set
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, StreamConfig> {
    let (input, _) = wire::options(input, 0)?;
    config::parse_whole(input)
}

pub(super) fn write_body(config: &StreamConfig, out: &mut BytesMut) {
    out.put_u32_le(0);
    config.write(out);
}
