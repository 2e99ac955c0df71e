//! The catalog's values and keys.

use std::fmt::Debug;

use bytes::Bytes;
use riverrun_core::control::*;
use riverrun_core::stored::StoredError;

/// A value, or a key.
pub fn catalog(data: &[u8]) {
    value(data, BasinEntry::decode, BasinEntry::encode);
    value(data, ChunkRow::decode, ChunkRow::encode);
    value(data, ClosedRow::decode, ClosedRow::encode);
    value(data, DeadRow::decode, DeadRow::encode);
    value(data, DueRow::decode, DueRow::encode);
    value(data, EpochRow::decode, EpochRow::encode);
    value(data, IdRow::decode, IdRow::encode);
    value(data, JournalLossRow::decode, JournalLossRow::encode);
    value(data, PendingBasin::decode, PendingBasin::encode);
    value(data, PendingStream::decode, PendingStream::encode);
    value(data, RootTokenRow::decode, RootTokenRow::encode);
    value(data, SequenceRow::decode, SequenceRow::encode);
    value(data, ServingRow::decode, ServingRow::encode);
    value(data, StateRow::decode, StateRow::encode);
    value(data, StoreRow::decode, StoreRow::encode);
    value(data, StreamEntry::decode, StreamEntry::encode);
    value(data, TokenKeyRow::decode, TokenKeyRow::encode);
    value(data, TokenRow::decode, TokenRow::encode);
    value(data, TombstoneRow::decode, TombstoneRow::encode);
    key(data);
}

/// What decodes has a right sum, and is written so that it decodes to the same; as the same bytes, if it was of the version that
/// is written today.
fn value<T: Debug + PartialEq>(data: &[u8], decode: fn(&[u8]) -> Result<T, StoredError>, encode: fn(&T) -> Bytes) {
    match decode(data) {
        Ok(row) => {
            let (body, crc) = data.split_at(data.len() - 4);
            assert_eq!(crc, crc32c::crc32c(body).to_le_bytes(), "{row:?} has a wrong sum");
            let again = encode(&row);
            assert_eq!(decode(&again).as_ref(), Ok(&row), "one row, one meaning");
            assert!(again[1] != data[1] || again == data, "one row, one encoding: {row:?}");
        }
        Err(error) => {
            let documented = matches!(error, StoredError::Newer { .. } | StoredError::Damaged { .. });
            assert!(documented, "values are whole or damaged: {error}");
        }
    }
}

/// A key that is read is the key that is written.
fn key(data: &[u8]) {
    let same = |written: Bytes| assert_eq!(written, data, "one thing, one key");
    keys::parse_pending_basin(data).into_iter().for_each(|name| same(keys::pending_basin(&name)));
    keys::parse_pending_stream(data).into_iter().for_each(|id| same(keys::pending_stream(id)));
    keys::parse_tombstone(data).into_iter().for_each(|id| same(keys::tombstone(id)));
    keys::parse_chunk(data).into_iter().for_each(|id| same(keys::chunk(id)));
    keys::parse_dead(data).into_iter().for_each(|id| same(keys::dead(id)));
    keys::parse_due(data).into_iter().for_each(|(at_ms, id)| same(keys::due(at_ms, id)));
    keys::parse_state(data).into_iter().for_each(|id| same(keys::state(id)));
    keys::parse_sequence(data).into_iter().for_each(|id| same(keys::sequence(id)));
    keys::parse_epoch(data).into_iter().for_each(|key| match key {
        keys::EpochKey::Epoch(epoch) => same(keys::epoch(epoch)),
        keys::EpochKey::Closed(epoch) => same(keys::closed(epoch)),
        keys::EpochKey::JournalLoss(epoch) => same(keys::journal_loss(epoch)),
        keys::EpochKey::Serving(epoch) => same(keys::serving(epoch)),
    });
}
