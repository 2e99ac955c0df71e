//! Change part of a stream's configuration (`s2-semantics.md` E5). Answered by `StreamConfig`, all of it as it is then.

use bytes::{BufMut, BytesMut};

use super::stream_ref::{self, StreamRef};
use crate::config::{self, StreamConfigPatch};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream | change (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconfigureStream {
    pub target: StreamRef,
    pub patch: StreamConfigPatch,
}

impl ReconfigureStream {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        self.target.write(out);
        self.patch.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ReconfigureStream> {
    let (input, _) = wire::options(input, 0)?;
    let (input, target) = stream_ref::parse(input)?;
    let (input, patch) = config::parse_patch(input)?;
    Ok((input, ReconfigureStream { target, patch }))
}
