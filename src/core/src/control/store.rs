//! The store's own row: key `store`. Read before anything else of the catalog.
//!
//! ```text
//! [16] store id | u16 format version | u64 created, ms
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::stored::{StoredError, check_version};

const KIND: Kind = Kind { tag: 9, name: "store row", version: 1 };
/// Of a store as a whole: which rows and objects exist and what they mean together.
pub const STORE_FORMAT_VERSION: u16 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreRow {
    pub store_id: [u8; 16],
    pub format_version: u16,
    pub created_at_ms: u64,
}

impl StoreRow {
    pub fn new(store_id: [u8; 16], now_ms: u64) -> Self {
        Self { store_id, format_version: STORE_FORMAT_VERSION, created_at_ms: now_ms }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_slice(&self.store_id);
            out.put_u16_le(self.format_version);
            out.put_u64_le(self.created_at_ms);
        })
    }

    /// Refuses a store of a newer format by name (reliability.md F22).
    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        let row = KIND.decode(value, |reader, _| {
            Ok(Self { store_id: reader.array()?, format_version: reader.u16()?, created_at_ms: reader.u64()? })
        })?;
        check_version("store", row.format_version, STORE_FORMAT_VERSION)?;
        Ok(row)
    }
}
