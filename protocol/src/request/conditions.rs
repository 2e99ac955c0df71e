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
