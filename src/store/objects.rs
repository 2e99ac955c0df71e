//! [`Objects`] over an opendal operator.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use opendal::{Buffer, Error, ErrorKind, Operator};
use riverrun_core::plan::put::PutOutcome;

use super::fs::{LocalStore, PublishError};
use super::{Objects, StoreError};

#[derive(Clone, Debug)]
pub struct OpendalObjects {
    operator: Operator,
    local: Option<Arc<LocalStore>>,
}

impl OpendalObjects {
    pub fn new(operator: Operator, local: Option<Arc<LocalStore>>) -> Self {
        Self { operator, local }
    }

    /// A publish step that fails has not given the object its name; what a remote store has done, only looking tells.
    fn put_failed(&self, error: &Error) -> PutOutcome {
        match error.kind() {
            ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists => PutOutcome::AlreadyExists,
            ErrorKind::Conflict => PutOutcome::Conflict,
            // A folder that was made and is gone is among them (reliability.md F17).
            ErrorKind::PermissionDenied | ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::ConfigInvalid => {
                PutOutcome::Refused(error.to_string())
            }
            ErrorKind::RateLimited => PutOutcome::NotDone(error.to_string()),
            _ if self.local.is_some() => PutOutcome::NotDone(error.to_string()),
            _ => PutOutcome::Ambiguous(error.to_string()),
        }
    }
}

impl Objects for OpendalObjects {
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        async move {
            match self.operator.write_with(name, buffer(parts)).if_not_exists(true).await {
                Ok(_) => PutOutcome::Created,
                Err(error) => self.put_failed(&error),
            }
        }
        .boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        async move {
            let read = self.operator.read(name).await;
            unless_missing(read.map(|buffer| buffer.to_bytes()))
                .map_err(|error| StoreError::failed("read", name, error))
        }
        .boxed()
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        async move {
            let wanted = range.end.saturating_sub(range.start);
            let read = self.operator.read_with(name).range(range).await;
            let bytes = read.map_err(|error| StoreError::failed("read", name, error))?.to_bytes();
            match bytes.len() as u64 == wanted {
                true => Ok(bytes),
                false => Err(StoreError::failed("read", name, format!("got {} bytes of {wanted}", bytes.len()))),
            }
        }
        .boxed()
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        async move {
            let stat = self.operator.stat(name).await;
            unless_missing(stat.map(|metadata| metadata.content_length()))
                .map_err(|error| StoreError::failed("look at", name, error))
        }
        .boxed()
    }

    fn sync_found<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let Some(local) = self.local.clone() else { return Ok(()) };
            let found = name.to_owned();
            let synced = tokio::task::spawn_blocking(move || local.sync_found(&found)).await;
            synced.map_err(|panic| StoreError::failed("sync", name, panic))?.map_err(|error| match error {
                PublishError::SyncFailed(reason) => StoreError::SyncFailed { reason },
                PublishError::NotDone(error) => StoreError::failed("sync", name, error),
                PublishError::AlreadyExists => StoreError::failed("sync", name, "it exists"),
            })
        }
        .boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let Some(local) = self.local.clone() else {
                return self.operator.delete(name).await.map_err(|error| StoreError::failed("delete", name, error));
            };
            let gone = name.to_owned();
            let removed = tokio::task::spawn_blocking(move || local.remove(&gone)).await;
            removed.map_err(|panic| StoreError::failed("delete", name, panic))?.map_err(|error| match error {
                PublishError::SyncFailed(reason) => StoreError::SyncFailed { reason },
                PublishError::NotDone(error) => StoreError::failed("delete", name, error),
                PublishError::AlreadyExists => StoreError::failed("delete", name, "it exists"),
            })
        }
        .boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let failed = |error: Error| StoreError::failed("list", prefix, error);
            let lister = self.operator.lister_with(prefix).recursive(true).await.map_err(failed)?;
            let files = lister.try_filter(|entry| std::future::ready(entry.metadata().is_file()));
            files.map_ok(|entry| entry.path().to_owned()).try_collect().await.map_err(failed)
        }
        .boxed()
    }
}

/// Without empty parts: a cursor over opendal's buffer never gets past one (0.59.5), and writes for ever.
pub fn buffer(parts: impl IntoIterator<Item = Bytes>) -> Buffer {
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn unless_missing<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
