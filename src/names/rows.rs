//! Rows of names, read and made.

use riverrun_core::control::{
    BasinEntry, DueRow, Fresh, IdRow, PendingBasin, PendingStream, Purge, StreamEntry, TombstoneRow, keys, purge_stream,
};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{BasinName, StreamId};

use super::{NameError, Names};
use crate::catalog::Change;
use crate::publish::random_id;

impl Names {
    pub(super) async fn basin_row(&self, name: &BasinName) -> Result<Option<BasinEntry>, NameError> {
        let value = self.catalog.get(keys::basin(name)).await?;
        Ok(value.map(|value| BasinEntry::decode(&value)).transpose()?)
    }

    pub(super) async fn stream_row(&self, target: &StreamRef) -> Result<Option<StreamEntry>, NameError> {
        let value = self.catalog.get(keys::stream(&target.basin, &target.stream)).await?;
        Ok(value.map(|value| StreamEntry::decode(&value)?.checked()).transpose()?)
    }

    pub(super) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    pub(super) fn fresh(&self) -> Result<Fresh, NameError> {
        let id = StreamId(random_id().map_err(NameError::Random)?);
        Ok(Fresh { id, now_ms: self.now_ms() })
    }

    /// What marks a stream as deleted.
    pub(super) fn marked(&self, entry: &StreamEntry) -> Vec<Change> {
        let target = target_of(entry);
        let pending = PendingStream { target, epoch: self.catalog.writer_epoch() };
        vec![put_stream(entry), Change::Put(keys::pending_stream(entry.id), pending.encode())]
    }
}

pub fn target_of(entry: &StreamEntry) -> StreamRef {
    StreamRef { basin: entry.basin.clone(), stream: entry.name.clone() }
}

pub fn put_basin(entry: &BasinEntry) -> Change {
    Change::Put(keys::basin(&entry.name), entry.encode())
}

pub fn put_stream(entry: &StreamEntry) -> Change {
    Change::Put(keys::stream(&entry.basin, &entry.name), entry.encode())
}

/// A new stream, and what recovery knows it by.
pub fn create_stream(entry: &StreamEntry) -> Vec<Change> {
    let id = IdRow { basin: entry.basin.clone(), name: entry.name.clone(), purged_at_ms: None };
    let mut changes = vec![put_stream(entry), Change::Put(keys::id(entry.id), id.encode())];
    changes.extend(look_when_empty(entry, entry.created_at_ms));
    changes
}

/// Has collection look at the stream when it may be empty for long enough, if it is to be deleted then.
pub fn look_when_empty(entry: &StreamEntry, now_ms: u64) -> Option<Change> {
    let due = DueRow { target: target_of(entry) };
    entry.first_due_ms(now_ms).map(|at_ms| Change::Put(keys::due(at_ms, entry.id), due.encode()))
}

/// What marks a basin as deleted.
pub fn mark_basin(entry: &BasinEntry, deleted_at_ms: u64) -> Vec<Change> {
    let pending = Change::Put(keys::pending_basin(&entry.name), PendingBasin { deleted_at_ms }.encode());
    vec![put_basin(entry), pending]
}

/// Takes away what is left of a stream; `there` is what its name stands for now.
pub fn purge(there: Option<&StreamEntry>, id: StreamId, pending: &PendingStream, now_ms: u64) -> Vec<Change> {
    let Purge { frees_name, tombstone } = purge_stream(there, id, pending, now_ms);
    let name = keys::stream(&pending.target.basin, &pending.target.stream);
    let mut changes = vec![
        Change::Delete(keys::pending_stream(id)),
        Change::Delete(keys::state(id)),
        Change::Put(keys::id(id), tombstone.encode()),
        Change::Put(keys::tombstone(id), TombstoneRow { purged_at_ms: now_ms }.encode()),
    ];
    changes.extend(frees_name.then_some(Change::Delete(name)));
    changes
}
