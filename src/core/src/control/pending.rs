//! What is being deleted: keys `pending/stream/<stream id>` and `pending/basin/<name>`. Written with the mark, deleted with the last
//! row, so that whoever goes on after a crash finds it without looking at every basin and stream.
//!
//! ```text
//! pending/stream/<id>    u64 epoch | u16 length, basin | u16 length, name
//! pending/basin/<name>   u64 since, ms
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::request::StreamRef;

use super::basin::basin_name;
use super::stream::stream_name;
use super::value::Kind;
use crate::stored::{StoredError, Write};

const STREAM: Kind = Kind { tag: 20, name: "pending stream row", version: 1 };
const BASIN: Kind = Kind { tag: 21, name: "pending basin row", version: 1 };

/// A stream of which the catalog holds the deletion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingStream {
    pub target: StreamRef,
    /// Of the process that deleted it: its own shards may still hold something of the stream, those of any later one do not.
    pub epoch: u64,
}

/// A basin whose streams are being deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingBasin {
    pub deleted_at_ms: u64,
}

impl PendingStream {
    pub fn encode(&self) -> Bytes {
        STREAM.encode(|out| {
            out.put_u64_le(self.epoch);
            out.put_text(self.target.basin.as_str());
            out.put_text(self.target.stream.as_str());
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        STREAM.decode(value, |reader, _| {
            let epoch = reader.u64()?;
            Ok(Self { epoch, target: StreamRef { basin: basin_name(reader)?, stream: stream_name(reader)? } })
        })
    }
}

impl PendingBasin {
    pub fn encode(&self) -> Bytes {
        BASIN.encode(|out| out.put_u64_le(self.deleted_at_ms))
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        BASIN.decode(value, |reader, _| Ok(Self { deleted_at_ms: reader.u64()? }))
    }
}
