//! The server's hello: what both ends now know of each other.

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u16, le_u32, le_u64};

use crate::limits::AGENT_BYTES_MAX;
use crate::request::{MAGIC, hello::magic};
use crate::wire::{self, Parsed};

/// ```text
///  0 magic "RVRN" | 4 u32 options: none
///  8 u16 version | 10 u16 shards | 12 u16 shard | 14 u16 reserved, 0 | 16 u64 features
/// 24 u32 frame_body_bytes_max | 28 u32 batch_bytes_max | 32 u32 batch_records_max
/// 36 u8 length, agent
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelloAccepted {
    /// The version that both speak from here on: the highest that both know.
    pub version: u16,
    /// What the server can do beyond the version ([`crate::request::FEATURE_PAGES`]); a client ignores bits that it does not know.
    pub features: u64,
    pub shards: u16,
    /// The shard that holds this connection now.
    pub shard: u16,
    pub frame_body_bytes_max: u32,
    pub batch_bytes_max: u32,
    pub batch_records_max: u32,
    /// Free text, e.g. `riverrun/0.1.0`.
    pub agent: String,
}

impl HelloAccepted {
    pub(super) fn write_body(&self, out: &mut BytesMut) {
        out.put_slice(MAGIC);
        out.put_u32_le(0);
        [self.version, self.shards, self.shard, 0].into_iter().for_each(|n| out.put_u16_le(n));
        out.put_u64_le(self.features);
        out.put_u32_le(self.frame_body_bytes_max);
        out.put_u32_le(self.batch_bytes_max);
        out.put_u32_le(self.batch_records_max);
        wire::put_text8(out, &self.agent, AGENT_BYTES_MAX);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, HelloAccepted> {
    let (input, ()) = magic(input)?;
    let (input, _) = wire::options(input, 0)?;
    let (input, version) = le_u16(input)?;
    let (input, shards) = le_u16(input)?;
    let (input, shard) = le_u16(input)?;
    let (input, ()) = wire::reserved(input, 2)?;
    let (input, features) = le_u64(input)?;
    let (input, frame_body_bytes_max) = le_u32(input)?;
    let (input, batch_bytes_max) = le_u32(input)?;
    let (input, batch_records_max) = le_u32(input)?;
    let (input, agent) = wire::text8(input, "an agent", AGENT_BYTES_MAX)?;
    let agent = agent.to_owned();
    let accepted = HelloAccepted {
        version,
        features,
        shards,
        shard,
        frame_body_bytes_max,
        batch_bytes_max,
        batch_records_max,
        agent,
    };
    Ok((input, accepted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::response::tests::{body_of, refused, round_trip};
    use crate::{FrameKind, Response};

    fn accepted() -> Response {
        Response::HelloAccepted(HelloAccepted {
            version: 1,
            features: 0,
            shards: 4,
            shard: 3,
            frame_body_bytes_max: 5,
            batch_bytes_max: 6,
            batch_records_max: 7,
            agent: "riverrun/0".into(),
        })
    }

    #[test]
    fn written_and_parsed() {
        round_trip(&accepted());
    }

    #[test]
    fn another_magic_is_refused() {
        let mut body = body_of(&accepted());
        body[3] = b'M';
        assert_eq!(refused(FrameKind::HelloAccepted, &body), (ErrorCode::BadFrame, 0));
    }
}
