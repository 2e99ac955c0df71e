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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retention;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn create(config: PartialStreamConfig, request_token: Option<&str>) -> Request<'static> {
        let request_token = request_token.map(|token| RequestToken::new(token).unwrap());
        Request::CreateStream(CreateStream { target: target(), config, request_token })
    }

    #[test]
    fn e4_written_and_parsed_with_and_without_a_request_token() {
        for request_token in [None, Some(""), Some("once"), Some(&*"t".repeat(36))] {
            round_trip(&create(PartialStreamConfig::default(), request_token));
            let config = PartialStreamConfig { retention: Some(Retention::Age(1)), ..PartialStreamConfig::default() };
            round_trip(&create(config, request_token));
        }
    }

    #[test]
    fn e1_an_age_of_zero_is_refused() {
        let config = PartialStreamConfig { retention: Some(Retention::Age(0)), ..PartialStreamConfig::default() };
        let body = body_of(&create(config, None));
        assert_eq!(refused(FrameKind::CreateStream, &body), (ErrorCode::Invalid, body.len() - 8));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&create(PartialStreamConfig::default(), None));
        body[0] = 2;
        assert_eq!(refused(FrameKind::CreateStream, &body), (ErrorCode::Unsupported, 0));
    }
}
