//! One atomic batch, outside any session. Answered by `AppendAck`.

use bytes::{BufMut, BytesMut};

use super::StreamRef;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream
///   batch, up to the body's end
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append<'a> {
    pub target: StreamRef,
    /// The batch as sent, not yet checked.
    pub batch: &'a [u8],
}

impl Append<'_> {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        super::stream_ref::write_body(&self.target, out);
        out.put_slice(self.batch);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Append<'_>> {
    let (input, _) = wire::options(input, 0)?;
    let (batch, target) = super::stream_ref::parse(input)?;
    Ok((&[], Append { target, batch }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed_with_the_batch_untouched() {
        round_trip(&Request::Append(Append { target: target(), batch: b"not looked at yet" }));
        round_trip(&Request::Append(Append { target: target(), batch: b"" }));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&Request::Append(Append { target: target(), batch: b"" }));
        body[1] = 1;
        assert_eq!(refused(FrameKind::Append, &body), (ErrorCode::Unsupported, 0));
    }
}
