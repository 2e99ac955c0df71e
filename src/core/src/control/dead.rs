//! That a chunk holds no living record any more: key `dead/<epoch>/<shard>-<lane>/<number>`. It outlives the chunk's own row, until
//! the object is gone.
//!
//! ```text
//! u64 since, ms
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::stored::StoredError;

const KIND: Kind = Kind { tag: 27, name: "dead chunk row", version: 1 };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeadRow {
    pub since_ms: u64,
}

impl DeadRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| out.put_u64_le(self.since_ms))
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| Ok(Self { since_ms: reader.u64()? }))
    }
}
