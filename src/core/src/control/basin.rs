//! A basin's row: key `basin/<name>`.
//!
//! ```text
//! u16 length, name | u64 created, ms | u8 create stream on append | u8 create stream on read
//! (version 2, behind these:)
//! defaults for new streams (stored_config.rs) | u8 is being deleted, u64 since, ms | u8 has a creation hash, [32] hash
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::config::{BasinConfig, PartialStreamConfig};
use riverrun_protocol::response::BasinInfo;
use riverrun_protocol::types::BasinName;

use super::CreationHash;
use super::stored_config::{partial_config, put_partial_config};
use super::value::Kind;
use crate::action::LoadCause;
use crate::stored::{Reader, StoredError, Write};

const KIND: Kind = Kind { tag: 1, name: "basin", version: 2 };

/// A basin as the catalog holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BasinEntry {
    pub name: BasinName,
    pub created_at_ms: u64,
    pub config: BasinConfig,
    /// Set while its streams are being deleted; then it goes too (`s2-semantics.md` E6).
    pub deleted_at_ms: Option<u64>,
    /// `None`: created without a request token.
    pub creation: Option<CreationHash>,
}

impl BasinEntry {
    pub fn new(name: BasinName, config: BasinConfig, creation: Option<CreationHash>, now_ms: u64) -> Self {
        Self { name, created_at_ms: now_ms, config, deleted_at_ms: None, creation }
    }

    /// Whether a stream that is not there is created for a request of this kind (`s2-semantics.md` E7).
    pub fn creates_streams(&self, cause: LoadCause) -> bool {
        match cause {
            LoadCause::Append => self.config.create_stream_on_append,
            LoadCause::Read => self.config.create_stream_on_read,
            LoadCause::Close => false,
        }
    }

    pub fn info(&self) -> BasinInfo {
        BasinInfo { name: self.name.clone(), created_at_ms: self.created_at_ms, deleted_at_ms: self.deleted_at_ms }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.name.as_str());
            out.put_u64_le(self.created_at_ms);
            out.put_u8(u8::from(self.config.create_stream_on_append));
            out.put_u8(u8::from(self.config.create_stream_on_read));
            put_partial_config(out, &self.config.default_stream_config);
            out.put_optional_u64(self.deleted_at_ms);
            put_creation(out, self.creation.as_ref());
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, version| {
            let mut entry = Self {
                name: basin_name(reader)?,
                created_at_ms: reader.u64()?,
                config: BasinConfig {
                    create_stream_on_append: reader.bool()?,
                    create_stream_on_read: reader.bool()?,
                    default_stream_config: PartialStreamConfig::default(),
                },
                deleted_at_ms: None,
                creation: None,
            };
            if version >= 2 {
                entry.config.default_stream_config = partial_config(reader)?;
                entry.deleted_at_ms = reader.optional_u64()?;
                entry.creation = creation(reader)?;
            }
            Ok(entry)
        })
    }
}

pub(super) fn basin_name(reader: &mut Reader<'_>) -> Result<BasinName, StoredError> {
    let text = reader.text()?;
    BasinName::new(text).map_err(|error| reader.damaged(error.to_string()))
}

pub(super) fn put_creation(out: &mut Vec<u8>, creation: Option<&CreationHash>) {
    out.put_u8(u8::from(creation.is_some()));
    out.put_slice(creation.unwrap_or(&[0; 32]));
}

pub(super) fn creation(reader: &mut Reader<'_>) -> Result<Option<CreationHash>, StoredError> {
    if reader.bool()? {
        return reader.array().map(Some);
    }
    reader.zeros(32)?;
    Ok(None)
}
