//! Answers `ListBasins`.

use bytes::{BufMut, BytesMut};

use super::basin_provisioned::{BASIN_INFO_BYTES_MIN, BasinInfo, parse_info};
use crate::limits::LIST_ENTRIES_MAX;
use crate::wire::{self, Parsed};

const HAS_MORE: u32 = 1;

/// ```text
/// 0 u32 options: bit 0 = has_more
/// 4 u16 count, then the basins as in BasinProvisioned
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinList {
    /// In byte order; at most `LIST_ENTRIES_MAX` are written.
    pub basins: Vec<BasinInfo>,
    pub has_more: bool,
}

impl BasinList {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(u32::from(self.has_more) * HAS_MORE);
        let basins = &self.basins[..self.basins.len().min(LIST_ENTRIES_MAX)];
        out.put_u16_le(basins.len() as u16);
        basins.iter().for_each(|basin| basin.write(out));
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, BasinList> {
    let (input, options) = wire::options(input, HAS_MORE)?;
    let (input, basins) = wire::list(input, LIST_ENTRIES_MAX, BASIN_INFO_BYTES_MIN, parse_info)?;
    Ok((input, BasinList { basins, has_more: options & HAS_MORE != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{basin, refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed() {
        round_trip(&Response::BasinList(BasinList { basins: vec![], has_more: false }));
        let basins = (0..LIST_ENTRIES_MAX).map(|n| basin(&format!("basin-{n:042}"))).collect();
        round_trip(&Response::BasinList(BasinList { basins, has_more: true }));
    }

    #[test]
    fn more_entries_than_a_page_holds_are_refused() {
        let body = [&[0, 0, 0, 0, 0xe9, 0x03][..], &[0; 20_000]].concat();
        assert_eq!(refused(FrameKind::BasinList, &body), (ErrorCode::BadFrame, 4));
    }
}
