//! What the collector needs of a running broker: its shards, its names, its counters.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun_core::Event;
use riverrun_core::control::{StreamEntry, placement, shard_of};
use riverrun_core::event::CloseWhen;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::StreamId;

use super::mail::Mail;
use super::mailbox::Postbox;
use super::shared::Shared;
use crate::collection::{Collector, Streams};
use crate::names::{Names, StreamDeletion};

#[derive(Debug)]
pub struct BrokerStreams {
    pub shards: Vec<Postbox>,
    pub names: Arc<Names>,
}

impl Streams for BrokerStreams {
    /// A stream that is not open learns it when it is loaded.
    fn start_raised(&self, target: StreamRef, stream_id: StreamId, start_seq_num: u64) {
        let shard = shard_of(placement(&target.basin, &target.stream), self.shards.len() as u16);
        let event = Event::StartRaised { target, stream_id, start_seq_num };
        self.shards[usize::from(shard)].post(Mail::Happened(event));
    }

    fn delete_if_empty(
        &self,
        entry: StreamEntry,
        min_age_ms: u64,
    ) -> BoxFuture<'_, Result<bool, Box<dyn Error + Send + Sync>>> {
        async move {
            let target = StreamRef { basin: entry.basin, stream: entry.name };
            let deletion = self.names.delete_stream_when(target, CloseWhen::Empty { min_age_ms }).await?;
            Ok(deletion == StreamDeletion::Deleted)
        }
        .boxed()
    }
}

/// Sweeps for as long as the broker lives.
pub async fn collect(collector: Collector, interval: Duration, shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(interval).await;
        let (swept, outcome) = collector.sweep().await;
        shared.count_sweep(swept);
        if let Err(error) = outcome {
            tracing::warn!(%error, "not everything could be collected; the next sweep tries again");
        }
    }
}
