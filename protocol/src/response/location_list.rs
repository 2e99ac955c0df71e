//! Answers `ListLocations`.

use bytes::{BufMut, BytesMut};

use super::location::{LocationInfo, parse_info};
use crate::limits::LOCATIONS_MAX;
use crate::wire::{self, Parsed};

/// Whether it is private, a length, one letter.
const LOCATION_BYTES_MIN: usize = 3;

/// ```text
/// 0 u32 options: none
/// 4 u16 count, then the locations as in Location
/// ```
pub(super) fn write_body(locations: &[LocationInfo], out: &mut BytesMut) {
    out.put_u32_le(0);
    let locations = &locations[..locations.len().min(LOCATIONS_MAX)];
    out.put_u16_le(locations.len() as u16);
    locations.iter().for_each(|location| location.write(out));
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Vec<LocationInfo>> {
    let (input, _) = wire::options(input, 0)?;
    wire::list(input, LOCATIONS_MAX, LOCATION_BYTES_MIN, parse_info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{refused, round_trip};
    use crate::types::LocationName;
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        for count in [0, 1, LOCATIONS_MAX] {
            let location =
                |n| LocationInfo { name: LocationName::new(&format!("rack-{n}")).unwrap(), is_private: n % 2 == 1 };
            round_trip(&Response::LocationList((0..count).map(location).collect()));
        }
    }

    #[test]
    fn more_than_there_can_be_are_refused() {
        let body = [&[0, 0, 0, 0, 101, 0][..], &[0; 1_000]].concat();
        assert_eq!(refused(FrameKind::LocationList, &body), (ErrorCode::BadFrame, 4));
    }
}
