//! [`Catalog`] over SlateDB.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use slatedb::config::{DurabilityLevel, FlushOptions, FlushType, ReadOptions, ScanOptions};
use slatedb::{CloseReason, Db, WriteBatch};
use tokio::sync::Mutex;

use super::settings::{self, StoreTraits};
use super::{Catalog, CatalogError, Change, Row};
use crate::store::Store;

/// Where the catalog's objects are in the store.
const PATH: &str = "catalog";
/// Every flush is an object of the write-ahead log, and start reads those that no memtable flush has made unneeded: at this
/// many, a few dozen milliseconds of it. Flushes are counted and not writes, many of which share one: 100,000 streams created as
/// fast as they can be would make 200 small tables, of which SlateDB takes in a few and keeps the others in memory, where every
/// look-up has to go through all of them (measured: 870 creations a second over all, against 5,200).
const MEMTABLE_FLUSH_FLUSHES: u64 = 512;

/// The open catalog. Cheap to share by `Arc`.
pub struct SlateCatalog {
    db: Db,
    writer_epoch: u64,
    /// Held by whoever flushes; those who wait for it find their write flushed by its holder.
    flushing: Mutex<()>,
    flushes: AtomicU64,
}

impl SlateCatalog {
    /// Opens the store's catalog, creating it if there is none, and so takes the store from whoever had it open: take the
    /// store's locks first.
    pub async fn open(store: &Store) -> Result<Arc<Self>, CatalogError> {
        let traits =
            StoreTraits { lists_times: store.lists_times(), replaces_conditionally: store.replaces_conditionally() };
        let db = Db::builder(PATH, store.object_store())
            .with_settings(settings::settings(traits))
            .with_db_cache(settings::cache(), 0)
            .build()
            .await?;
        let writer_epoch = db.manifest().writer_epoch();
        Ok(Arc::new(Self { db, writer_epoch, flushing: Mutex::new(()), flushes: AtomicU64::new(0) }))
    }

    /// The first to wait flushes for all who wrote before it got its turn.
    async fn make_durable(&self, seq: u64) -> Result<(), CatalogError> {
        let _flushing = self.flushing.lock().await;
        if self.db.status().durable_seq < seq {
            self.db.flush().await?;
            self.count_flush();
        }
        Ok(())
    }

    /// Starts a memtable flush now and then, so that start has little to replay.
    fn count_flush(&self) {
        if self.flushes.fetch_add(1, Ordering::Relaxed) % MEMTABLE_FLUSH_FLUSHES == MEMTABLE_FLUSH_FLUSHES - 1 {
            let db = self.db.clone();
            tokio::spawn(async move {
                let memtable = FlushOptions { flush_type: FlushType::MemTable };
                if let Err(error) = db.flush_with_options(memtable).await {
                    tracing::warn!(%error, "flushing the catalog's memtable");
                }
            });
        }
    }
}

impl Catalog for SlateCatalog {
    fn get(&self, key: Bytes) -> BoxFuture<'_, Result<Option<Bytes>, CatalogError>> {
        async move {
            let durable = ReadOptions::new().with_durability_filter(DurabilityLevel::Remote);
            Ok(self.db.get_with_options(key, &durable).await?)
        }
        .boxed()
    }

    fn write(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), CatalogError>> {
        async move {
            let mut batch = WriteBatch::new();
            for change in changes {
                match change {
                    Change::Put(key, value) => batch.put_bytes(key, value),
                    Change::Delete(key) => batch.delete(key),
                }
            }
            let written = self.db.write(batch).await?;
            self.make_durable(written.seqnum()).await
        }
        .boxed()
    }

    fn scan(&self, keys: Range<Bytes>, rows_max: usize) -> BoxFuture<'_, Result<Vec<Row>, CatalogError>> {
        async move {
            if keys.start >= keys.end {
                return Ok(Vec::new());
            }
            let durable = ScanOptions::new().with_durability_filter(DurabilityLevel::Remote).with_cache_blocks(true);
            let mut found = self.db.scan_with_options(keys, &durable).await?;
            let mut rows = Vec::new();
            while rows.len() < rows_max {
                match found.next().await? {
                    Some(row) => rows.push((row.key, row.value)),
                    None => break,
                }
            }
            Ok(rows)
        }
        .boxed()
    }

    fn writer_epoch(&self) -> u64 {
        self.writer_epoch
    }

    fn closed(&self) -> BoxFuture<'_, CatalogError> {
        async move {
            let mut status = self.db.subscribe();
            match status.wait_for(|status| status.close_reason.is_some()).await {
                Ok(status) if status.close_reason == Some(CloseReason::Fenced) => CatalogError::Fenced,
                Ok(status) => CatalogError::Closed(format!("{:?}", status.close_reason)),
                Err(_) => CatalogError::Closed("its tasks are gone".to_owned()),
            }
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), CatalogError>> {
        async move { Ok(self.db.close().await?) }.boxed()
    }
}

impl std::fmt::Debug for SlateCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlateCatalog").field("writer_epoch", &self.writer_epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
