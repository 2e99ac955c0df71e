//! Which name a stream id belongs to: key `id/<stream id>`. Recovery meets ids, not names.
//!
//! ```text
//! u16 length, basin | u16 length, name
//! (version 2, behind these:) u8 is a tombstone, u64 since, ms
//! ```
//! A tombstone says that the stream is gone for good, and outlives every chunk and journal that names its id.

use bytes::Bytes;
use riverrun_protocol::types::{BasinName, StreamName};

use super::basin::basin_name;
use super::stream::stream_name;
use super::value::Kind;
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 3, name: "stream id row", version: 2 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdRow {
    pub basin: BasinName,
    pub name: StreamName,
    /// Set once the stream is purged.
    pub purged_at_ms: Option<u64>,
}

impl IdRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.basin.as_str());
            out.put_text(self.name.as_str());
            out.put_optional_u64(self.purged_at_ms);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, version| {
            let (basin, name) = (basin_name(reader)?, stream_name(reader)?);
            let purged_at_ms = if version == 1 { None } else { reader.optional_u64()? };
            Ok(Self { basin, name, purged_at_ms })
        })
    }
}
