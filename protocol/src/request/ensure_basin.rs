//! Create a basin, or replace its configuration (`s2-semantics.md` E3). Answered by `BasinProvisioned`.

use bytes::{BufMut, BytesMut};

use crate::config::{self, BasinConfig};
use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

/// What the configuration leaves out goes back to its default: this replaces, and does not merge.
///
/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | configuration (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnsureBasin {
    pub basin: BasinName,
    pub config: BasinConfig,
}

impl EnsureBasin {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
        self.config.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, EnsureBasin> {
    let (input, _) = wire::options(input, 0)?;
    let (input, basin) = wire::basin_name(input)?;
    let (input, config) = config::parse_basin(input)?;
    Ok((input, EnsureBasin { basin, config }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn ensure(config: BasinConfig) -> Request<'static> {
        Request::EnsureBasin(EnsureBasin { basin: target().basin, config })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&ensure(BasinConfig::default()));
        round_trip(&ensure(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() }));
    }

    /// A replacement has nothing to clear: what is not set is at its default.
    #[test]
    fn e3_cleared_fields_are_refused() {
        let mut body = body_of(&ensure(BasinConfig::default()));
        let at = body.len() - 2;
        body[at + 1] = 1;
        assert_eq!(refused(FrameKind::EnsureBasin, &body), (ErrorCode::BadFrame, at));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&ensure(BasinConfig::default()));
        body[0] = 1;
        assert_eq!(refused(FrameKind::EnsureBasin, &body), (ErrorCode::Unsupported, 0));
    }
}
