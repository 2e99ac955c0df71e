//! How long do the stages of the server's work take? Answered by `StageHistograms`.

use bytes::{BufMut, BytesMut};

use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, ()> {
    let (input, _) = wire::options(input, 0)?;
    Ok((input, ()))
}

pub(super) fn write_body(out: &mut BytesMut) {
    out.put_u32_le(0);
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::request::tests::{refused, round_trip};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed() {
        round_trip(&Request::GetStages);
    }

    #[test]
    fn unknown_options_are_refused() {
        assert_eq!(refused(FrameKind::GetStages, &[0, 0, 0, 128]), (ErrorCode::Unsupported, 0));
    }
}
