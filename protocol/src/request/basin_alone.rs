//! The body of requests that say nothing but which basin: `GetBasinConfig`, `DeleteBasin`.

use bytes::{BufMut, BytesMut};

use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, BasinName> {
    let (input, _) = wire::options(input, 0)?;
    wire::basin_name(input)
}

pub(super) fn write_body(basin: &BasinName, out: &mut BytesMut) {
    out.put_u32_le(0);
    wire::put_text8(out, basin.as_str(), BASIN_NAME_BYTES_MAX);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{refused, round_trip, target};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::GetBasinConfig(target().basin));
        round_trip(&Request::DeleteBasin(target().basin));
    }

    #[test]
    fn a2_bad_names_and_unknown_options_are_refused() {
        for kind in [FrameKind::GetBasinConfig, FrameKind::DeleteBasin] {
            assert_eq!(refused(kind, b"\0\0\0\0\x05short"), (ErrorCode::Invalid, 4));
            assert_eq!(refused(kind, b"\0\0\x01\0\x08my-basin"), (ErrorCode::Unsupported, 0));
            assert_eq!(refused(kind, b"\0\0\0\0\x08my-basin!"), (ErrorCode::BadFrame, 13));
        }
    }
}
