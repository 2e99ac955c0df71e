//! Create a stream, or replace its configuration (`s2-semantics.md` E3). Answered by `StreamProvisioned`.

use bytes::{BufMut, BytesMut};

use super::stream_ref::{self, StreamRef};
use crate::config::{self, PartialStreamConfig};
use crate::wire::{self, Parsed};

/// What the configuration leaves out goes back to the basin's default: this replaces, and does not merge.
///
/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream | configuration (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnsureStream {
    pub target: StreamRef,
    pub config: PartialStreamConfig,
}

impl EnsureStream {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        self.target.write(out);
        self.config.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, EnsureStream> {
    let (input, _) = wire::options(input, 0)?;
    let (input, target) = stream_ref::parse(input)?;
    let (input, config) = config::parse_partial(input)?;
    Ok((input, EnsureStream { target, config }))
}
