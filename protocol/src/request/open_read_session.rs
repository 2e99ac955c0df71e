//! Open a read session under this frame's id: history, then live. Answered by `ReadSessionOpened`, then pushes.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use super::read::{ReadParams, parse_params_with};
use super::{StreamRef, stream_ref};
use crate::wire::Parsed;

const TAKES_PAGES: u32 = 32;

/// ```text
/// 0 read parameters, as in Read; their option bit 5 = takes pages
///   u64 credit_bytes | u8 length, basin | u16 length, stream
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReadSession {
    pub target: StreamRef,
    pub params: ReadParams,
    /// Bytes of push frame bodies the reader is ready to take now. A push is sent while credit is above zero and is
    /// then subtracted whole (so credit may go below zero by one push): a small credit never wedges a large record.
    pub credit_bytes: u64,
    /// Whether history may come as `Page` pushes. Only to a server that said so ([`crate::request::FEATURE_PAGES`]).
    pub takes_pages: bool,
}

impl OpenReadSession {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        self.params.write_with(if self.takes_pages { TAKES_PAGES } else { 0 }, out);
        out.put_u64_le(self.credit_bytes);
        self.target.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, OpenReadSession> {
    let (input, (params, options)) = parse_params_with(input, TAKES_PAGES)?;
    let (input, credit_bytes) = le_u64(input)?;
    let (input, target) = stream_ref::parse(input)?;
    Ok((input, OpenReadSession { target, params, credit_bytes, takes_pages: options & TAKES_PAGES != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::ReadStart;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn open(params: ReadParams) -> Request<'static> {
        Request::OpenReadSession(OpenReadSession {
            target: target(),
            params,
            credit_bytes: 1 << 20,
            takes_pages: false,
        })
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
    fn whether_it_takes_pages_is_an_option_of_its_own() {
        let params = ReadParams { wait_secs: Some(4), ..ReadParams::new(ReadStart::SeqNum(1)) };
        for takes_pages in [false, true] {
            let open = OpenReadSession { target: target(), params: params.clone(), credit_bytes: 1, takes_pages };
            round_trip(&Request::OpenReadSession(open));
        }
    }

    #[test]
    fn c1_a_start_at_or_behind_until_is_invalid() {
        let params = ReadParams { until: Some(5), ..ReadParams::new(ReadStart::Timestamp(5)) };
        assert_eq!(refused(FrameKind::OpenReadSession, &body_of(&open(params))), (ErrorCode::Invalid, 4));
    }
}
