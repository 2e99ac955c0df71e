//! What this epoch tells its successors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use riverrun_core::control::{ClosedRow, InheritedJournal, JournalLossRow, ServingRow, keys};

use crate::catalog::{Catalog, CatalogError, Row};

/// This process's hold on the store.
pub struct Epoch {
    catalog: Arc<dyn Catalog>,
    inherited: Vec<InheritedJournal>,
    /// What is given up with this epoch's beginning.
    loss: Option<JournalLossRow>,
    inherited_published: AtomicBool,
}

impl Epoch {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        inherited: Vec<InheritedJournal>,
        loss: Option<JournalLossRow>,
    ) -> Self {
        let inherited_published = AtomicBool::new(inherited.is_empty());
        Self { catalog, inherited, loss, inherited_published }
    }

    #[cfg(test)]
    pub(crate) fn that_inherits(catalog: Arc<dyn Catalog>) -> Self {
        let journal = InheritedJournal { journal_id: [7; 16], epoch: 0, shard: 0, needed_from: 0, last_number: 0 };
        Self::new(catalog, vec![journal], None)
    }

    pub fn number(&self) -> u64 {
        self.catalog.writer_epoch()
    }

    /// Older journals with batches that are in no chunk yet.
    pub fn inherited(&self) -> &[InheritedJournal] {
        &self.inherited
    }

    /// Before the first append is accepted: from now on a successor looks into this epoch's journals, and into those it inherits,
    /// as far as they were replayed. A loss that was accepted is recorded in the same write: it is one from now on, and the next
    /// start must not ask again for what was lost, nor use what cannot follow on it.
    pub async fn mark_serving(&self) -> Result<(), CatalogError> {
        let loss = self.loss.as_ref().map(|loss| (keys::journal_loss(self.number()), loss.encode()));
        let rows = [self.serving(self.inherited.clone())].into_iter().chain(loss);
        self.catalog.put_batch(rows.collect()).await
    }

    /// After every shard has said `InheritedPublished`. Only when this has returned may the older journals' files be written
    /// again: until then a successor needs them.
    pub async fn inherited_published(&self) -> Result<(), CatalogError> {
        if self.inherited_published.load(Ordering::Acquire) {
            return Ok(());
        }
        self.catalog.put_batch(vec![self.serving(Vec::new())]).await?;
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

    fn serving(&self, inherited: Vec<InheritedJournal>) -> Row {
        (keys::serving(self.number()), ServingRow { inherited }.encode())
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
