//! Create a basin (`s2-semantics.md` E3, E4). Answered by `BasinProvisioned`.

use bytes::{BufMut, BytesMut};

use crate::config::{self, BasinConfig};
use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::{BasinName, RequestToken};
use crate::wire::{self, Parsed};

const HAS_REQUEST_TOKEN: u32 = 1;

/// ```text
/// 0 u32 options: bit 0 = request_token is there
/// 4 u8 length, basin | configuration (config.rs) | [u8 length, request_token]
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateBasin {
    pub basin: BasinName,
    pub config: BasinConfig,
    /// Makes the call safe to repeat: the same one again, with the same configuration, finds its own work done.
    pub request_token: Option<RequestToken>,
}

impl CreateBasin {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(if self.request_token.is_some() { HAS_REQUEST_TOKEN } else { 0 });
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
        self.config.write(out);
        if let Some(token) = &self.request_token {
            wire::put_name8(out, token.as_str());
        }
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, CreateBasin> {
    let (input, options) = wire::options(input, HAS_REQUEST_TOKEN)?;
    let (input, basin) = wire::basin_name(input)?;
    let (input, config) = config::parse_basin(input)?;
    let (input, request_token) = wire::optional(input, options & HAS_REQUEST_TOKEN != 0, wire::request_token)?;
    Ok((input, CreateBasin { basin, config, request_token }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PartialStreamConfig;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn create(config: BasinConfig, request_token: Option<&str>) -> Request<'static> {
        let request_token = request_token.map(|token| RequestToken::new(token).unwrap());
        Request::CreateBasin(CreateBasin { basin: target().basin, config, request_token })
    }

    fn configured() -> BasinConfig {
        let default_stream_config =
            PartialStreamConfig { delete_on_empty_min_age_secs: Some(0), ..PartialStreamConfig::default() };
        BasinConfig { default_stream_config, create_stream_on_append: false, create_stream_on_read: true }
    }

    #[test]
    fn e4_written_and_parsed_with_and_without_a_request_token() {
        for request_token in [None, Some(""), Some("once"), Some(&*"t".repeat(36))] {
            round_trip(&create(BasinConfig::default(), request_token));
            round_trip(&create(configured(), request_token));
        }
    }

    #[test]
    fn a2_too_long_a_request_token_is_refused() {
        let mut body = body_of(&create(BasinConfig::default(), Some("")));
        let at = body.len() - 1;
        body[at] = 37;
        body.extend([b't'; 37]);
        assert_eq!(refused(FrameKind::CreateBasin, &body), (ErrorCode::Invalid, at));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&create(BasinConfig::default(), None));
        body[0] = 2;
        assert_eq!(refused(FrameKind::CreateBasin, &body), (ErrorCode::Unsupported, 0));
    }
}
