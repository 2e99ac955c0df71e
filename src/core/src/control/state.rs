//! Where a stream stands, when no chunk says so any more, or no longer truly: key `state/<stream id>`. Written before the chunk with its
//! newest state may go, and when records expire: tail, fencing token and trim point outlive every record (`s2-semantics.md` A6, B4).
//!
//! ```text
//! u64 last write, ms | u32 length, state record (chunk/state.rs)
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::chunk::StreamState;
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 25, name: "stream state row", version: 1 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateRow {
    /// Arrival of the newest record.
    pub quiet_since_ms: u64,
    pub state: StreamState,
}

impl StateRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_u64_le(self.quiet_since_ms);
            let mut state = Vec::new();
            self.state.encode(&mut state);
            out.put_prefixed(&state);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            Ok(Self { quiet_since_ms: reader.u64()?, state: StreamState::decode(reader.prefixed()?)? })
        })
    }
}
