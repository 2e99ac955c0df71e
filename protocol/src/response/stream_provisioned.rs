//! Answers `CreateStream` and `EnsureStream`. Also a stream as listings show it.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use super::Provisioned;
use super::basin_provisioned::{parse_deleted_at, put_deleted_at};
use crate::limits::STREAM_NAME_BYTES_MAX;
use crate::types::{StreamId, StreamName};
use crate::wire::{self, Parsed};

/// With the shortest length field and no name: what bounds a list's count.
pub(super) const STREAM_INFO_BYTES_MIN: usize = 27;

/// ```text
/// 0 [16] id | 16 u64 created_at_ms | 24 u8 flags: bit 0 = deleted_at_ms is there | 25 [u64 deleted_at_ms]
///   u16 length, name
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    pub name: StreamName,
    pub id: StreamId,
    pub created_at_ms: u64,
    /// Set while it is being deleted (`s2-semantics.md` E6).
    pub deleted_at_ms: Option<u64>,
}

impl StreamInfo {
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.id.0);
        out.put_u64_le(self.created_at_ms);
        put_deleted_at(out, self.deleted_at_ms);
        wire::put_text16(out, self.name.as_str(), STREAM_NAME_BYTES_MAX);
    }
}

pub(super) fn parse_info(input: &[u8]) -> Parsed<'_, StreamInfo> {
    let (input, id) = wire::stream_id(input)?;
    let (input, created_at_ms) = le_u64(input)?;
    let (input, deleted_at_ms) = parse_deleted_at(input)?;
    let (input, name) = wire::stream_name(input)?;
    Ok((input, StreamInfo { name, id, created_at_ms, deleted_at_ms }))
}

/// ```text
/// 0 u32 options: none | 4 u8 result: 1 created, 2 updated, 3 noop | 5 the stream, as above
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, Provisioned<StreamInfo>> {
    let (input, result) = super::provisioned::parse_result(input)?;
    let (input, info) = parse_info(input)?;
    Ok((input, Provisioned { info, result }))
}

pub(super) fn write_body(provisioned: &Provisioned<StreamInfo>, out: &mut BytesMut) {
    super::provisioned::put_result(out, provisioned.result);
    provisioned.info.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::ProvisionResult;
    use crate::response::tests::{body_of, refused, round_trip, stream};
    use crate::{FrameKind, Response};

    fn created(name: &str) -> Response {
        Response::StreamProvisioned(Provisioned { info: stream(name), result: ProvisionResult::Created })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&created("logs/2026"));
        let info = StreamInfo { deleted_at_ms: Some(9), ..stream("logs/2026") };
        round_trip(&Response::StreamProvisioned(Provisioned { info, result: ProvisionResult::Updated }));
    }

    #[test]
    fn a2_a_bad_name_is_refused() {
        let mut body = body_of(&created("logs/2026"));
        body[32] = 0;
        assert_eq!(refused(FrameKind::StreamProvisioned, &body), (ErrorCode::Invalid, 30));
    }
}
