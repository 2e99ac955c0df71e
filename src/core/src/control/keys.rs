//! The catalog's keys. Byte order is the order in which listings and recovery want them, so that each is one scan.
//!
//! ```text
//! basin/<name>                                       BasinEntry
//! chunk/<epoch:016x>/<shard:04x>-<lane>/<number:016x> ChunkRow
//! dead/<epoch:016x>/<shard:04x>-<lane>/<number:016x>  DeadRow
//! due/<time, ms:016x>/<stream id, 32 hex digits>     DueRow
//! epoch/<epoch:016x>                                 EpochRow
//! epoch/<epoch:016x>/closed                          ClosedRow
//! epoch/<epoch:016x>/journal-loss                    JournalLossRow
//! epoch/<epoch:016x>/serving                         ServingRow
//! id/<stream id, 32 hex digits>                      IdRow
//! pending/basin/<name>                               PendingBasin
//! pending/stream/<stream id, 32 hex digits>          PendingStream
//! sequence/<epoch:016x>/<shard:04x>-<lane>           SequenceRow
//! state/<stream id, 32 hex digits>                   StateRow
//! store                                              StoreRow
//! stream/<basin> 0x00 <name>                         StreamEntry
//! tombstone/<stream id, 32 hex digits>               TombstoneRow
//! token-key/<public id, 32 hex digits>               TokenKeyRow
//! token-root                                         RootTokenRow
//! token/<id>                                         TokenRow
//! ```
//! A zero byte ends a basin's name because no name holds one, and it sorts below every byte a name may hold.

use bytes::Bytes;
use riverrun_protocol::types::{BasinName, StreamId, StreamName, TokenId};

use crate::access::PublicId;
use crate::chunk::{ChunkId, SequenceId, parse_hex};

pub const STORE: &[u8] = b"store";
pub const BASIN_PREFIX: &[u8] = b"basin/";
pub const CHUNK_PREFIX: &[u8] = b"chunk/";
pub const DEAD_PREFIX: &[u8] = b"dead/";
pub const DUE_PREFIX: &[u8] = b"due/";
pub const EPOCH_PREFIX: &[u8] = b"epoch/";
pub const PENDING_BASIN_PREFIX: &[u8] = b"pending/basin/";
pub const PENDING_STREAM_PREFIX: &[u8] = b"pending/stream/";
pub const SEQUENCE_PREFIX: &[u8] = b"sequence/";
pub const TOKEN_PREFIX: &[u8] = b"token/";
pub const TOMBSTONE_PREFIX: &[u8] = b"tombstone/";
pub const STATE_PREFIX: &[u8] = b"state/";
pub const ROOT_TOKEN: &[u8] = b"token-root";

pub fn basin(name: &BasinName) -> Bytes {
    format!("basin/{name}").into()
}

pub fn stream(basin: &BasinName, name: &StreamName) -> Bytes {
    format!("stream/{basin}\0{name}").into()
}

/// What the keys of all streams of a basin begin with.
pub fn streams_of(basin: &BasinName) -> Bytes {
    format!("stream/{basin}\0").into()
}

pub fn id(stream_id: StreamId) -> Bytes {
    format!("id/{stream_id}").into()
}

pub fn pending_basin(name: &BasinName) -> Bytes {
    format!("pending/basin/{name}").into()
}

pub fn parse_pending_basin(key: &[u8]) -> Option<BasinName> {
    BasinName::new(after(key, PENDING_BASIN_PREFIX)?).ok()
}

pub fn pending_stream(id: StreamId) -> Bytes {
    format!("pending/stream/{id}").into()
}

pub fn parse_pending_stream(key: &[u8]) -> Option<StreamId> {
    parse_stream_id(after(key, PENDING_STREAM_PREFIX)?)
}

pub fn tombstone(id: StreamId) -> Bytes {
    format!("tombstone/{id}").into()
}

pub fn parse_tombstone(key: &[u8]) -> Option<StreamId> {
    parse_stream_id(after(key, TOMBSTONE_PREFIX)?)
}

pub fn chunk(id: ChunkId) -> Bytes {
    format!("chunk/{id}").into()
}

/// What the keys of all chunks of a sequence begin with.
pub fn chunks_of(sequence: SequenceId) -> Bytes {
    format!("chunk/{sequence}/").into()
}

pub fn parse_chunk(key: &[u8]) -> Option<ChunkId> {
    ChunkId::parse(after(key, CHUNK_PREFIX)?)
}

pub fn dead(id: ChunkId) -> Bytes {
    format!("dead/{id}").into()
}

pub fn parse_dead(key: &[u8]) -> Option<ChunkId> {
    ChunkId::parse(after(key, DEAD_PREFIX)?)
}

/// Sorted by time, so that what is due is one scan up to now.
pub fn due(at_ms: u64, stream_id: StreamId) -> Bytes {
    format!("due/{at_ms:016x}/{stream_id}").into()
}

/// Behind all that is due at this time or before.
pub fn due_until(at_ms: u64) -> Bytes {
    format!("due/{:016x}/", at_ms.saturating_add(1)).into()
}

pub fn parse_due(key: &[u8]) -> Option<(u64, StreamId)> {
    let (at_ms, id) = after(key, DUE_PREFIX)?.split_once('/')?;
    Some((parse_hex(at_ms, 16)?, parse_stream_id(id)?))
}

pub fn state(stream_id: StreamId) -> Bytes {
    format!("state/{stream_id}").into()
}

pub fn parse_state(key: &[u8]) -> Option<StreamId> {
    parse_stream_id(after(key, STATE_PREFIX)?)
}

pub fn sequence(id: SequenceId) -> Bytes {
    format!("sequence/{id}").into()
}

/// What the keys of all sequences of an epoch begin with.
pub fn sequences_of(epoch: u64) -> Bytes {
    format!("sequence/{epoch:016x}/").into()
}

pub fn parse_sequence(key: &[u8]) -> Option<SequenceId> {
    SequenceId::parse(after(key, SEQUENCE_PREFIX)?)
}

pub fn epoch(epoch: u64) -> Bytes {
    format!("epoch/{epoch:016x}").into()
}

pub fn serving(epoch: u64) -> Bytes {
    format!("epoch/{epoch:016x}/serving").into()
}

pub fn closed(epoch: u64) -> Bytes {
    format!("epoch/{epoch:016x}/closed").into()
}

pub fn journal_loss(epoch: u64) -> Bytes {
    format!("epoch/{epoch:016x}/journal-loss").into()
}

pub fn token(id: &TokenId) -> Bytes {
    format!("token/{id}").into()
}

pub fn token_key(public_id: PublicId) -> Bytes {
    format!("token-key/{public_id}").into()
}

/// What a scan of [`EPOCH_PREFIX`] meets, in this order for each epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EpochKey {
    Epoch(u64),
    Closed(u64),
    JournalLoss(u64),
    Serving(u64),
}

pub fn parse_epoch(key: &[u8]) -> Option<EpochKey> {
    let text = after(key, EPOCH_PREFIX)?;
    let (epoch, kind) = text.split_once('/').unwrap_or((text, ""));
    let epoch = parse_hex(epoch, 16)?;
    match (kind, text.len()) {
        ("", 16) => Some(EpochKey::Epoch(epoch)),
        ("closed", _) => Some(EpochKey::Closed(epoch)),
        ("journal-loss", _) => Some(EpochKey::JournalLoss(epoch)),
        ("serving", _) => Some(EpochKey::Serving(epoch)),
        _ => None,
    }
}

/// As keys have it and no other way, or one thing would have several keys.
fn parse_stream_id(text: &str) -> Option<StreamId> {
    text.parse().ok().filter(|id: &StreamId| id.to_string() == text)
}

fn after<'a>(key: &'a [u8], prefix: &[u8]) -> Option<&'a str> {
    std::str::from_utf8(key.strip_prefix(prefix)?).ok()
}
