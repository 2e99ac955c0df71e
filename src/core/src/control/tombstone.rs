//! That an id's row ([`super::IdRow`]) is a tombstone: key `tombstone/<stream id>`, so that a start that may take tombstones away
//! reads those alone, and not the rows of all streams.
//!
//! ```text
//! u64 purged at, ms
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::stored::StoredError;

const KIND: Kind = Kind { tag: 22, name: "tombstone row", version: 1 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TombstoneRow {
    pub purged_at_ms: u64,
}

impl TombstoneRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| out.put_u64_le(self.purged_at_ms))
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| Ok(Self { purged_at_ms: reader.u64()? }))
    }
}
