//! Answers `GetDefaultLocation` and `SetDefaultLocation`.

use bytes::{BufMut, BytesMut};

use crate::types::LocationName;
use crate::wire::{self, Parsed};

/// Where basins can be (`s2-semantics.md` E10).
///
/// ```text
/// 0 u8 1 = private | 1 u8 length, name
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationInfo {
    pub name: LocationName,
    /// Of this account alone.
    pub is_private: bool,
}

impl LocationInfo {
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u8(u8::from(self.is_private));
        wire::put_name8(out, self.name.as_str());
    }

    /// ```text
    /// 0 u32 options: none | 4 the location
    /// ```
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        self.write(out);
    }
}

pub(super) fn parse_info(input: &[u8]) -> Parsed<'_, LocationInfo> {
    let (input, is_private) = wire::boolean(input)?;
    let (input, name) = wire::location_name(input)?;
    Ok((input, LocationInfo { name, is_private }))
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, LocationInfo> {
    let (input, _) = wire::options(input, 0)?;
    parse_info(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        for is_private in [false, true] {
            let name = LocationName::new("aws:us-east-1").unwrap();
            round_trip(&Response::Location(LocationInfo { name, is_private }));
        }
    }

    #[test]
    fn what_is_neither_private_nor_not_is_refused() {
        assert_eq!(refused(FrameKind::Location, b"\0\0\0\0\x02\x01a"), (ErrorCode::BadFrame, 4));
    }
}
