//! Change part of a basin's configuration (`s2-semantics.md` E5). Answered by `BasinConfig`, all of it as it is then.

use bytes::{BufMut, BytesMut};

use crate::config::{self, BasinConfigPatch};
use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

/// ```text
/// 0 u32 options: none
/// 4 u8 length, basin | change (config.rs)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconfigureBasin {
    pub basin: BasinName,
    pub patch: BasinConfigPatch,
}

impl ReconfigureBasin {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_u32_le(0);
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
        self.patch.write(out);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ReconfigureBasin> {
    let (input, _) = wire::options(input, 0)?;
    let (input, basin) = wire::basin_name(input)?;
    let (input, patch) = config::parse_basin_patch(input)?;
    Ok((input, ReconfigureBasin { basin, patch }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Patch, StorageClass, StreamConfigPatch};
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    fn reconfigure(patch: BasinConfigPatch) -> Request<'static> {
        Request::ReconfigureBasin(ReconfigureBasin { basin: target().basin, patch })
    }

    #[test]
    fn e5_written_and_parsed() {
        round_trip(&reconfigure(BasinConfigPatch::default()));
        let default_stream_config = StreamConfigPatch {
            storage_class: Patch::Set(StorageClass::Standard),
            retention: Patch::Clear,
            ..StreamConfigPatch::default()
        };
        let create_stream_on_append = Some(false);
        let patch = BasinConfigPatch { default_stream_config, create_stream_on_append, create_stream_on_read: None };
        round_trip(&reconfigure(patch));
    }

    #[test]
    fn unknown_options_and_switches_are_refused() {
        let good = body_of(&reconfigure(BasinConfigPatch::default()));
        for at in [0, good.len() - 4] {
            let mut body = good.clone();
            body[at] = 4;
            assert_eq!(refused(FrameKind::ReconfigureBasin, &body), (ErrorCode::Unsupported, at));
        }
    }
}
