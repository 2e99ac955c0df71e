//! Create a basin. Answered by `BasinCreated`.

use bytes::{BufMut, BytesMut};

use crate::limits::BASIN_NAME_BYTES_MAX;
use crate::types::BasinName;
use crate::wire::{self, Parsed};

const CREATE_STREAM_ON_APPEND: u32 = 1;
const CREATE_STREAM_ON_READ: u32 = 2;

/// The two switches are `s2-semantics.md` E1's.
///
/// ```text
/// 0 u32 options: bit 0 = create_stream_on_append, bit 1 = create_stream_on_read
/// 4 u8 length, basin
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateBasin {
    pub basin: BasinName,
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
}

impl CreateBasin {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        let append = u32::from(self.create_stream_on_append) * CREATE_STREAM_ON_APPEND;
        let read = u32::from(self.create_stream_on_read) * CREATE_STREAM_ON_READ;
        out.put_u32_le(append | read);
        wire::put_text8(out, self.basin.as_str(), BASIN_NAME_BYTES_MAX);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, CreateBasin> {
    let (input, options) = wire::options(input, CREATE_STREAM_ON_APPEND | CREATE_STREAM_ON_READ)?;
    let (input, basin) = wire::basin_name(input)?;
    let create_stream_on_append = options & CREATE_STREAM_ON_APPEND != 0;
    let create_stream_on_read = options & CREATE_STREAM_ON_READ != 0;
    Ok((input, CreateBasin { basin, create_stream_on_append, create_stream_on_read }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::request::tests::{body_of, refused, round_trip, target};
    use crate::{FrameKind, Request};

    #[test]
    fn written_and_parsed_with_both_switches_apart() {
        for (create_stream_on_append, create_stream_on_read) in [(false, false), (true, false), (false, true)] {
            let basin = target().basin;
            round_trip(&Request::CreateBasin(CreateBasin { basin, create_stream_on_append, create_stream_on_read }));
        }
    }

    #[test]
    fn unknown_options_are_refused() {
        let basin = target().basin;
        let request = CreateBasin { basin, create_stream_on_append: false, create_stream_on_read: true };
        let mut body = body_of(&Request::CreateBasin(request));
        body[0] |= 4;
        assert_eq!(refused(FrameKind::CreateBasin, &body), (ErrorCode::Unsupported, 0));
    }
}
