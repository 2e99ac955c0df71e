//! Which name a stream id belongs to: key `id/<stream id>`. Recovery meets ids, not names.
//!
//! ```text
//! u16 length, basin | u16 length, name
//! ```

use bytes::Bytes;
use riverrun_protocol::types::{BasinName, StreamName};

use super::basin::basin_name;
use super::stream::stream_name;
use super::value::Kind;
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 3, name: "stream id row", version: 1 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdRow {
    pub basin: BasinName,
    pub name: StreamName,
}

impl IdRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.basin.as_str());
            out.put_text(self.name.as_str());
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader| Ok(Self { basin: basin_name(reader)?, name: stream_name(reader)? }))
    }
}
