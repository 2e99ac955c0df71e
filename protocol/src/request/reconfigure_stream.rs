//! Change part of a stream's configuration (`s2-semantics.md` E5). Answered by `StreamConfig`, all of it as it is then.

use bytes::{BufMut, BytesMut};

use super::stream_ref::{self, StreamRef};
use crate::config::{self, StreamConfigPatch};
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream | change (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconfigureStream {
    pub target: StreamRef,
    pub patch: StreamConfigPatch,
}

impl ReconfigureStream {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        self.target.write(out);
        self.patch.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ReconfigureStream> {
    let (input, _) = wire::options(input, 0)?;
    let (input, target) = stream_ref::parse(input)?;
    let (input, patch) = config::parse_patch(input)?;
    Ok((input, ReconfigureStream { target, patch }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Patch;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn reconfigure(patch: StreamConfigPatch) -> Request<'static> {
        Request::ReconfigureStream(ReconfigureStream { target: target(), patch })
    }

    #[test]
    fn e5_written_and_parsed() {
        round_trip(&reconfigure(StreamConfigPatch::default()));
        round_trip(&reconfigure(StreamConfigPatch {
            timestamping_uncapped: Patch::Clear,
            delete_on_empty_min_age_secs: Patch::Set(60),
            ..StreamConfigPatch::default()
        }));
    }

    #[test]
    fn unknown_options_and_fields_are_refused() {
        let good = body_of(&reconfigure(StreamConfigPatch::default()));
        for at in [0, good.len() - 2] {
            let mut body = good.clone();
            body[at] = 32;
            assert_eq!(refused(FrameKind::ReconfigureStream, &body), (ErrorCode::Unsupported, at));
        }
    }
}
