//! The publish step as an opendal layer: every write that goes through the operator, chunks and catalog alike, is staged and
//! published by [`LocalStore`]; reads, listings and deletions go on to opendal's fs service.
//!
//! Copying, renaming and appending in place are refused here: nothing in Riverrun needs them, and as opendal's fs service does
//! them they are not durable.

use std::sync::Arc;

use bytes::Bytes;
use opendal::raw::{
    Layer, OpCopy, OpCreateDir, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite, RpCreateDir, RpPresign, RpRename,
    RpStat, Service, ServiceInfo, Servicer, oio,
};
use opendal::{Buffer, Capability, Error, ErrorKind, Metadata, MetadataBuilder, OperationContext, Result};

use super::fs::{LocalStore, PublishError, PublishMode, StagedFile};

/// What a writer holds in memory before it starts to stage: most objects are small and arrive in one piece, and then all
/// steps are one visit to the blocking pool.
const WRITER_HELD_BYTES_MAX: usize = 8 << 20;

#[derive(Clone, Debug)]
pub struct PublishLayer {
    local: Arc<LocalStore>,
}

impl PublishLayer {
    pub fn new(local: Arc<LocalStore>) -> Self {
        Self { local }
    }
}

impl Layer for PublishLayer {
    fn apply_service(&self, inner: Servicer) -> Servicer {
        Arc::new(PublishService { local: Arc::clone(&self.local), inner })
    }
}

#[derive(Debug)]
struct PublishService {
    local: Arc<LocalStore>,
    inner: Servicer,
}

impl Service for PublishService {
    type Reader = oio::Reader;
    type Writer = PublishWriter;
    type Lister = oio::Lister;
    type Deleter = oio::Deleter;
    type Copier = oio::Copier;
    type Composer = oio::Composer;

    fn info(&self) -> ServiceInfo {
        self.inner.info()
    }

    fn capability(&self) -> Capability {
        Capability {
            write_can_append: false,
            write_with_user_metadata: false,
            copy: false,
            rename: false,
            ..self.inner.capability()
        }
    }

    async fn create_dir(&self, _: &OperationContext, path: &str, _: OpCreateDir) -> Result<RpCreateDir> {
        let (local, name) = (Arc::clone(&self.local), path.to_owned());
        blocking(move || local.make_folder(&local.path(&name).map_err(PublishError::NotDone)?)).await?;
        Ok(RpCreateDir::default())
    }

    async fn stat(&self, ctx: &OperationContext, path: &str, args: OpStat) -> Result<RpStat> {
        self.inner.stat(ctx, path, args).await
    }

    fn read(&self, ctx: &OperationContext, path: &str, args: OpRead) -> Result<Self::Reader> {
        self.inner.read(ctx, path, args)
    }

    fn write(&self, _: &OperationContext, path: &str, args: OpWrite) -> Result<Self::Writer> {
        let mode = if args.if_not_exists() { PublishMode::Create } else { PublishMode::Replace };
        Ok(PublishWriter {
            local: Arc::clone(&self.local),
            name: path.to_owned(),
            mode,
            held: Vec::new(),
            held_bytes: 0,
            staged: None,
        })
    }

    fn delete(&self, ctx: &OperationContext) -> Result<Self::Deleter> {
        self.inner.delete(ctx)
    }

    fn list(&self, ctx: &OperationContext, path: &str, args: OpList) -> Result<Self::Lister> {
        self.inner.list(ctx, path, args)
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Result<Self::Copier> {
        Err(refused("copy"))
    }

    async fn rename(&self, _: &OperationContext, _: &str, _: &str, _: OpRename) -> Result<RpRename> {
        Err(refused("rename"))
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Result<RpPresign> {
        Err(refused("presign"))
    }
}

/// Holds what it is given, stages it when it grows, publishes it when closed.
struct PublishWriter {
    local: Arc<LocalStore>,
    name: String,
    mode: PublishMode,
    held: Vec<Bytes>,
    held_bytes: usize,
    staged: Option<StagedFile>,
}

impl oio::Write for PublishWriter {
    async fn write(&mut self, buffer: Buffer) -> Result<()> {
        self.held_bytes += buffer.len();
        self.held.extend(buffer);
        match self.held_bytes > WRITER_HELD_BYTES_MAX {
            true => self.stage_held().await,
            false => Ok(()),
        }
    }

    async fn close(&mut self) -> Result<Metadata> {
        let (local, name, mode) = (Arc::clone(&self.local), self.name.clone(), self.mode);
        let (held, staged) = (self.take_held(), self.staged.take());
        let bytes = blocking(move || {
            let staged = append(&local, staged, &held).map_err(PublishError::NotDone)?;
            let bytes = staged.bytes();
            local.publish(staged, &name, mode).map(|()| bytes)
        })
        .await?;
        Ok(MetadataBuilder::file(bytes).build())
    }

    async fn abort(&mut self) -> Result<()> {
        let (held, staged) = (self.take_held(), self.staged.take());
        drop(held);
        blocking(move || {
            drop(staged);
            Ok(())
        })
        .await
    }
}

impl PublishWriter {
    async fn stage_held(&mut self) -> Result<()> {
        let local = Arc::clone(&self.local);
        let (held, staged) = (self.take_held(), self.staged.take());
        let staged = blocking(move || append(&local, staged, &held).map_err(PublishError::NotDone)).await?;
        self.staged = Some(staged);
        Ok(())
    }

    fn take_held(&mut self) -> Vec<Bytes> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held)
    }
}

fn append(local: &LocalStore, staged: Option<StagedFile>, parts: &[Bytes]) -> std::io::Result<StagedFile> {
    let mut staged = match staged {
        Some(staged) => staged,
        None => local.stage(parts.iter().map(Bytes::len).sum())?,
    };
    staged.append(parts)?;
    Ok(staged)
}

/// Runs steps that wait for the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(
    steps: impl FnOnce() -> std::result::Result<T, PublishError> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(steps).await {
        Ok(done) => done.map_err(to_opendal),
        Err(panic) => Err(Error::new(ErrorKind::Unexpected, "the publish step panicked").set_source(panic)),
    }
}

fn to_opendal(error: PublishError) -> Error {
    match error {
        PublishError::AlreadyExists => Error::new(ErrorKind::ConditionNotMatch, "an object has this name"),
        PublishError::NotDone(error) => Error::new(kind_of(&error), error.to_string()).set_source(error),
        // `Unsupported` is the kind that no one below or above retries.
        PublishError::SyncFailed(reason) => Error::new(ErrorKind::Unsupported, reason),
    }
}

fn kind_of(error: &std::io::Error) -> ErrorKind {
    match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        // For good, as far as this process can tell.
        std::io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unexpected,
    }
}

fn refused(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{operation} is not done on a local store"))
}
