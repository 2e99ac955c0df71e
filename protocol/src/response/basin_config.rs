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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::BasinConfig(BasinConfig::default()));
        round_trip(&Response::BasinConfig(BasinConfig { create_stream_on_read: true, ..BasinConfig::default() }));
    }

    #[test]
    fn unknown_options_and_switches_are_refused() {
        let good = body_of(&Response::BasinConfig(BasinConfig::default()));
        for at in [0, 4] {
            let mut body = good.clone();
            body[at] = 4;
            assert_eq!(refused(FrameKind::BasinConfig, &body), (ErrorCode::Unsupported, at));
        }
    }
}
