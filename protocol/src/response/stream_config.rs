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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Retention, StorageClass, TimestampingMode};
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn config() -> Response {
        Response::StreamConfig(StreamConfig {
            storage_class: StorageClass::Standard,
            retention: Retention::Age(5),
            timestamping_mode: TimestampingMode::ClientPrefer,
            timestamping_uncapped: false,
            delete_on_empty_min_age_secs: 0,
        })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&config());
    }

    #[test]
    fn unknown_options_and_a_missing_field_are_refused() {
        let mut option = body_of(&config());
        option[0] = 1;
        assert_eq!(refused(FrameKind::StreamConfig, &option), (ErrorCode::Unsupported, 0));
        assert_eq!(refused(FrameKind::StreamConfig, b"\0\0\0\0\0\0"), (ErrorCode::BadFrame, 4));
    }
}
