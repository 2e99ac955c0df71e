//! Names: which basins and streams exist, and their creation. The one place that creates, so that a name has one entry
//! however many ask for it at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::action::LoadCause;
use riverrun_core::control::{BasinEntry, IdRow, Listing, StreamEntry, keys, resolved};
use riverrun_core::event::LoadFailure;
use riverrun_core::stored::StoredError;
use riverrun_protocol::config::{PartialStreamConfig, StreamConfig};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{CreateBasin, CreateStream, ListBasins, ListStreams, StreamRef};
use riverrun_protocol::response::{BasinList, ProvisionResult, Provisioned, Response, StreamList};
use riverrun_protocol::types::{BasinName, StreamId};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::LOAD_DEADLINE;
use crate::catalog::{Catalog, CatalogError};
use crate::publish::random_id;

/// Milliseconds since the Unix epoch.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Creations of names that share a lock wait for each other; others share the catalog's writes.
const LOCKS: usize = 64;

pub struct Names {
    catalog: Arc<dyn Catalog>,
    defaults: StreamConfig,
    clock: WallClock,
    locks: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
}

/// Why a name was not found or not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
enum NameError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    #[error("basin `{0}` not found")]
    BasinNotFound(BasinName),
    #[error("stream `{}` in basin `{}` not found", .0.stream, .0.basin)]
    StreamNotFound(StreamRef),
    #[error("basin `{0}` already exists")]
    BasinExists(BasinName),
    #[error("stream `{}` in basin `{}` already exists", .0.stream, .0.basin)]
    StreamExists(StreamRef),
    #[error("{0}")]
    Random(String),
}

impl Names {
    pub fn new(catalog: Arc<dyn Catalog>, defaults: StreamConfig, clock: WallClock) -> Self {
        let locks = (0..LOCKS).map(|_| Arc::default()).collect();
        Self { catalog, defaults, clock, locks, hasher: RandomState::new() }
    }

    /// The stream's entry, made now if it is missing and its basin says so (`s2-semantics.md` E7).
    pub async fn find_or_create(
        self: &Arc<Self>,
        target: &StreamRef,
        cause: LoadCause,
    ) -> Result<Arc<StreamEntry>, LoadFailure> {
        if let Some(entry) = self.stream(target).await? {
            return Ok(Arc::new(entry));
        }
        if !self.basin(&target.basin).await?.creates_streams(cause) {
            return Err(LoadFailure::StreamNotFound);
        }
        let (names, target) = (Arc::clone(self), target.clone());
        let created = to_the_end(async move {
            match names.make_stream(&target, &PartialStreamConfig::default()).await {
                // Somebody else was quicker; theirs is as good (E7).
                Err(NameError::StreamExists(_)) => {
                    names.stream(&target).await?.ok_or(NameError::StreamNotFound(target))
                }
                made => made,
            }
        });
        Ok(Arc::new(created.await?))
    }

    pub async fn create_basin(self: &Arc<Self>, request: CreateBasin) -> Result<Response, ErrorFrame> {
        let names = Arc::clone(self);
        let made = answered(to_the_end(async move { names.make_basin(&request).await })).await?;
        Ok(Response::BasinProvisioned(Provisioned { info: made.info(), result: ProvisionResult::Created }))
    }

    pub async fn create_stream(self: &Arc<Self>, request: CreateStream) -> Result<Response, ErrorFrame> {
        let names = Arc::clone(self);
        let made =
            answered(to_the_end(async move { names.make_stream(&request.target, &request.config).await })).await?;
        Ok(Response::StreamProvisioned(Provisioned { info: made.info(), result: ProvisionResult::Created }))
    }

    pub async fn list_basins(&self, request: &ListBasins) -> Result<Response, ErrorFrame> {
        let found = answered(async {
            let listing = Listing::basins(request);
            let rows = self.list(&listing).await?;
            let entries = rows.iter().map(|value| BasinEntry::decode(value)).collect::<Result<Vec<_>, _>>()?;
            Ok(listing.page(entries))
        })
        .await?;
        let basins = found.entries.iter().map(BasinEntry::info).collect();
        Ok(Response::BasinList(BasinList { basins, has_more: found.has_more }))
    }

    /// A basin that does not exist is an error, as S2's API description has it (`s2-semantics.md` E3).
    pub async fn list_streams(&self, request: &ListStreams) -> Result<Response, ErrorFrame> {
        let found = answered(async {
            self.basin(&request.basin).await?;
            let listing = Listing::streams(request);
            let rows = self.list(&listing).await?;
            let entries = rows.iter().map(|value| StreamEntry::decode(value)).collect::<Result<Vec<_>, _>>()?;
            Ok(listing.page(entries))
        })
        .await?;
        let streams = found.entries.iter().map(StreamEntry::info).collect();
        Ok(Response::StreamList(StreamList { streams, has_more: found.has_more }))
    }

    async fn list(&self, listing: &Listing) -> Result<Vec<Bytes>, NameError> {
        if listing.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.catalog.scan(listing.keys.clone(), listing.scan_max()).await?;
        Ok(rows.into_iter().map(|(_, value)| value).collect())
    }

    async fn basin(&self, name: &BasinName) -> Result<BasinEntry, NameError> {
        match self.catalog.get(keys::basin(name)).await? {
            Some(value) => Ok(BasinEntry::decode(&value)?),
            None => Err(NameError::BasinNotFound(name.clone())),
        }
    }

    async fn stream(&self, target: &StreamRef) -> Result<Option<StreamEntry>, NameError> {
        let value = self.catalog.get(keys::stream(&target.basin, &target.stream)).await?;
        Ok(value.map(|value| StreamEntry::decode(&value)?.checked()).transpose()?)
    }

    async fn make_basin(&self, request: &CreateBasin) -> Result<BasinEntry, NameError> {
        let key = keys::basin(&request.basin);
        let _name = self.lock(&key).await;
        if self.catalog.get(key.clone()).await?.is_some() {
            return Err(NameError::BasinExists(request.basin.clone()));
        }
        let entry = BasinEntry::new(request.basin.clone(), request.config, None, (self.clock)());
        self.catalog.put_batch(vec![(key, entry.encode())]).await?;
        Ok(entry)
    }

    async fn make_stream(&self, target: &StreamRef, config: &PartialStreamConfig) -> Result<StreamEntry, NameError> {
        let key = keys::stream(&target.basin, &target.stream);
        let _name = self.lock(&key).await;
        let in_basin = self.basin(&target.basin).await?;
        if self.catalog.get(key.clone()).await?.is_some() {
            return Err(NameError::StreamExists(target.clone()));
        }
        let id = StreamId(random_id().map_err(NameError::Random)?);
        let (basin, name) = (target.basin.clone(), target.stream.clone());
        let config = resolved(config, &in_basin.config.default_stream_config, &self.defaults);
        let entry = StreamEntry::new(id, basin.clone(), name.clone(), (self.clock)(), config);
        let rows = vec![(key, entry.encode()), (keys::id(id), IdRow { basin, name, purged_at_ms: None }.encode())];
        self.catalog.put_batch(rows).await?;
        Ok(entry)
    }

    async fn lock(&self, key: &[u8]) -> OwnedMutexGuard<()> {
        let lock = self.hasher.hash_one(key) as usize % LOCKS;
        Arc::clone(&self.locks[lock]).lock_owned().await
    }
}

/// Runs a creation in a task of its own, so that a caller who stops waiting does not stop it half way. Otherwise: the write of
/// entry A is under way, its caller gives up and lets go of the name, a second creation sees nothing yet and writes entry B; in
/// between A becomes durable, somebody finds it and appends to its id; then B takes the name, and those records are lost.
async fn to_the_end<T: Send + 'static>(
    creation: impl Future<Output = Result<T, NameError>> + Send + 'static,
) -> Result<T, NameError> {
    match tokio::spawn(creation).await {
        Ok(made) => made,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

/// The answer to a client: within a deadline, and in its words.
async fn answered<T>(call: impl Future<Output = Result<T, NameError>>) -> Result<T, ErrorFrame> {
    match timeout(LOAD_DEADLINE, call).await {
        Ok(answer) => answer.map_err(ErrorFrame::from),
        Err(_) => {
            let message = format!("the catalog did not answer in {LOAD_DEADLINE:?}; what was asked may have been done");
            Err(ErrorFrame::new(ErrorCode::Unavailable, message))
        }
    }
}

/// Message forms of `s2-semantics.md` E11.
impl From<NameError> for ErrorFrame {
    fn from(error: NameError) -> Self {
        let code = match &error {
            NameError::BasinNotFound(_) => ErrorCode::BasinNotFound,
            NameError::StreamNotFound(_) => ErrorCode::StreamNotFound,
            NameError::BasinExists(_) | NameError::StreamExists(_) => ErrorCode::AlreadyExists,
            NameError::Stored(_) | NameError::Catalog(CatalogError::Corrupt(_)) => ErrorCode::Corrupt,
            NameError::Catalog(_) | NameError::Random(_) => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<NameError> for LoadFailure {
    fn from(error: NameError) -> Self {
        match &error {
            NameError::BasinNotFound(_) => Self::BasinNotFound,
            NameError::StreamNotFound(_) => Self::StreamNotFound,
            NameError::BasinExists(_) | NameError::StreamExists(_) => Self::TransactionConflict,
            NameError::Stored(_) | NameError::Catalog(CatalogError::Corrupt(_)) => Self::Corrupt(error.to_string()),
            NameError::Catalog(_) | NameError::Random(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}
