//! One atomic batch, outside any session. Answered by `AppendAck`.

use bytes::{BufMut, BytesMut};

use super::conditions::{self, AppendConditions};
use super::stream_ref::StreamRef;
use crate::wire::Parsed;

/// ```text
/// 0 u32 options: bits 0-1 = match_seq_num, fencing_token are there
/// 4 u8 length, basin | u16 length, stream
///   [u64 match_seq_num] [u8 length, fencing_token]
///   batch, up to the body's end
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append<'a> {
    pub target: StreamRef,
    pub conditions: AppendConditions,
    /// The batch as sent, not yet checked.
    pub batch: &'a [u8],
}

impl Append<'_> {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(self.conditions.options());
        self.target.write(out);
        self.conditions.write(out);
        out.put_slice(self.batch);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, Append<'_>> {
    let (input, options) = conditions::parse_options(input)?;
    let (input, target) = super::stream_ref::parse(input)?;
    let (batch, conditions) = conditions::parse(input, options)?;
    Ok((&[], Append { target, conditions, batch }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::types::FencingToken;
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed_with_the_batch_untouched() {
        round_trip(&Request::Append(Append {
            target: target(),
            conditions: AppendConditions::default(),
            batch: b"not looked at yet",
        }));
        round_trip(&Request::Append(Append { target: target(), conditions: AppendConditions::default(), batch: b"" }));
    }

    #[test]
    fn b1_each_condition_apart() {
        let token = |token| Some(FencingToken::new(token).unwrap());
        for (match_seq_num, fencing_token) in
            [(Some(0), None), (None, token("")), (None, token(&"t".repeat(36))), (Some(u64::MAX), token("a"))]
        {
            let conditions = AppendConditions { match_seq_num, fencing_token };
            round_trip(&Request::Append(Append { target: target(), conditions, batch: b"batch" }));
        }
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body =
            body_of(&Request::Append(Append { target: target(), conditions: AppendConditions::default(), batch: b"" }));
        body[1] = 1;
        assert_eq!(refused(FrameKind::Append, &body), (ErrorCode::Unsupported, 0));
    }
}
