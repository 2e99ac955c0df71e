//! Open a read session under this frame's id: history, then live. Answered by `ReadSessionOpened`, then pushes.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use super::read::{ReadParams, parse_params};
use super::{StreamRef, stream_ref};
use crate::wire::Parsed;

/// ```text
/// 0 read parameters, as in Read
///   u64 credit_bytes | u8 length, basin | u16 length, stream
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReadSession {
    pub target: StreamRef,
    pub params: ReadParams,
    /// Bytes of push frame bodies the reader is ready to take now. A push is sent while credit is above zero and is
    /// then subtracted whole (so credit may go below zero by one push): a small credit never wedges a large record.
    pub credit_bytes: u64,
}

impl OpenReadSession {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        self.params.write(out);
        out.put_u64_le(self.credit_bytes);
        self.target.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, OpenReadSession> {
    let (input, params) = parse_params(input)?;
    let (input, credit_bytes) = le_u64(input)?;
    let (input, target) = stream_ref::parse(input)?;
    Ok((input, OpenReadSession { target, params, credit_bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::ReadStart;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn open(params: ReadParams) -> Request<'static> {
        Request::OpenReadSession(OpenReadSession { target: target(), params, credit_bytes: 1 << 20 })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&open(ReadParams::new(ReadStart::SeqNum(0))));
        let bounded = ReadParams {
            count: Some(1),
            bytes: Some(2),
            until: Some(3),
            wait_secs: Some(4),
            clamp: true,
            start: ReadStart::TailOffset(9),
        };
        round_trip(&open(bounded));
    }

    #[test]
    fn c1_a_start_at_or_behind_until_is_invalid() {
        let params = ReadParams { until: Some(5), ..ReadParams::new(ReadStart::Timestamp(5)) };
        assert_eq!(refused(FrameKind::OpenReadSession, &body_of(&open(params))), (ErrorCode::Invalid, 4));
    }
}
