//! What must hold for an append to be accepted (`s2-semantics.md` B1, B3).

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u64;

use crate::types::FencingToken;
use crate::wire::{self, Parsed};

const HAS_MATCH_SEQ_NUM: u32 = 1;
const HAS_FENCING_TOKEN: u32 = 2;
const OPTIONS: u32 = HAS_MATCH_SEQ_NUM | HAS_FENCING_TOKEN;

/// Absent conditions are not checked; an empty fencing token is one that must be current.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppendConditions {
    /// The number that the batch's first record must get.
    pub match_seq_num: Option<u64>,
    pub fencing_token: Option<FencingToken>,
}

impl AppendConditions {
    /// The option bits that tell which conditions follow.
    pub(super) fn options(&self) -> u32 {
        let seq_num = if self.match_seq_num.is_some() { HAS_MATCH_SEQ_NUM } else { 0 };
        let token = if self.fencing_token.is_some() { HAS_FENCING_TOKEN } else { 0 };
        seq_num | token
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        if let Some(seq_num) = self.match_seq_num {
            out.put_u64_le(seq_num);
        }
        if let Some(token) = &self.fencing_token {
            wire::put_name8(out, token.as_str());
        }
    }
}

pub(super) fn parse_options(input: &[u8]) -> Parsed<'_, u32> {
    wire::options(input, OPTIONS)
}

pub(super) fn parse(input: &[u8], options: u32) -> Parsed<'_, AppendConditions> {
    let (input, match_seq_num) = wire::optional(input, options & HAS_MATCH_SEQ_NUM != 0, le_u64)?;
    let (input, fencing_token) = wire::optional(input, options & HAS_FENCING_TOKEN != 0, wire::fencing_token)?;
    Ok((input, AppendConditions { match_seq_num, fencing_token }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::SessionAppend;
    use crate::request::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Request};

    fn body(match_seq_num: Option<u64>, fencing_token: Option<&str>) -> Vec<u8> {
        let fencing_token = fencing_token.map(|token| FencingToken::new(token).unwrap());
        let conditions = AppendConditions { match_seq_num, fencing_token };
        let request = Request::SessionAppend(SessionAppend { conditions, batch: b"" });
        round_trip(&request);
        body_of(&request)
    }

    /// An absent condition is none; number 0 and the empty token are conditions (B3, B4).
    #[test]
    fn b4_an_absent_condition_is_not_an_empty_one() {
        assert_eq!(body(None, None), b"\0\0\0\0");
        assert_eq!(body(Some(0), None), b"\x01\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(body(None, Some("")), b"\x02\0\0\0\0");
        assert_eq!(body(Some(1), Some("me")), b"\x03\0\0\0\x01\0\0\0\0\0\0\0\x02me");
    }

    #[test]
    fn a_token_that_is_no_text_and_a_condition_cut_short_are_refused() {
        assert_eq!(refused(FrameKind::SessionAppend, b"\x02\0\0\0\x01\xff"), (ErrorCode::Invalid, 4));
        assert_eq!(refused(FrameKind::SessionAppend, b"\x01\0\0\0\x01\0\0"), (ErrorCode::BadFrame, 4));
        assert_eq!(refused(FrameKind::SessionAppend, b"\x02\0\0\0\x03me"), (ErrorCode::BadFrame, 5));
    }
}
