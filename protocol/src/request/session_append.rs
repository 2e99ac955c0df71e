//! One input of an append session; the frame's id is the session's. Answered by `AppendAck`, in order.

use bytes::{BufMut, BytesMut};

use super::conditions::{self, AppendConditions};
use crate::wire::Parsed;

/// ```text
/// 0 u32 options: bits 0-1 = match_seq_num, fencing_token are there
/// 4 [u64 match_seq_num] [u8 length, fencing_token]
///   batch, up to the body's end
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionAppend<'a> {
    /// Checked for this input alone: who pipelines with `match_seq_num` advances it by each batch's records (B10).
    pub conditions: AppendConditions,
    /// The batch as sent, not yet checked.
    pub batch: &'a [u8],
}

impl SessionAppend<'_> {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(self.conditions.options());
        self.conditions.write(out);
        out.put_slice(self.batch);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, SessionAppend<'_>> {
    let (input, options) = conditions::parse_options(input)?;
    let (batch, conditions) = conditions::parse(input, options)?;
    Ok((&[], SessionAppend { conditions, batch }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::types::FencingToken;
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed_with_the_batch_behind_the_conditions() {
        let plain = Request::SessionAppend(SessionAppend { conditions: AppendConditions::default(), batch: b"batch" });
        round_trip(&plain);
        assert_eq!(body_of(&plain), b"\0\0\0\0batch");
        let conditions =
            AppendConditions { match_seq_num: Some(7), fencing_token: Some(FencingToken::new("me").unwrap()) };
        round_trip(&Request::SessionAppend(SessionAppend { conditions, batch: b"batch" }));
    }

    #[test]
    fn unknown_options_and_too_long_a_token_are_refused() {
        assert_eq!(refused(FrameKind::SessionAppend, b"\x04\0\0\0"), (ErrorCode::Unsupported, 0));
        let long = [&b"\x02\0\0\0\x25"[..], &[b't'; 37]].concat();
        assert_eq!(refused(FrameKind::SessionAppend, &long), (ErrorCode::Invalid, 4));
    }
}
