//! A stream's row: key `stream/<basin>\0<name>`; the same bytes are in the stream's first chunk.
//!
//! ```text
//! [16] id | u16 length, basin | u16 length, name | u64 created, ms | u64 placement
//! u8 storage class: 1 express, 2 standard | u8 has a retention age, u64 retention age, s
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::response::StreamInfo;
use riverrun_protocol::types::{BasinName, StreamId, StreamName};

use super::basin::basin_name;
use super::placement::placement;
use super::value::Kind;
use super::{StorageClass, StreamEntry};
use crate::chunk::Lane;
use crate::stored::{Reader, StoredError, Write};

const KIND: Kind = Kind { tag: 2, name: "stream", version: 1 };

/// What a new stream gets where neither its request nor its basin says anything (`s2-semantics.md` E1, E2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreationDefaults {
    /// The strongest class that costs nothing extra where the store is: express on a local one.
    pub storage_class: StorageClass,
    /// `None` = infinite.
    pub retention_age_secs: Option<u64>,
}

impl Default for CreationDefaults {
    fn default() -> Self {
        Self { storage_class: StorageClass::Express, retention_age_secs: Some(7 * 24 * 60 * 60) }
    }
}

impl StorageClass {
    /// The sequence of chunks in which records of this class are published.
    pub fn lane(self) -> Lane {
        match self {
            Self::Express => Lane::Express,
            Self::Standard => Lane::Standard,
        }
    }
}

impl StreamEntry {
    /// `id` is fresh random bits: a re-created name shares nothing with its predecessor.
    pub fn new(id: StreamId, basin: BasinName, name: StreamName, now_ms: u64, defaults: CreationDefaults) -> Self {
        Self {
            id,
            placement: placement(&basin, &name),
            basin,
            name,
            created_at_ms: now_ms,
            storage_class: defaults.storage_class,
            retention_age_secs: defaults.retention_age_secs,
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
        let age_ms = self.retention_age_secs.map(|secs| secs.saturating_mul(1000));
        age_ms.map_or(0, |age_ms| arrival_ms.saturating_add(age_ms))
    }

    pub fn info(&self) -> StreamInfo {
        StreamInfo { name: self.name.clone(), id: self.id, created_at_ms: self.created_at_ms }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_slice(&self.id.0);
            out.put_text(self.basin.as_str());
            out.put_text(self.name.as_str());
            out.put_u64_le(self.created_at_ms);
            out.put_u64_le(self.placement);
            out.put_u8(self.storage_class as u8 + 1);
            out.put_optional_u64(self.retention_age_secs);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader| {
            Ok(Self {
                id: StreamId(reader.array()?),
                basin: basin_name(reader)?,
                name: stream_name(reader)?,
                created_at_ms: reader.u64()?,
                placement: reader.u64()?,
                storage_class: storage_class(reader)?,
                retention_age_secs: reader.optional_u64()?,
            })
        })
    }
}

pub(super) fn stream_name(reader: &mut Reader<'_>) -> Result<StreamName, StoredError> {
    let text = reader.text()?;
    StreamName::new(text).map_err(|error| reader.damaged(error.to_string()))
}

fn storage_class(reader: &mut Reader<'_>) -> Result<StorageClass, StoredError> {
    match reader.u8()? {
        1 => Ok(StorageClass::Express),
        2 => Ok(StorageClass::Standard),
        other => Err(reader.damaged(format!("{other} is no storage class"))),
    }
}
