//! Every kind of store keeps the same promises.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;

const NO_WAIT: Duration = Duration::ZERO;

fn bytes(text: &'static str) -> Vec<Bytes> {
    vec![Bytes::from_static(text.as_bytes())]
}

async fn stores(folder: &std::path::Path) -> Vec<Store> {
    let urls = [StoreUrl::memory(), StoreUrl::fs(folder.join("store"))];
    let mut stores = Vec::new();
    for url in urls {
        stores.push(Store::open(&url, NO_WAIT).await.expect("opens"));
    }
    stores
}

#[tokio::test]
async fn an_object_is_created_once_and_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()).await {
        let objects = store.objects();
        let name = "chunks/a/b/1";
        assert_eq!(objects.get(name).await, Ok(None));
        assert_eq!(objects.size(name).await, Ok(None));
        let parts = vec![Bytes::from_static(b"01234"), Bytes::new(), Bytes::from_static(b"56789")];
        assert_eq!(objects.put_if_absent(name, parts).await, PutOutcome::Created);
        assert_eq!(objects.put_if_absent(name, bytes("other")).await, PutOutcome::AlreadyExists);
        assert_eq!(objects.get(name).await, Ok(Some(Bytes::from_static(b"0123456789"))));
        assert_eq!(objects.get_range(name, 3..7).await, Ok(Bytes::from_static(b"3456")));
        assert!(objects.get_range(name, 8..11).await.is_err(), "a range beyond the end is no short answer");
        assert!(objects.get_range("chunks/none", 0..1).await.is_err());
        assert_eq!(objects.size(name).await, Ok(Some(10)));
        assert_eq!(objects.sync_found(name).await, Ok(()));
        assert_eq!(objects.list("chunks/").await, Ok(vec![name.to_owned()]));
    }
}

#[tokio::test]
async fn an_object_larger_than_a_writer_holds_in_memory_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()).await {
        let parts: Vec<Bytes> = (0..20u8).map(|part| Bytes::from(vec![part; 1 << 20])).collect();
        let objects = store.objects();
        assert_eq!(objects.put_if_absent("chunks/large", parts.clone()).await, PutOutcome::Created);
        assert_eq!(objects.get("chunks/large").await.expect("read"), Some(parts.concat().into()));
    }
}

/// reliability.md F21, F20: the second process is told who has the store; a moment's overlap is waited out.
#[tokio::test]
async fn a_local_store_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = StoreUrl::fs(folder.path());
    let first = Store::open(&url, NO_WAIT).await.expect("opens");
    let refused = Store::open(&url, Duration::from_millis(50)).await.expect_err("in use");
    assert!(refused.to_string().contains(&format!("in use by process {}", std::process::id())), "{refused}");
    let (second, ()) = tokio::join!(Store::open(&url, Duration::from_secs(60)), async { drop(first) });
    second.expect("opens when the first is gone");
}

#[tokio::test]
async fn a_store_that_passed_the_self_test_is_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()).await {
        let names = store.objects().list("selftest/").await.expect("listed");
        assert_eq!(names, ["selftest/passed-1"], "and the probe is gone");
    }
}

/// What a store does wrong that must not be used.
#[derive(Debug)]
struct Careless {
    inner: model::ModelObjects,
    ignores_the_condition: bool,
    reads_short: bool,
}

impl Objects for Careless {
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        if self.ignores_the_condition {
            self.inner.remove(name);
        }
        self.inner.put_if_absent(name, parts)
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.inner.get(name)
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let start = if self.reads_short { range.start + 1 } else { range.start };
        self.inner.get_range(name, start..range.end)
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.inner.size(name)
    }

    fn sync_found<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.delete(name)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.inner.list(prefix)
    }
}

/// reliability.md F43, F37.
#[tokio::test]
async fn an_unsafe_store_is_told_from_a_safe_one() {
    let careless = |ignores_the_condition, reads_short| Careless {
        inner: model::ModelObjects::default(),
        ignores_the_condition,
        reads_short,
    };
    assert_eq!(self_test::run(&careless(false, false), "probe").await, Ok(None));
    let twice = self_test::run(&careless(true, false), "probe").await.expect("an answer");
    assert_eq!(twice.as_deref(), Some("an object can be created twice, so that two owners could both win"));
    let short = self_test::run(&careless(false, true), "probe").await.expect("an answer");
    assert_eq!(short.as_deref(), Some("a read of the range 0..5 returned other bytes"));
}
