//! How a stream goes, in three steps, each of which a crash may come behind (`s2-semantics.md` E6):
//!
//! ```text
//! close   its shard accepts nothing more, and what it accepted is stable      a crash undoes it
//! mark    the catalog holds the deletion: the row says so, `pending/` too     a crash leaves it to the next process's reaper
//! purge   when nothing of it is left in its shard: the rows go, the id's      the name is free
//!         stays as a tombstone
//! ```

use std::sync::Arc;

use riverrun_core::action::NotClosed;
use riverrun_core::control::{Deletion, PendingStream, StreamEntry, delete_stream};
use riverrun_core::event::CloseWhen;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::StreamId;
use tokio::sync::OwnedSemaphorePermit;

use super::end::{Caller, answered, to_the_end};
use super::{NameError, Names, rows};

/// What became of a deletion that was not refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamDeletion {
    /// The catalog holds it. What is left goes by itself.
    Deleted,
    /// It was to go only if nothing is in it and nothing was written for long enough, and that is not so (any more).
    InUse,
}

/// A stream that is marked, and on its way out of its shard.
struct Leaving {
    id: StreamId,
    pending: PendingStream,
    gone: futures::future::BoxFuture<'static, Result<(), super::ShardsEnded>>,
}

impl Names {
    /// Answers when the deletion is durable, not when everything is gone.
    pub async fn delete_stream(self: &Arc<Self>, target: StreamRef) -> Result<Response, ErrorFrame> {
        answered(self.delete_stream_when(target, CloseWhen::Always)).await?;
        Ok(Response::Done)
    }

    /// The same, also for a stream that is to go because it is empty.
    ///
    /// # Errors
    /// Refused, or it could not be closed; after an unavailable catalog it may have been done.
    pub async fn delete_stream_when(
        self: &Arc<Self>,
        target: StreamRef,
        when: CloseWhen,
    ) -> Result<StreamDeletion, NameError> {
        let names = Arc::clone(self);
        to_the_end(self.place()?, |caller| async move { names.delete(target, when, caller).await }).await
    }

    /// Tells the caller as soon as the deletion is durable; returns when the name is free.
    pub(super) async fn delete(
        &self,
        target: StreamRef,
        when: CloseWhen,
        caller: Caller<StreamDeletion>,
    ) -> Result<StreamDeletion, NameError> {
        let place = Arc::clone(&self.deletions).acquire_owned().await.ok();
        let (answer, leaving) = self.close_and_mark(&target, when, &caller).await?;
        caller.tell(Ok(answer));
        if let Some(leaving) = leaving {
            self.finish(leaving, place).await?;
        }
        Ok(answer)
    }

    async fn close_and_mark(
        &self,
        target: &StreamRef,
        when: CloseWhen,
        caller: &Caller<StreamDeletion>,
    ) -> Result<(StreamDeletion, Option<Leaving>), NameError> {
        let _turn = self.locks.turn(target).await;
        // It stays as it is: whoever changes a stream that exists has the turn.
        let there = self.stream_row(target).await?;
        let entry = match delete_stream(there.as_ref(), target, when, self.now_ms())? {
            Deletion::Begin(entry) => entry,
            Deletion::UnderWay => return Ok((StreamDeletion::Deleted, None)),
            Deletion::NotDue => return Ok((StreamDeletion::InUse, None)),
        };
        match self.shards.close(target.clone(), when).await? {
            Ok(_) => {}
            Err(NotClosed::InUse) => return Ok((StreamDeletion::InUse, None)),
            Err(NotClosed::Load(failure)) => return Err(NameError::NotClosed(failure)),
        }
        self.mark(&entry, caller).await?;
        let gone = self.shards.delete(target.clone(), entry.id);
        let pending = PendingStream { target: target.clone(), epoch: self.catalog.writer_epoch() };
        Ok((StreamDeletion::Deleted, Some(Leaving { id: entry.id, pending, gone })))
    }

    /// A stream that is closed goes on only where the mark was certainly not written.
    async fn mark(&self, entry: &StreamEntry, caller: &Caller<StreamDeletion>) -> Result<(), NameError> {
        let _name = self.locks.stream(&rows::target_of(entry)).await;
        let marked = self.commit(self.marked(entry), caller).await;
        if marked.as_ref().is_err_and(|error| !error.is_fatal()) {
            self.shards.reopen(rows::target_of(entry), entry.id);
        }
        marked
    }

    /// Without a lock: the row says that it is being deleted, so nobody changes it.
    async fn finish(&self, leaving: Leaving, place: Option<OwnedSemaphorePermit>) -> Result<(), NameError> {
        leaving.gone.await?;
        drop(place);
        self.until_done(|| self.purge(leaving.id, &leaving.pending)).await
    }

    /// Behind it the name is free.
    pub(super) async fn purge(&self, id: StreamId, pending: &PendingStream) -> Result<(), NameError> {
        let _name = self.locks.stream(&pending.target).await;
        let there = self.stream_row(&pending.target).await?;
        self.commit(rows::purge(there.as_ref(), id, pending, self.now_ms()), &Caller::<()>::nobody()).await?;
        self.index.forget(id);
        // Its basin may have waited for it, whoever purges it: one that an older process marked nobody here deletes.
        self.reaper.notify_one();
        Ok(())
    }
}
