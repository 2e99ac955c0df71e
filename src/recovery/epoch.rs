//! What this epoch tells its successors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use riverrun_core::control::{ClosedRow, InheritedJournal, ServingRow, keys};

use crate::catalog::{Catalog, CatalogError};

/// This process's hold on the store.
pub struct Epoch {
    catalog: Arc<dyn Catalog>,
    inherited: Vec<InheritedJournal>,
    inherited_published: AtomicBool,
}

impl Epoch {
    pub(super) fn new(catalog: Arc<dyn Catalog>, inherited: Vec<InheritedJournal>) -> Self {
        let inherited_published = AtomicBool::new(inherited.is_empty());
        Self { catalog, inherited, inherited_published }
    }

    pub fn number(&self) -> u64 {
        self.catalog.writer_epoch()
    }

    /// Older journals with batches that are in no chunk yet.
    pub fn inherited(&self) -> &[InheritedJournal] {
        &self.inherited
    }

    /// Before the first append is accepted: from now on a successor looks into this epoch's journals, and into those it inherits,
    /// as far as they were replayed.
    pub async fn mark_serving(&self) -> Result<(), CatalogError> {
        self.put_serving(self.inherited.clone()).await
    }

    /// After every shard has said `InheritedPublished`. Only when this has returned may the older journals' files be written
    /// again: until then a successor needs them.
    pub async fn inherited_published(&self) -> Result<(), CatalogError> {
        if self.inherited_published.load(Ordering::Acquire) {
            return Ok(());
        }
        self.put_serving(Vec::new()).await?;
        self.inherited_published.store(true, Ordering::Release);
        Ok(())
    }

    /// After every shard has drained, before the catalog is closed: nothing is in a journal alone. Says nothing, and leaves the
    /// next start to look, if inherited journals were not republished.
    pub async fn mark_closed(&self, now_ms: u64) -> Result<(), CatalogError> {
        if !self.inherited_published.load(Ordering::Acquire) {
            tracing::warn!("not marked as closed: inherited journals are not republished");
            return Ok(());
        }
        let row = ClosedRow { closed_at_ms: now_ms };
        self.catalog.put_batch(vec![(keys::closed(self.number()), row.encode())]).await
    }

    async fn put_serving(&self, inherited: Vec<InheritedJournal>) -> Result<(), CatalogError> {
        let row = ServingRow { inherited };
        self.catalog.put_batch(vec![(keys::serving(self.number()), row.encode())]).await
    }
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoch")
            .field("number", &self.number())
            .field("inherited", &self.inherited)
            .finish_non_exhaustive()
    }
}
