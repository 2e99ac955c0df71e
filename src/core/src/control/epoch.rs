//! An epoch's rows.
//!
//! ```text
//! epoch/<E>           u16 length, node | u16 shards | u32 count, journal ids [16]        before any chunk is named by E
//! epoch/<E>/serving   u32 count, inherited: [16] journal id | u64 epoch | u16 shard |
//!                       u64 needed from | u64 last number                                before the first append is accepted
//! epoch/<E>/closed    u64 closed at, ms                                                  after a clean stop
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::limits::NODE_NAME_BYTES_MAX;
use crate::stored::{Reader, StoredError, Write};

const EPOCH: Kind = Kind { tag: 6, name: "epoch row", version: 1 };
const SERVING: Kind = Kind { tag: 7, name: "serving row", version: 1 };
const CLOSED: Kind = Kind { tag: 8, name: "closed row", version: 1 };
const INHERITED_BYTES: usize = 42;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochRow {
    /// Where the process runs, for people. Cut to `NODE_NAME_BYTES_MAX` bytes when stored.
    pub node: String,
    pub shards: u16,
    /// One journal id per shard; empty for a store without a journal.
    pub journals: Vec<[u8; 16]>,
}

/// What an epoch serves on top of its own journals.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServingRow {
    /// Journals of older epochs whose blocks are not yet all published, in order of epoch. Republishing goes on behind
    /// serving; a second crash before it ends must still find them.
    pub inherited: Vec<InheritedJournal>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InheritedJournal {
    pub journal_id: [u8; 16],
    pub epoch: u64,
    pub shard: u16,
    /// The oldest block not yet published when this was written.
    pub needed_from: u64,
    /// The last block that counts: later ones were dropped as torn, and their records' numbers given away.
    pub last_number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClosedRow {
    pub closed_at_ms: u64,
}

impl EpochRow {
    pub fn encode(&self) -> Bytes {
        EPOCH.encode(|out| {
            out.put_text(&self.node[..self.node.floor_char_boundary(NODE_NAME_BYTES_MAX)]);
            out.put_u16_le(self.shards);
            out.put_u32_le(self.journals.len() as u32);
            self.journals.iter().for_each(|id| out.put_slice(id));
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        EPOCH.decode(value, |reader, _| {
            let (node, shards) = (reader.text()?.to_owned(), reader.u16()?);
            let count = reader.count(16)?;
            let journals = (0..count).map(|_| reader.array()).collect::<Result<_, _>>()?;
            Ok(Self { node, shards, journals })
        })
    }
}

impl ServingRow {
    pub fn encode(&self) -> Bytes {
        SERVING.encode(|out| {
            out.put_u32_le(self.inherited.len() as u32);
            self.inherited.iter().for_each(|journal| journal.encode(out));
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        SERVING.decode(value, |reader, _| {
            let count = reader.count(INHERITED_BYTES)?;
            let inherited = (0..count).map(|_| InheritedJournal::decode(reader)).collect::<Result<_, _>>()?;
            Ok(Self { inherited })
        })
    }
}

impl InheritedJournal {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_slice(&self.journal_id);
        out.put_u64_le(self.epoch);
        out.put_u16_le(self.shard);
        out.put_u64_le(self.needed_from);
        out.put_u64_le(self.last_number);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, StoredError> {
        Ok(Self {
            journal_id: reader.array()?,
            epoch: reader.u64()?,
            shard: reader.u16()?,
            needed_from: reader.u64()?,
            last_number: reader.u64()?,
        })
    }
}

impl ClosedRow {
    pub fn encode(&self) -> Bytes {
        CLOSED.encode(|out| out.put_u64_le(self.closed_at_ms))
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        CLOSED.decode(value, |reader, _| Ok(Self { closed_at_ms: reader.u64()? }))
    }
}
