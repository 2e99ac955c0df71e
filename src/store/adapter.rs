//! The store as the catalog's engine sees it: `object_store_opendal`, with one thing put right.
//!
//! SlateDB marks each conditional put with an id among the object's attributes, so that a put whose answer was lost and that
//! then meets "already exists" can be told from a rival's by looking at the object. `object_store_opendal` 0.60 drops
//! attributes on `put`, so SlateDB would take its own lost answer for a fence and close. Here they are passed on, to every
//! store that keeps an object's metadata.
//!
//! A store that keeps none must not be ambiguous, and local ones are not: the publish step either says what happened or ends
//! the process, and `memory:` cannot lose an answer. Comparing contents instead of ids would not do: two new owners that race
//! for the same manifest, or for the same fence, write the same bytes, and both would believe that they won.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, CopyOptions, Extensions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use object_store_opendal::OpendalStore;
use opendal::options::WriteOptions;
use opendal::raw::percent_decode_path;
use opendal::{Error, ErrorKind, Operator};

use super::objects::buffer;

type Result<T> = object_store::Result<T>;

#[derive(Debug)]
pub struct CatalogObjects {
    operator: Operator,
    inner: OpendalStore,
    keeps_metadata: bool,
}

impl CatalogObjects {
    pub fn new(operator: Operator) -> Self {
        let keeps_metadata = operator.info().capability().write_with_user_metadata;
        Self { inner: OpendalStore::new(operator.clone()), operator, keeps_metadata }
    }

    fn write_options(&self, options: PutOptions) -> Result<WriteOptions> {
        let metadata = self.keeps_metadata.then(|| user_metadata(&options.attributes));
        let mut write = WriteOptions { user_metadata: metadata.filter(|map| !map.is_empty()), ..Default::default() };
        match options.mode {
            PutMode::Overwrite => {}
            PutMode::Create => write.if_not_exists = true,
            PutMode::Update(version) => write.if_match = Some(version.e_tag.ok_or_else(etag_needed)?),
        }
        Ok(write)
    }
}

#[async_trait::async_trait]
impl ObjectStore for CatalogObjects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let creates = options.mode == PutMode::Create;
        let write = self.write_options(options)?;
        let name = percent_decode_path(location.as_ref());
        let written = self.operator.write_options(&name, buffer(payload), write).await;
        let metadata = written.map_err(|error| to_object_store(error, location, creates))?;
        Ok(PutResult {
            e_tag: metadata.etag().map(str::to_owned),
            version: metadata.version().map(str::to_owned),
            extensions: Extensions::new(),
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let attributes = if self.keeps_metadata { options.attributes.clone() } else { Attributes::new() };
        self.inner.put_multipart_opts(location, PutMultipartOptions { attributes, ..options }).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl fmt::Display for CatalogObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

fn user_metadata(attributes: &Attributes) -> HashMap<String, String> {
    let metadata = attributes.iter().filter_map(|(key, value)| match key {
        Attribute::Metadata(key) => Some((key.to_string(), value.to_string())),
        _ => None,
    });
    metadata.collect()
}

fn etag_needed() -> object_store::Error {
    let error = Error::new(ErrorKind::Unsupported, "a conditional replacement needs the etag of what it replaces");
    object_store::Error::NotSupported { source: Box::new(error) }
}

fn to_object_store(error: Error, location: &Path, creates: bool) -> object_store::Error {
    let (path, kind) = (location.to_string(), error.kind());
    let source = Box::new(error);
    match kind {
        ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        ErrorKind::Unsupported => object_store::Error::NotSupported { source },
        ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source },
        ErrorKind::ConditionNotMatch if creates => object_store::Error::AlreadyExists { path, source },
        ErrorKind::ConditionNotMatch => object_store::Error::Precondition { path, source },
        other => object_store::Error::Generic { store: other.into_static(), source },
    }
}
