//! The reader has room for more pushes; the frame's id is the session's. Not answered.

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::wire::{self, Parsed};

/// Added to what the session holds, up to `CREDIT_BYTES_MAX`. For a session that has just ended it is ignored: the two
/// frames crossed on the way.
///
/// ```text
/// 0 u32 options: none | 4 u64 bytes
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantCredit {
    pub bytes: u64,
}

impl GrantCredit {
    pub(super) fn write_body(self, out: &mut BytesMut) {
        out.put_u32_le(0);
        out.put_u64_le(self.bytes);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, GrantCredit> {
    let (input, _) = wire::options(input, 0)?;
    let (input, bytes) = le_u64(input)?;
    Ok((input, GrantCredit { bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;
    use crate::request::tests::round_trip;

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::GrantCredit(GrantCredit { bytes: 0 }));
        round_trip(&Request::GrantCredit(GrantCredit { bytes: u64::MAX }));
    }
}
