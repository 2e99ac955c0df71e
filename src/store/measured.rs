//! How long calls to the store take, and how many fail.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun_core::plan::put::PutOutcome;

use super::{Objects, StoreError};
use crate::metrics::Durations;

/// What may be asked of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreCall {
    Put,
    Get,
    GetRange,
    Size,
    SyncFound,
    Delete,
    List,
}

impl StoreCall {
    pub const ALL: [Self; 7] =
        [Self::Put, Self::Get, Self::GetRange, Self::Size, Self::SyncFound, Self::Delete, Self::List];

    /// As a label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::GetRange => "get_range",
            Self::Size => "size",
            Self::SyncFound => "sync_found",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }
}

/// Of one kind of call.
#[derive(Debug, Default)]
pub struct CallTimes {
    pub times: Durations,
    pub failed: AtomicU64,
}

/// Of a store, over all who use it.
#[derive(Debug, Default)]
pub struct StoreCalls([CallTimes; StoreCall::ALL.len()]);

impl StoreCalls {
    pub fn of(&self, call: StoreCall) -> &CallTimes {
        &self.0[call as usize]
    }

    async fn timed<T>(&self, call: StoreCall, is_failure: fn(&T) -> bool, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let outcome = work.await;
        let counted = self.of(call);
        counted.times.record(begun.elapsed());
        counted.failed.fetch_add(u64::from(is_failure(&outcome)), Ordering::Relaxed);
        outcome
    }
}

/// A store whose calls are counted. One that is given up on the way is not.
pub struct Measured<O> {
    objects: O,
    calls: Arc<StoreCalls>,
}

impl<O: Objects> Measured<O> {
    pub fn new(objects: O, calls: Arc<StoreCalls>) -> Self {
        Self { objects, calls }
    }
}

/// That somebody else was first is an answer, not a failure.
fn is_failed_put(outcome: &PutOutcome) -> bool {
    !matches!(outcome, PutOutcome::Created | PutOutcome::AlreadyExists)
}

impl<O: Objects> Objects for Measured<O> {
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        self.calls.timed(StoreCall::Put, is_failed_put, self.objects.put_if_absent(name, parts)).boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.calls.timed(StoreCall::Get, Result::is_err, self.objects.get(name)).boxed()
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.calls.timed(StoreCall::GetRange, Result::is_err, self.objects.get_range(name, range)).boxed()
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.calls.timed(StoreCall::Size, Result::is_err, self.objects.size(name)).boxed()
    }

    fn sync_found<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.calls.timed(StoreCall::SyncFound, Result::is_err, self.objects.sync_found(name)).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.calls.timed(StoreCall::Delete, Result::is_err, self.objects.delete(name)).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.calls.timed(StoreCall::List, Result::is_err, self.objects.list(prefix)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::model::ModelObjects;

    #[test]
    fn calls_are_in_the_order_of_their_numbers() {
        assert!(StoreCall::ALL.iter().enumerate().all(|(n, call)| *call as usize == n));
    }

    #[tokio::test]
    async fn each_call_is_counted_and_failures_apart() {
        let calls = Arc::new(StoreCalls::default());
        let store = Measured::new(ModelObjects::default(), calls.clone());
        for _ in 0..2 {
            store.put_if_absent("chunks/a", vec![Bytes::from_static(b"abc")]).await;
        }
        assert!(store.get_range("chunks/missing", 0..4).await.is_err());
        let counted = |call| (calls.of(call).times.counted().count(), calls.of(call).failed.load(Ordering::Relaxed));
        assert_eq!(counted(StoreCall::Put), (2, 0), "the second was told that there is one");
        assert_eq!((counted(StoreCall::GetRange), counted(StoreCall::Get)), ((1, 1), (0, 0)));
    }
}
