//! What a creation did (`s2-semantics.md` E3).

use bytes::{BufMut, BytesMut};
use nom::number::complete::le_u8;

use crate::wire::{self, Parsed};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ProvisionResult {
    Created = 1,
    Updated = 2,
    Noop = 3,
}

impl ProvisionResult {
    /// S2's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Noop => "noop",
        }
    }
}

/// A basin or a stream as it is now, and how it came to be so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provisioned<T> {
    pub info: T,
    pub result: ProvisionResult,
}

pub(super) fn parse_result(input: &[u8]) -> Parsed<'_, ProvisionResult> {
    let (input, _) = wire::options(input, 0)?;
    let (rest, byte) = le_u8(input)?;
    match byte {
        1 => Ok((rest, ProvisionResult::Created)),
        2 => Ok((rest, ProvisionResult::Updated)),
        3 => Ok((rest, ProvisionResult::Noop)),
        _ => wire::unsupported(input, "a result that this version does not know"),
    }
}

pub(super) fn put_result(out: &mut BytesMut, result: ProvisionResult) {
    out.put_u32_le(0);
    out.put_u8(result as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e3_every_result_has_a_number_and_s2s_word() {
        let words = [
            (ProvisionResult::Created, "created"),
            (ProvisionResult::Updated, "updated"),
            (ProvisionResult::Noop, "noop"),
        ];
        for (number, (result, word)) in (1..).zip(words) {
            let mut out = BytesMut::new();
            put_result(&mut out, result);
            assert_eq!(&out[..], [0, 0, 0, 0, number]);
            assert_eq!(wire::whole("result", &out, parse_result), Ok(result));
            assert_eq!(result.name(), word);
        }
    }
}
