//! A store with one object, one byte of which may fail to be read.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun::store::{Objects, StoreError};
use riverrun_core::plan::put::PutOutcome;

#[derive(Debug)]
pub struct OneObject {
    pub object: Bytes,
    pub bad: usize,
    /// How often the byte at `bad` still cannot be read.
    pub failures_left: AtomicUsize,
}

impl OneObject {
    fn range(&self, name: &str, range: Range<usize>) -> Result<Bytes, StoreError> {
        if range.contains(&self.bad) && self.fails() {
            return Err(StoreError::failed("read", name, "Input/output error (os error 5)"));
        }
        match range.end <= self.object.len() {
            true => Ok(self.object.slice(range)),
            false => Err(StoreError::failed("read", name, "too short")),
        }
    }

    fn fails(&self) -> bool {
        self.failures_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Readers ask for ranges; nobody writes.
impl Objects for OneObject {
    fn put_if_absent<'a>(&'a self, _: &'a str, _: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        async { PutOutcome::AlreadyExists }.boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        async move { self.range(name, 0..self.object.len()).map(Some) }.boxed()
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        async move { self.range(name, range.start as usize..range.end as usize) }.boxed()
    }

    fn size<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        async { Ok(Some(self.object.len() as u64)) }.boxed()
    }

    fn sync_found<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { Err(StoreError::failed("delete", name, "nobody deletes here")) }.boxed()
    }

    fn list<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}
