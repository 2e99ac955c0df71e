//! Answers `GetStages`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::{STAGE_HISTOGRAM_BYTES_MAX, STAGE_NAME_BYTES_MAX, STAGES_MAX};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u16 count, then per stage: u8 length, name | u16 length, histogram
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StageHistograms {
    /// In the order in which an append goes through them; docs/PROTOCOL.md lists them. At most `STAGES_MAX` are written.
    pub stages: Vec<StageHistogram>,
}

/// How long one stage took, since the start of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageHistogram {
    pub name: String,
    /// Microseconds, in HdrHistogram's V2 encoding, at most `STAGE_HISTOGRAM_BYTES_MAX`.
    pub histogram: Bytes,
}

impl StageHistograms {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        let stages = &self.stages[..self.stages.len().min(STAGES_MAX)];
        out.put_u16_le(stages.len() as u16);
        for stage in stages {
            wire::put_text8(out, &stage.name, STAGE_NAME_BYTES_MAX);
            wire::put_bytes16(out, &stage.histogram);
        }
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, StageHistograms> {
    let (input, _) = wire::options(input, 0)?;
    let (input, stages) = wire::list(input, STAGES_MAX, 1 + 2, stage)?;
    Ok((input, StageHistograms { stages }))
}

fn stage(input: &[u8]) -> Parsed<'_, StageHistogram> {
    let (input, name) = wire::text8(input, "a stage's name", STAGE_NAME_BYTES_MAX)?;
    let (input, histogram) = wire::bytes16(input, "a stage's histogram", STAGE_HISTOGRAM_BYTES_MAX)?;
    Ok((input, StageHistogram { name: name.to_owned(), histogram: Bytes::copy_from_slice(histogram) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn stages(count: usize, bytes: usize) -> Response {
        let stage = |n| StageHistogram { name: format!("stage_{n}"), histogram: vec![n as u8; bytes].into() };
        Response::StageHistograms(StageHistograms { stages: (0..count).map(stage).collect() })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&stages(0, 0));
        round_trip(&stages(STAGES_MAX, STAGE_HISTOGRAM_BYTES_MAX));
    }

    #[test]
    fn a_histogram_that_is_too_long_is_refused() {
        let body = body_of(&stages(1, STAGE_HISTOGRAM_BYTES_MAX + 1));
        let at_length = 4 + 2 + 1 + "stage_0".len();
        assert_eq!(refused(FrameKind::StageHistograms, &body), (ErrorCode::Invalid, at_length));
    }

    #[test]
    fn a_count_beyond_the_body_is_refused_before_room_is_made() {
        let mut body = body_of(&stages(0, 0));
        body[4..].copy_from_slice(&(STAGES_MAX as u16).to_le_bytes());
        assert_eq!(refused(FrameKind::StageHistograms, &body), (ErrorCode::BadFrame, body.len()));
    }
}
