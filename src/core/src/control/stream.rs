//! A stream's row: key `stream/<basin>\0<name>`; the same bytes are in the stream's first chunk.
//!
//! ```text
//! [16] id | u16 length, basin | u16 length, name | u64 created, ms | u64 placement
//! (version 1:) u8 storage class: 1 express, 2 standard | u8 has a retention age, u64 retention age, s
//! (version 2:) configuration (stored_config.rs) | u32 version of it | u8 is being deleted, u64 since, ms
//!              u8 has a creation hash, [32] hash
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::config::{Retention, StorageClass, StreamConfig};
use riverrun_protocol::response::StreamInfo;
use riverrun_protocol::types::{BasinName, StreamId, StreamName};

use super::basin::{basin_name, creation, put_creation};
use super::placement::placement;
use super::stored_config::{config, put_config, storage_class};
use super::value::Kind;
use super::{CreationHash, SYSTEM_DEFAULTS};
use crate::chunk::Lane;
use crate::stored::{Reader, StoredError, Write};

const KIND: Kind = Kind { tag: 2, name: "stream", version: 2 };

/// A stream as the catalog holds it; its configuration is fixed at creation and by reconfiguring it (`s2-semantics.md` E2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEntry {
    pub id: StreamId,
    pub basin: BasinName,
    pub name: StreamName,
    pub created_at_ms: u64,
    /// Modulo the number of shards running now, this is the shard that owns the stream (design.md 2, partition).
    pub placement: u64,
    pub config: StreamConfig,
    /// Goes up with every change of the configuration, so that the newer of two entries is known.
    pub config_version: u32,
    /// Set while it is being deleted; then its name is free (`s2-semantics.md` E6).
    pub deleted_at_ms: Option<u64>,
    /// `None`: created without a request token.
    pub creation: Option<CreationHash>,
}

/// The sequence of chunks in which records of this class are published.
pub fn lane_of(class: StorageClass) -> Lane {
    match class {
        StorageClass::Express => Lane::Express,
        StorageClass::Standard => Lane::Standard,
    }
}

impl StreamEntry {
    /// `id` is fresh random bits: a re-created name shares nothing with its predecessor.
    pub fn new(id: StreamId, basin: BasinName, name: StreamName, now_ms: u64, config: StreamConfig) -> Self {
        Self {
            id,
            placement: placement(&basin, &name),
            basin,
            name,
            created_at_ms: now_ms,
            config,
            config_version: 0,
            deleted_at_ms: None,
            creation: None,
        }
    }

    /// Requests are routed by the placement that the name has, recovery hands streams to shards by the one that is stored. If they
    /// differed, records would be recovered into a shard that nobody asks, and their numbers given to others. Asked wherever an
    /// entry is read to be served.
    pub fn checked(self) -> Result<Self, StoredError> {
        let routed = placement(&self.basin, &self.name);
        match self.placement == routed {
            true => Ok(self),
            false => Err(StoredError::Misplaced {
                what: "stream",
                expected: format!("{}/{} with placement {routed:016x}, as requests are routed", self.basin, self.name),
                found: format!("{:016x}", self.placement),
            }),
        }
    }

    /// The `expires_at_ms` of a batch that arrives now; 0 = never (`s2-semantics.md` E8: the age counts from the write, by the
    /// server's clock).
    pub fn expires_at_ms(&self, arrival_ms: u64) -> u64 {
        match self.config.retention {
            Retention::Age(secs) => arrival_ms.saturating_add(secs.saturating_mul(1000)),
            Retention::Infinite => 0,
        }
    }

    pub fn info(&self) -> StreamInfo {
        StreamInfo {
            name: self.name.clone(),
            id: self.id,
            created_at_ms: self.created_at_ms,
            deleted_at_ms: self.deleted_at_ms,
        }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_slice(&self.id.0);
            out.put_text(self.basin.as_str());
            out.put_text(self.name.as_str());
            out.put_u64_le(self.created_at_ms);
            out.put_u64_le(self.placement);
            put_config(out, &self.config);
            out.put_u32_le(self.config_version);
            out.put_optional_u64(self.deleted_at_ms);
            put_creation(out, self.creation.as_ref());
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, version| {
            let id = StreamId(reader.array()?);
            let (basin, name) = (basin_name(reader)?, stream_name(reader)?);
            let (created_at_ms, placement) = (reader.u64()?, reader.u64()?);
            let entry = Self {
                id,
                basin,
                name,
                created_at_ms,
                placement,
                config: if version == 1 { config_of_version_1(reader)? } else { config(reader)? },
                config_version: 0,
                deleted_at_ms: None,
                creation: None,
            };
            if version == 1 {
                return Ok(entry);
            }
            Ok(Self {
                config_version: reader.u32()?,
                deleted_at_ms: reader.optional_u64()?,
                creation: creation(reader)?,
                ..entry
            })
        })
    }
}

fn config_of_version_1(reader: &mut Reader<'_>) -> Result<StreamConfig, StoredError> {
    let Some(storage_class) = storage_class(reader)? else { return Err(reader.damaged("no storage class")) };
    let retention = reader.optional_u64()?.map_or(Retention::Infinite, Retention::Age);
    Ok(StreamConfig { storage_class, retention, ..SYSTEM_DEFAULTS })
}

pub(super) fn stream_name(reader: &mut Reader<'_>) -> Result<StreamName, StoredError> {
    let text = reader.text()?;
    StreamName::new(text).map_err(|error| reader.damaged(error.to_string()))
}
