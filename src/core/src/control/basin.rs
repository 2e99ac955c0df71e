//! A basin's row: key `basin/<name>`.
//!
//! ```text
//! u16 length, name | u64 created, ms | u8 create stream on append | u8 create stream on read
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::request::CreateBasin;
use riverrun_protocol::response::BasinInfo;
use riverrun_protocol::types::BasinName;

use super::BasinEntry;
use super::value::Kind;
use crate::action::LoadCause;
use crate::stored::{Reader, StoredError, Write};

const KIND: Kind = Kind { tag: 1, name: "basin", version: 1 };

impl BasinEntry {
    pub fn new(request: &CreateBasin, now_ms: u64) -> Self {
        Self {
            name: request.basin.clone(),
            created_at_ms: now_ms,
            create_stream_on_append: request.create_stream_on_append,
            create_stream_on_read: request.create_stream_on_read,
        }
    }

    /// Whether a stream that is not there is created for a request of this kind (`s2-semantics.md` E7).
    pub fn creates_streams(&self, cause: LoadCause) -> bool {
        match cause {
            LoadCause::Append => self.create_stream_on_append,
            LoadCause::Read => self.create_stream_on_read,
        }
    }

    pub fn info(&self) -> BasinInfo {
        BasinInfo {
            name: self.name.clone(),
            created_at_ms: self.created_at_ms,
            create_stream_on_append: self.create_stream_on_append,
            create_stream_on_read: self.create_stream_on_read,
        }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.name.as_str());
            out.put_u64_le(self.created_at_ms);
            out.put_u8(u8::from(self.create_stream_on_append));
            out.put_u8(u8::from(self.create_stream_on_read));
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader| {
            Ok(Self {
                name: basin_name(reader)?,
                created_at_ms: reader.u64()?,
                create_stream_on_append: reader.bool()?,
                create_stream_on_read: reader.bool()?,
            })
        })
    }
}

pub(super) fn basin_name(reader: &mut Reader<'_>) -> Result<BasinName, StoredError> {
    let text = reader.text()?;
    BasinName::new(text).map_err(|error| reader.damaged(error.to_string()))
}
