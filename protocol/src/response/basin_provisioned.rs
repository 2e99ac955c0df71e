//! Answers `CreateBasin` and `EnsureBasin`. Also a basin as listings show it.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u64};

use super::Provisioned;
use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

const HAS_DELETED_AT: u8 = 1;
/// With the shortest length field and no name: what bounds a list's count.
pub(super) const BASIN_INFO_BYTES_MIN: usize = 10;

/// ```text
/// 0 u64 created_at_ms | 8 u8 flags: bit 0 = deleted_at_ms is there | 9 [u64 deleted_at_ms] | u8 length, name
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinInfo {
    pub name: BasinName,
    pub created_at_ms: u64,
    /// Set while it is being deleted (`s2-semantics.md` E6).
    pub deleted_at_ms: Option<u64>,
}

impl BasinInfo {
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u64_le(self.created_at_ms);
        put_deleted_at(out, self.deleted_at_ms);
        wire::put_text8(out, self.name.as_str(), BASIN_NAME_BYTES_MAX);
    }
}

pub(super) fn put_deleted_at(out: &mut BytesMut, deleted_at_ms: Option<u64>) {
    out.put_u8(if deleted_at_ms.is_some() { HAS_DELETED_AT } else { 0 });
    if let Some(at) = deleted_at_ms {
        out.put_u64_le(at);
    }
}

pub(super) fn parse_deleted_at(input: &[u8]) -> Parsed<'_, Option<u64>> {
    let (rest, flags) = le_u8(input)?;
    match flags {
        0 => Ok((rest, None)),
        HAS_DELETED_AT => le_u64(rest).map(|(rest, at)| (rest, Some(at))),
        _ => wire::unsupported(input, "flags that this version does not know"),
    }
}

pub(super) fn parse_info(input: &[u8]) -> Parsed<'_, BasinInfo> {
    let (input, created_at_ms) = le_u64(input)?;
    let (input, deleted_at_ms) = parse_deleted_at(input)?;
    let (input, name) = wire::basin_name(input)?;
    Ok((input, BasinInfo { name, created_at_ms, deleted_at_ms }))
}

/// ```text
/// 0 u32 options: none | 4 u8 result: 1 created, 2 updated, 3 noop | 5 the basin, as above
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, Provisioned<BasinInfo>> {
    let (input, result) = super::provisioned::parse_result(input)?;
    let (input, info) = parse_info(input)?;
    Ok((input, Provisioned { info, result }))
}

pub(super) fn write_body(provisioned: &Provisioned<BasinInfo>, out: &mut BytesMut) {
    super::provisioned::put_result(out, provisioned.result);
    provisioned.info.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::ProvisionResult;
    use crate::response::tests::{basin, body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    #[test]
    fn written_and_parsed_with_each_result() {
        for result in [ProvisionResult::Created, ProvisionResult::Updated, ProvisionResult::Noop] {
            round_trip(&Response::BasinProvisioned(Provisioned { info: basin("my-basin"), result }));
        }
        let info = BasinInfo { deleted_at_ms: Some(9), ..basin("my-basin") };
        round_trip(&Response::BasinProvisioned(Provisioned { info, result: ProvisionResult::Noop }));
    }

    #[test]
    fn unknown_flags_and_results_are_refused() {
        let provisioned = Provisioned { info: basin("my-basin"), result: ProvisionResult::Created };
        let body = body_of(&Response::BasinProvisioned(provisioned));
        for at in [4, 13] {
            let mut body = body.clone();
            body[at] |= 4;
            assert_eq!(refused(FrameKind::BasinProvisioned, &body), (ErrorCode::Unsupported, at));
        }
    }
}
