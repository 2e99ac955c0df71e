//! Shards reduced to what names see of them: streams that are open, closed or gone, and appends that find out.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun_core::action::{LoadCause, NotClosed};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_core::event::{CloseWhen, LoadFailure};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{Position, StreamId};
use tokio::sync::{Mutex, watch};

use super::{Names, NamesParts, Shards, ShardsEnded};
use crate::catalog::Catalog;
use crate::publish::fixtures::clock;

/// The names of one process, whose shards are a model.
pub fn names(catalog: Arc<dyn Catalog>) -> (Arc<Names>, ModelShards) {
    let shards = ModelShards::default();
    let shards_too = Arc::new(shards.clone());
    let parts =
        NamesParts { catalog, shards: shards_too, index: Arc::default(), defaults: SYSTEM_DEFAULTS, clock: clock() };
    (Arc::new(Names::new(parts)), shards)
}

/// What the shards were told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Close(StreamRef, CloseWhen),
    Reopen(StreamRef, StreamId),
    Delete(StreamRef, StreamId),
    Reconfigure(StreamRef, u32),
}

#[derive(Clone, Debug)]
enum State {
    Open(Arc<StreamEntry>),
    Closed,
    Deleted,
}

#[derive(Clone, Debug)]
pub struct ModelShards {
    streams: Arc<Mutex<HashMap<StreamRef, State>>>,
    told: Arc<std::sync::Mutex<Vec<Told>>>,
    /// What the next closing says instead of doing it.
    refusal: Arc<std::sync::Mutex<Option<NotClosed>>>,
    /// Whether streams that are deleted leave.
    leaving: watch::Sender<bool>,
}

impl Default for ModelShards {
    fn default() -> Self {
        let leaving = watch::Sender::new(true);
        Self { streams: Arc::default(), told: Arc::default(), refusal: Arc::default(), leaving }
    }
}

impl ModelShards {
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().expect("no panic while held").clone()
    }

    pub fn refuse_next_close(&self, refusal: NotClosed) {
        *self.refusal.lock().expect("no panic while held") = Some(refusal);
    }

    /// Deleted streams stay in the shard until it is called with `true`.
    pub fn let_leave(&self, leave: bool) {
        self.leaving.send_replace(leave);
    }

    /// As a shard does it: loads the stream if it is not open, and is busy with it until it is loaded.
    pub async fn append(&self, names: &Arc<Names>, target: &StreamRef) -> Result<Arc<StreamEntry>, LoadFailure> {
        let mut streams = self.streams.lock().await;
        match streams.get(target) {
            Some(State::Open(entry)) => return Ok(entry.clone()),
            Some(State::Closed | State::Deleted) => return Err(LoadFailure::StreamDeletionPending),
            None => {}
        }
        let entry = names.find_or_create(target, LoadCause::Append).await?;
        streams.insert(target.clone(), State::Open(entry.clone()));
        Ok(entry)
    }

    fn note(&self, told: Told) {
        self.told.lock().expect("no panic while held").push(told);
    }
}

impl Shards for ModelShards {
    fn close(
        &self,
        target: StreamRef,
        when: CloseWhen,
    ) -> BoxFuture<'static, Result<Result<Position, NotClosed>, ShardsEnded>> {
        self.note(Told::Close(target.clone(), when));
        let refusal = self.refusal.lock().expect("no panic while held").take();
        let streams = Arc::clone(&self.streams);
        async move {
            if let Some(refusal) = refusal {
                return Ok(Err(refusal));
            }
            streams.lock().await.insert(target, State::Closed);
            Ok(Ok(Position::default()))
        }
        .boxed()
    }

    fn reopen(&self, target: StreamRef, stream_id: StreamId) {
        self.note(Told::Reopen(target.clone(), stream_id));
        let streams = Arc::clone(&self.streams);
        tokio::spawn(async move { streams.lock().await.remove(&target) });
    }

    fn delete(&self, target: StreamRef, stream_id: StreamId) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        self.note(Told::Delete(target.clone(), stream_id));
        let (streams, mut leaving) = (Arc::clone(&self.streams), self.leaving.subscribe());
        async move {
            streams.lock().await.insert(target.clone(), State::Deleted);
            leaving.wait_for(|leave| *leave).await.map_err(|_| ShardsEnded)?;
            streams.lock().await.remove(&target);
            Ok(())
        }
        .boxed()
    }

    fn reconfigure(&self, entry: Arc<StreamEntry>) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        let target = super::rows::target_of(&entry);
        self.note(Told::Reconfigure(target.clone(), entry.config_version));
        let streams = Arc::clone(&self.streams);
        async move {
            if let Some(State::Open(open)) = streams.lock().await.get_mut(&target) {
                *open = entry;
            }
            Ok(())
        }
        .boxed()
    }
}
