//! What deletions leave to be done without anybody waiting: streams that an older process had marked are purged, basins that are
//! marked lose their streams and then their rows. Woken by deletions and at the start; otherwise it sleeps.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use riverrun_core::control::{PendingStream, Refusal, StreamEntry, keys};
use riverrun_core::event::CloseWhen;
use riverrun_protocol::types::BasinName;

use super::end::Caller;
use super::{NameError, Names, rows};
use crate::catalog::{Change, Row, key_after, keys_under};

/// Rows of pending streams or basins, or of a basin's streams, read at a time.
const PAGE_ROWS: usize = 1000;
/// Streams deleted or purged at a time, of the reaper's part.
const AT_ONCE: usize = 16;

impl Names {
    /// Runs until the process is over. What keeps one of the two from being done keeps nothing of the other.
    pub async fn reap(self: Arc<Self>) {
        let purge = self.until_done(|| self.purge_left_behind());
        let delete = async {
            while self.until_done(|| self.delete_marked_basins()).await.is_ok() {
                self.reaper.notified().await;
            }
        };
        let _ = futures::join!(purge, delete);
    }

    /// No shard of this process holds anything of a stream that an older one deleted: it is never loaded, and recovery drops what
    /// journals hold of it.
    pub(crate) async fn purge_left_behind(&self) -> Result<(), NameError> {
        let mut outcome = Ok(());
        let mut pages = keys_under(keys::PENDING_STREAM_PREFIX);
        while let Some(rows) = self.page(&mut pages).await? {
            let purged = each(rows, |(key, value)| async move {
                let Some(id) = keys::parse_pending_stream(&key) else { return Ok(()) };
                let pending = PendingStream::decode(&value)?;
                match pending.epoch < self.catalog.writer_epoch() {
                    true => self.purge(id, &pending).await,
                    false => Ok(()),
                }
            });
            outcome = outcome.and(purged.await);
        }
        outcome
    }

    pub(super) async fn delete_marked_basins(&self) -> Result<(), NameError> {
        let mut outcome = Ok(());
        let mut pages = keys_under(keys::PENDING_BASIN_PREFIX);
        while let Some(rows) = self.page(&mut pages).await? {
            for name in rows.iter().filter_map(|(key, _)| keys::parse_pending_basin(key)) {
                let emptied = self.empty_basin(&name).await;
                let removed = self.remove_basin(&name).await;
                // One basin that cannot go does not keep the others.
                outcome = outcome.and(emptied).and(removed);
            }
        }
        outcome
    }

    /// Deletes what streams there are; none is created any more. One that somebody else is deleting is left to them.
    async fn empty_basin(&self, name: &BasinName) -> Result<(), NameError> {
        let mut outcome = Ok(());
        let mut pages = keys_under(&keys::streams_of(name));
        while let Some(rows) = self.page(&mut pages).await? {
            let deleted = each(rows, |(_, value)| async move {
                let target = rows::target_of(&StreamEntry::decode(&value).and_then(StreamEntry::checked)?);
                match self.delete(target, CloseWhen::Always, Caller::nobody()).await {
                    Err(NameError::Refused(Refusal::StreamNotFound(_))) => Ok(()),
                    deleted => deleted.map(drop),
                }
            });
            outcome = outcome.and(deleted.await);
        }
        outcome
    }

    /// The basin's rows go last, and only once no stream is left: its name, used again, finds no old ones. A stream that is still
    /// on its way wakes the reaper when it is gone.
    async fn remove_basin(&self, name: &BasinName) -> Result<(), NameError> {
        let _basin = self.locks.basin(name).await;
        let streams = self.catalog.scan(keys_under(&keys::streams_of(name)), 1).await?;
        let is_marked = self.basin_row(name).await?.is_some_and(|entry| entry.deleted_at_ms.is_some());
        if !streams.is_empty() {
            return Ok(());
        }
        let mut changes = vec![Change::Delete(keys::pending_basin(name))];
        changes.extend(is_marked.then(|| Change::Delete(keys::basin(name))));
        self.commit(changes, &Caller::<()>::nobody()).await
    }

    /// The next rows, and moves on behind them.
    async fn page(&self, keys: &mut std::ops::Range<Bytes>) -> Result<Option<Vec<Row>>, NameError> {
        let rows = self.catalog.scan(keys.clone(), PAGE_ROWS).await?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        keys.start = key_after(last);
        Ok(Some(rows))
    }
}

/// Does it for every row, whatever becomes of the others; the first failure is the outcome.
async fn each<Work>(rows: Vec<Row>, work: impl Fn(Row) -> Work) -> Result<(), NameError>
where
    Work: Future<Output = Result<(), NameError>>,
{
    let outcomes = stream::iter(rows).map(work).buffer_unordered(AT_ONCE);
    outcomes.fold(Ok(()), |all, one| async move { Result::and(all, one) }).await
}
