//! The hold on the store, given up by a clean stop.

use std::sync::Arc;

use super::clock::Clock;
use super::inherited::Inherited;
use crate::catalog::Catalog;
use crate::recovery::Epoch;

pub struct Ownership {
    pub epoch: Arc<Epoch>,
    pub inherited: Arc<Inherited>,
    pub catalog: Arc<dyn Catalog>,
    pub clock: Clock,
    /// Reports it when the catalog closes by itself.
    pub watching: tokio::task::JoinHandle<()>,
}

impl Ownership {
    /// After all shards have drained: says so for the next start, and lets the store go.
    pub async fn close(&self) -> Result<(), String> {
        // Every shard said that it published what it inherited before it said that it drained, but that row may still be on
        // its way: a catalog closed under it made a clean stop end as a failure.
        self.inherited.settled().await;
        self.watching.abort();
        self.epoch.mark_closed(self.clock.now().wall_ms).await.map_err(|error| error.to_string())?;
        self.catalog.close().await.map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Ownership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ownership").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::mpsc::channel;

    use riverrun_core::control::keys;

    use super::*;
    use crate::catalog::model::{ModelRows, Stalled};
    use crate::server::failure::Failure;

    #[tokio::test]
    async fn the_catalog_is_not_closed_under_what_the_last_shard_published() {
        let rows = Arc::new(ModelRows::default());
        let catalog = rows.open();
        let epoch = Arc::new(Epoch::that_inherits(catalog.clone()));
        let (journal, _orders) = channel();
        let failure = Failure::new();
        let inherited = Arc::new(Inherited::new(epoch.clone(), 2, BTreeSet::new(), journal, failure.clone()));
        let watching = tokio::spawn(async {});
        let ownership = Ownership { epoch, inherited: inherited.clone(), catalog, clock: Clock::start(), watching };

        rows.stall(Stalled::Writes);
        inherited.published(0).await;
        let (last, closing) = (tokio::spawn(async move { inherited.published(1).await }), ownership.close());
        tokio::pin!(closing);
        for _ in 0..100 {
            assert!(futures::poll!(&mut closing).is_pending(), "a write is on its way");
            tokio::task::yield_now().await;
        }
        rows.stall(Stalled::Nothing);
        assert_eq!(closing.await, Ok(()));
        last.await.expect("no panic");
        assert_eq!(failure.get(), None);
        assert!(rows.rows().contains_key(&keys::closed(1)), "nothing is left for the next start to look for");
    }
}
