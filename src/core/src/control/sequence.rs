//! A chunk sequence's row: key `sequence/<epoch>/<shard>-<lane>`. A rebuild trusts these rows, never a listing (F38).
//!
//! ```text
//! u64 indexed to | u8 has ended, u64 ended at
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 5, name: "sequence row", version: 1 };

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SequenceRow {
    /// The chunks below this number are indexed; this number is the next to look for.
    pub indexed_to: u64,
    /// The number of the fence: what lies there or beyond is garbage for ever.
    pub ended_at: Option<u64>,
}

impl SequenceRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_u64_le(self.indexed_to);
            out.put_optional_u64(self.ended_at);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| Ok(Self { indexed_to: reader.u64()?, ended_at: reader.optional_u64()? }))
    }
}
