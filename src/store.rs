//! The object store: named immutable objects behind two small promises, `put_if_absent` is atomic and what it created is
//! durable when it returns. Everything above (publishing, fencing, recovery) is written against [`Objects`]; the back ends are
//! opendal services, and this is the only room that knows opendal.
//!
//! ```text
//! Objects (chunks, fences)      object_store::ObjectStore (the catalog)
//!        \                        /
//!         opendal Operator, one per store
//!                |
//!         PublishLayer  (local disks: every write is a publish step, see fs.rs)
//!                |
//!         opendal service: fs | memory
//! ```
//!
//! There is no retry layer here, on purpose: a conditional put that is repeated blindly turns a lost answer into "somebody
//! else was first" (reliability.md 1, finding 2). Whoever asked decides, with the object's own ids in hand.

mod adapter;
mod error;
mod fs;
mod fs_layer;
mod fs_lock;
mod measured;
pub mod model;
mod objects;
mod self_test;
mod store_url;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use opendal::Operator;
use riverrun_core::plan::put::PutOutcome;

pub use error::StoreError;
pub use measured::{StoreCall, StoreCalls};
pub use store_url::{StoreKind, StoreUrl};

use fs::LocalStore;
use measured::Measured;

/// Named, immutable objects. Names are `/`-separated paths below the store's prefix.
///
/// Calls are one attempt each; deadlines and retries belong to the caller. All of it is safe to call concurrently.
pub trait Objects: Send + Sync + 'static {
    /// Creates the object in one shot, durably, if no object has that name; never replaces one. Only `core::plan` may turn the
    /// outcome into a decision.
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome>;

    /// The whole object, or `None` if there is none.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Exactly these bytes of it. Shorter objects and missing ones are errors.
    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>>;

    /// Its length, or `None` if there is none.
    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>>;

    /// Makes an object that was found, rather than put, durable: its creator may have been killed between making it visible
    /// and syncing the folder, so that a power cut could still take it back (design.md 6, Recovery). Nothing to do on stores
    /// that never show what is not durable. [`StoreError::SyncFailed`] is final: whoever sees it stops, and asks no second time.
    fn sync_found<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes the object, durably, if there is one.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Names below a folder prefix such as `chunks/`, in no order. For people and tools: nothing that decides may rest on it
    /// (reliability.md F38).
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;
}

/// One store: everything under one prefix.
#[derive(Clone, Debug)]
pub struct Store {
    url: StoreUrl,
    operator: Operator,
    local: Option<Arc<LocalStore>>,
    calls: Arc<StoreCalls>,
}

impl Store {
    /// Opens a store and makes sure that it keeps its promises.
    ///
    /// On a local disk: takes the store's lock (waiting `lock_wait` for a previous owner to go away), removes what killed
    /// publish steps left behind and syncs the folders, so that whatever is found from here on is durable. On any store: the
    /// self-test, if this store has not passed it yet.
    pub async fn open(url: &StoreUrl, lock_wait: std::time::Duration) -> Result<Self, StoreError> {
        let store = match url.kind() {
            StoreKind::Memory => Self::memory(url)?,
            StoreKind::Fs(root) => Self::fs(url, root.clone(), lock_wait).await?,
        };
        self_test::run_once(&store.operator, &store.url).await?;
        Ok(store)
    }

    fn memory(url: &StoreUrl) -> Result<Self, StoreError> {
        let operator = Operator::new(opendal::services::Memory::default())
            .map_err(|error| StoreError::open(url, error.to_string()))?;
        Ok(Self { url: url.clone(), operator, local: None, calls: Arc::default() })
    }

    async fn fs(url: &StoreUrl, root: std::path::PathBuf, lock_wait: std::time::Duration) -> Result<Self, StoreError> {
        let open = tokio::task::spawn_blocking(move || LocalStore::open(&root, lock_wait));
        let local = Arc::new(open.await.map_err(|panic| StoreError::open(url, panic.to_string()))??);
        let service = opendal::services::Fs::default().root(&local.root().to_string_lossy());
        let operator = Operator::new(service)
            .map_err(|error| StoreError::open(url, error.to_string()))?
            .layer(fs_layer::PublishLayer::new(Arc::clone(&local)));
        Ok(Self { url: url.clone(), operator, local: Some(local), calls: Arc::default() })
    }

    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// The store as chunks see it.
    pub fn objects(&self) -> Arc<dyn Objects> {
        let objects = objects::OpendalObjects::new(self.operator.clone(), self.local.clone());
        Arc::new(Measured::new(objects, self.calls.clone()))
    }

    /// What is counted of [`Self::objects`].
    pub fn calls(&self) -> &Arc<StoreCalls> {
        &self.calls
    }

    /// The store as the catalog's engine sees it.
    pub fn object_store(&self) -> Arc<dyn object_store::ObjectStore> {
        Arc::new(adapter::CatalogObjects::new(self.operator.clone()))
    }

    /// Whether listings carry modification times; where they do not, nothing may be collected by age.
    pub fn lists_times(&self) -> bool {
        self.local.is_some()
    }

    /// Whether an object can be replaced on condition that it is still the one that was read.
    pub fn replaces_conditionally(&self) -> bool {
        self.operator.info().capability().write_with_if_match
    }

    /// Waits until the store's disk fails a sync: what was acknowledged as durable since may not be. Nobody may go on
    /// (reliability.md D8), so whoever runs the process waits for this and ends it, saying why.
    pub async fn failed(&self) -> String {
        match &self.local {
            Some(local) => local.failed().await,
            None => futures::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
