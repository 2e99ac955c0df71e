//! Create a stream (`s2-semantics.md` E3, E4). Answered by `StreamProvisioned`.

use bytes::{BufMut, BytesMut};

use super::stream_ref::{self, StreamRef};
use crate::config::{self, PartialStreamConfig};
use crate::types::RequestToken;
use crate::wire::{self, Parsed};

const HAS_REQUEST_TOKEN: u32 = 1;

/// ```text
/// 0 u32 options: bit 0 = request_token is there
/// 4 u8 length, basin | u16 length, stream | configuration (config.rs) | [u8 length, request_token]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateStream {
    pub target: StreamRef,
    pub config: PartialStreamConfig,
    /// Makes the call safe to repeat: the same one again, with the same configuration, finds its own work done.
    pub request_token: Option<RequestToken>,
}

impl CreateStream {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(if self.request_token.is_some() { HAS_REQUEST_TOKEN } else { 0 });
        self.target.write(out);
        self.config.write(out);
        if let Some(token) = &self.request_token {
            wire::put_name8(out, token.as_str());
        }
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, CreateStream> {
    let (input, options) = wire::options(input, HAS_REQUEST_TOKEN)?;
    let (input, target) = stream_ref::parse(input)?;
    let (input, config) = config::parse_partial(input)?;
    let (input, request_token) = wire::optional(input, options & HAS_REQUEST_TOKEN != 0, wire::request_token)?;
    Ok((input, CreateStream { target, config, request_token }))
}
