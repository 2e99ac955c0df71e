//! The shards, as names tell them things: a stream's shard must know before its client is answered.

use std::sync::Arc;

use futures::future::BoxFuture;
use riverrun_core::action::NotClosed;
use riverrun_core::control::StreamEntry;
use riverrun_core::event::CloseWhen;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{Position, StreamId};

/// The shard is gone, and with it what it was told: the process is ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the server is stopping; what was asked may have been done")]
pub struct ShardsEnded;

/// Calls are told to the shard when they are made, in that order, whether or not their answer is waited for. How many there are
/// at once is the caller's to bound.
pub trait Shards: Send + Sync + 'static {
    /// Accept nothing more for this stream, let what was accepted become stable.
    fn close(
        &self,
        target: StreamRef,
        when: CloseWhen,
    ) -> BoxFuture<'static, Result<Result<Position, NotClosed>, ShardsEnded>>;

    /// After `close`: the catalog did not take the deletion, go on as before.
    fn reopen(&self, target: StreamRef, stream_id: StreamId);

    /// After `close`: the catalog holds the deletion. Answered when nothing of the stream is left in the shard, nor on its way to
    /// the store.
    fn delete(&self, target: StreamRef, stream_id: StreamId) -> BoxFuture<'static, Result<(), ShardsEnded>>;

    /// The catalog holds another configuration. Answered when what is accepted is under it.
    fn reconfigure(&self, entry: Arc<StreamEntry>) -> BoxFuture<'static, Result<(), ShardsEnded>>;
}
