//! What metrics are made of: shared memory, the store's and the caches' counts, and a question to each shard.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::mail::Mail;
use super::mailbox::Postbox;
use super::process;
use super::shared::Shared;
use crate::metrics::snapshot::{ShardSnapshot, Snapshot, Source, StoreTimes};
use crate::publish::Publisher;
use crate::store::{StoreCall, StoreCalls};

/// A core that says nothing for so long is left out: whoever scrapes gives up after 10 s by default.
const SHARD_DEADLINE: Duration = Duration::from_secs(2);

/// Where a broker keeps its counts.
#[derive(Debug)]
pub struct Counts {
    pub shared: Arc<Shared>,
    pub publisher: Arc<Publisher>,
    pub store_calls: Arc<StoreCalls>,
    pub shards: Vec<Postbox>,
    pub started_at: SystemTime,
}

impl Counts {
    /// Each looks at its own readers, between two turns.
    async fn ask_shards(&self) -> Vec<Option<u64>> {
        let asked = self.shards.iter().map(|shard| {
            let (answer, answered) = oneshot::channel();
            shard.post(Mail::MeasureReaderLag(answer));
            async move { timeout(SHARD_DEADLINE, answered).await.ok().and_then(Result::ok) }
        });
        join_all(asked).await
    }

    async fn shards(&self) -> Vec<ShardSnapshot> {
        let lags = self.ask_shards().await;
        let snapshot =
            |(shard, lag)| ShardSnapshot { reader_lag_records_max: lag, ..self.shared.shard_snapshot(shard) };
        (0..).zip(lags).map(snapshot).collect()
    }

    fn store_times(&self, call: StoreCall) -> StoreTimes {
        let counted = self.store_calls.of(call);
        StoreTimes { call, times: counted.times.counted(), failed: counted.failed.load(Ordering::Relaxed) }
    }
}

impl Source for Counts {
    fn is_answering(&self) -> BoxFuture<'_, bool> {
        async move { self.ask_shards().await.iter().all(Option::is_some) }.boxed()
    }

    fn take(&self) -> BoxFuture<'_, Snapshot> {
        async move {
            let shards = self.shards().await;
            let (collection_sweeps, collected) = self.shared.collected();
            Snapshot {
                epoch: self.shared.epoch(),
                started_at: self.started_at,
                shards,
                stages: self.shared.stages(self.publisher.stages()),
                requests: self.shared.request_times(),
                store_calls: StoreCall::ALL.into_iter().map(|call| self.store_times(call)).collect(),
                caches: self.shared.caches(),
                collection_sweeps,
                collected,
                process: process::look(),
            }
        }
        .boxed()
    }
}
