//! One page of basin names in byte order. Answered by `BasinList`.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u32;

use crate::types::check_basin_filter;
use crate::wire::{self, Parsed};

/// `limit` 0 or above 1000 means 1000 (`s2-semantics.md` E3). Prefix and start_after are not validated as full names
/// but by the looser rule of `s2-semantics.md` A2 for filters.
///
/// ```text
/// 0 u32 options: none | 4 u32 limit
/// 8 u16 length, prefix | u16 length, start_after
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListBasins {
    pub prefix: String,
    pub start_after: String,
    pub limit: u32,
}

impl ListBasins {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u32_le(self.limit);
        wire::put_bytes16(out, self.prefix.as_bytes());
        wire::put_bytes16(out, self.start_after.as_bytes());
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ListBasins> {
    let (input, _) = wire::options(input, 0)?;
    let (input, limit) = le_u32(input)?;
    let (input, prefix) = wire::filter(input, check_basin_filter)?;
    let (input, start_after) = wire::filter(input, check_basin_filter)?;
    Ok((input, ListBasins { prefix, start_after, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    fn list(prefix: &str, start_after: &str) -> Request<'static> {
        Request::ListBasins(ListBasins { prefix: prefix.into(), start_after: start_after.into(), limit: 7 })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&list("", ""));
        round_trip(&list("my-", "my-basin"));
    }

    #[test]
    fn a2_filters_that_no_name_can_match_are_refused() {
        assert_eq!(refused(FrameKind::ListBasins, &body_of(&list("My", ""))), (ErrorCode::Invalid, 8));
        let long = "a".repeat(70_000);
        assert_eq!(refused(FrameKind::ListBasins, &body_of(&list("", &long))), (ErrorCode::Invalid, 10));
    }
}
