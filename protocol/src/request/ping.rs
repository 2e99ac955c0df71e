//! Is anybody there?

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none | 4 u64 nonce
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Comes back unchanged in `Pong`.
    pub nonce: u64,
}

impl Ping {
    pub(super) fn write_body(self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u64_le(self.nonce);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Ping> {
    let (input, _) = wire::options(input, 0)?;
    let (input, nonce) = le_u64(input)?;
    Ok((input, Ping { nonce }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::Ping(Ping { nonce: u64::MAX }));
    }

    #[test]
    fn unknown_options_missing_and_trailing_bytes_are_refused() {
        let mut body = body_of(&Request::Ping(Ping { nonce: 1 }));
        assert_eq!(refused(FrameKind::Ping, &body[..11]), (ErrorCode::BadFrame, 4));
        body[0] = 1;
        assert_eq!(refused(FrameKind::Ping, &body), (ErrorCode::Unsupported, 0));
        body[0] = 0;
        body.push(0);
        assert_eq!(refused(FrameKind::Ping, &body), (ErrorCode::BadFrame, 12));
    }
}
