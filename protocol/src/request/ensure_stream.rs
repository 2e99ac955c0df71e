//! Create a stream, or replace its configuration (`s2-semantics.md` E3). Answered by `StreamProvisioned`.

use bytes::{BufMut, BytesMut};

use super::stream_ref::{self, StreamRef};
use crate::config::{self, PartialStreamConfig};
use crate::wire::{self, Parsed};

/// What the configuration leaves out goes back to the basin's default: this replaces, and does not merge.
///
/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | u16 length, stream | configuration (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnsureStream {
    pub target: StreamRef,
    pub config: PartialStreamConfig,
}

impl EnsureStream {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        self.target.write(out);
        self.config.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, EnsureStream> {
    let (input, _) = wire::options(input, 0)?;
    let (input, target) = stream_ref::parse(input)?;
    let (input, config) = config::parse_partial(input)?;
    Ok((input, EnsureStream { target, config }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TimestampingMode;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn ensure(config: PartialStreamConfig) -> Request<'static> {
        Request::EnsureStream(EnsureStream { target: target(), config })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&ensure(PartialStreamConfig::default()));
        let timestamping_mode = Some(TimestampingMode::Arrival);
        round_trip(&ensure(PartialStreamConfig { timestamping_mode, ..PartialStreamConfig::default() }));
    }

    /// A replacement has nothing to clear: what is not set is at its default.
    #[test]
    fn e3_cleared_fields_are_refused() {
        let mut body = body_of(&ensure(PartialStreamConfig::default()));
        let at = body.len() - 2;
        body[at + 1] = 16;
        assert_eq!(refused(FrameKind::EnsureStream, &body), (ErrorCode::BadFrame, at));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut body = body_of(&ensure(PartialStreamConfig::default()));
        body[0] = 1;
        assert_eq!(refused(FrameKind::EnsureStream, &body), (ErrorCode::Unsupported, 0));
    }
}
