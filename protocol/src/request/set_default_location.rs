//! Where a basin shall be whose creator names no place (`s2-semantics.md` E10). Answered by `Location`.

use bytes::{BufMut, BytesMut};

use crate::types::LocationName;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u8 length, location
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, LocationName> {
    let (input, _) = wire::options(input, 0)?;
    wire::location_name(input)
}

pub(super) fn write_body(name: &LocationName, out: &mut BytesMut) {
    out.put_u32_le(0);
    wire::put_name8(out, name.as_str());
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{refused, round_trip};
    use crate::types::LocationName;
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        for name in ["a", "aws:us-east-1", &"x".repeat(64)] {
            round_trip(&Request::SetDefaultLocation(LocationName::new(name).unwrap()));
        }
    }

    #[test]
    fn a2_bad_names_and_unknown_options_are_refused() {
        let refused = |body: &[u8]| refused(FrameKind::SetDefaultLocation, body);
        assert_eq!(refused(b"\0\0\0\0\0"), (ErrorCode::Invalid, 4));
        assert_eq!(refused(b"\0\0\0\0\x03a b"), (ErrorCode::Invalid, 4));
        assert_eq!(refused(b"\x01\0\0\0\x01a"), (ErrorCode::Unsupported, 0));
    }
}
