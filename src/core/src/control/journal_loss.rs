//! That an epoch began without older journals, because the operator said so: key `epoch/<E>/journal-loss`. Kept for ever: so that
//! whoever looks for missing records later finds out when they were given up, and because of the streams in it.
//!
//! ```text
//! u64 the epoch whose journals were missing | u64 accepted at, ms
//! u32 count, each: [16] journal id | u64 epoch | u16 shard      the journals that were given up
//! u32 count, each: [16] stream id | u64 ended at                streams that lost records in their middle
//! ```
//! A stream's older records may have been in a journal that was lost, and newer ones in one that was found. The newer ones
//! cannot follow on nothing: the stream was ended before the gap, and its next records got these numbers. So what journals of
//! epochs before E hold of it, from there on, is dropped now and whenever it is met again.

use bytes::{BufMut, Bytes};
use riverrun_protocol::types::StreamId;

use super::value::Kind;
use crate::stored::{Reader, StoredError};

const KIND: Kind = Kind { tag: 10, name: "journal loss row", version: 1 };
const LOST_BYTES: usize = 26;
const CUT_BYTES: usize = 24;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalLossRow {
    pub of_epoch: u64,
    pub accepted_at_ms: u64,
    pub journals: Vec<LostJournal>,
    pub streams: Vec<CutStream>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostJournal {
    pub journal_id: [u8; 16],
    pub epoch: u64,
    pub shard: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutStream {
    pub stream_id: StreamId,
    /// The first number that was missing, and given to another record since.
    pub ended_at: u64,
}

impl JournalLossRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_u64_le(self.of_epoch);
            out.put_u64_le(self.accepted_at_ms);
            out.put_u32_le(self.journals.len() as u32);
            for LostJournal { journal_id, epoch, shard } in &self.journals {
                out.put_slice(journal_id);
                out.put_u64_le(*epoch);
                out.put_u16_le(*shard);
            }
            out.put_u32_le(self.streams.len() as u32);
            for CutStream { stream_id, ended_at } in &self.streams {
                out.put_slice(&stream_id.0);
                out.put_u64_le(*ended_at);
            }
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            let (of_epoch, accepted_at_ms) = (reader.u64()?, reader.u64()?);
            let journals = list(reader, LOST_BYTES, |reader| {
                Ok(LostJournal { journal_id: reader.array()?, epoch: reader.u64()?, shard: reader.u16()? })
            })?;
            let streams = list(reader, CUT_BYTES, |reader| {
                Ok(CutStream { stream_id: StreamId(reader.array()?), ended_at: reader.u64()? })
            })?;
            Ok(Self { of_epoch, accepted_at_ms, journals, streams })
        })
    }
}

fn list<T>(
    reader: &mut Reader<'_>,
    each_bytes: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, StoredError>,
) -> Result<Vec<T>, StoredError> {
    let count = reader.count(each_bytes)?;
    (0..count).map(|_| read(reader)).collect()
}
