//! SlateDB over our adapter and our stores, compared with the model.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::catalog::model::{ModelCatalog, ModelRows};
use crate::catalog::scan_all;
use crate::store::StoreUrl;

fn row(key: &str, value: &str) -> Row {
    (Bytes::copy_from_slice(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
}

fn everything() -> Range<Bytes> {
    Bytes::new()..Bytes::from_static(&[0xff])
}

async fn local_store(folder: &std::path::Path) -> Store {
    Store::open(&StoreUrl::fs(folder), Duration::ZERO).await.expect("opens")
}

#[tokio::test]
async fn rows_are_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let first = SlateCatalog::open(&store).await.expect("opens");
    first.put_batch(vec![row("a", "1"), row("b", "2")]).await.expect("written");
    // Not closed: as good as killed, since nothing more is written for it.
    std::mem::forget(first);
    let second = SlateCatalog::open(&store).await.expect("opens");
    assert_eq!(scan_all(&*second, everything()).await, Ok(vec![row("a", "1"), row("b", "2")]));
}

#[tokio::test]
async fn rows_are_there_after_a_clean_close_and_the_closed_one_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let first = SlateCatalog::open(&store).await.expect("opens");
    first.put_batch(vec![row("a", "1")]).await.expect("written");
    first.close().await.expect("closes");
    assert!(matches!(first.closed().await, CatalogError::Closed(_)));
    assert!(first.put_batch(vec![row("a", "2")]).await.expect_err("closed").is_fatal());
    let second = SlateCatalog::open(&store).await.expect("opens");
    assert_eq!(second.get("a".into()).await, Ok(Some("1".into())));
}

/// design.md 6, epochs: a superseded writer is refused, learns why, and has changed nothing.
#[tokio::test]
async fn a_newer_owner_fences_the_older_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let old = SlateCatalog::open(&store).await.expect("opens");
    old.put_batch(vec![row("a", "old")]).await.expect("written");
    let new = SlateCatalog::open(&store).await.expect("opens");
    assert!(new.writer_epoch() > old.writer_epoch());
    assert_eq!(old.put_batch(vec![row("a", "zombie")]).await, Err(CatalogError::Fenced));
    assert_eq!(old.closed().await, CatalogError::Fenced);
    assert_eq!(new.get("a".into()).await, Ok(Some("old".into())));
    new.put_batch(vec![row("a", "new")]).await.expect("written");
    assert_eq!(new.get("a".into()).await, Ok(Some("new".into())));
}

#[tokio::test]
async fn epochs_grow_by_every_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let mut last = 0;
    for _ in 0..4 {
        let catalog = SlateCatalog::open(&store).await.expect("opens");
        assert!(catalog.writer_epoch() > last);
        last = catalog.writer_epoch();
        catalog.close().await.expect("closes");
    }
}

#[tokio::test]
async fn concurrent_writes_share_flushes() {
    const WRITES: usize = 200;
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let catalog = SlateCatalog::open(&store).await.expect("opens");
    let writes = (0..WRITES).map(|i| catalog.put_batch(vec![row(&format!("{i:03}"), "x")]));
    futures::future::try_join_all(writes).await.expect("written");
    assert_eq!(scan_all(&*catalog, everything()).await.expect("read").len(), WRITES);
    let logged = std::fs::read_dir(folder.path().join("catalog/wal")).expect("is there").count();
    assert!(logged < WRITES / 2, "{logged} objects in the log for {WRITES} writes");
}

/// The same operations on SlateDB and on the model, with owners that are closed, killed or superseded in between: the model is
/// what recovery and publishing are tested over, so it had better be right.
#[tokio::test]
async fn slatedb_does_what_the_model_does() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let store = local_store(folder.path()).await;
    let rows = Arc::new(ModelRows::default());
    let mut pair = Pair::open(&store, &rows).await;
    for _ in 0..300 {
        match random.random_range(0..20) {
            0 => {
                pair.slate.close().await.expect("closes");
                pair = Pair::open(&store, &rows).await;
            }
            1 => {
                let old = std::mem::replace(&mut pair, Pair::open(&store, &rows).await);
                old.assert_fenced().await;
            }
            2..=9 => pair.put(&mut random).await,
            10..=15 => pair.get(&mut random).await,
            _ => pair.scan(&mut random).await,
        }
    }
    pair.compare(everything(), usize::MAX).await;
}

struct Pair {
    slate: Arc<SlateCatalog>,
    model: Arc<ModelCatalog>,
}

impl Pair {
    async fn open(store: &Store, rows: &Arc<ModelRows>) -> Self {
        Self { slate: SlateCatalog::open(store).await.expect("opens"), model: rows.open() }
    }

    fn key(random: &mut StdRng) -> Bytes {
        let len = random.random_range(0..4);
        (0..=len).map(|_| random.random_range(b'a'..=b'd')).collect::<Vec<u8>>().into()
    }

    async fn put(&self, random: &mut StdRng) {
        let count = random.random_range(1..5);
        let rows: Vec<Row> =
            (0..count).map(|_| (Self::key(random), vec![random.random(); random.random_range(1..50)].into())).collect();
        assert_eq!(self.slate.put_batch(rows.clone()).await, self.model.put_batch(rows).await);
    }

    async fn get(&self, random: &mut StdRng) {
        let key = Self::key(random);
        assert_eq!(self.slate.get(key.clone()).await, self.model.get(key).await);
    }

    async fn scan(&self, random: &mut StdRng) {
        let (a, b) = (Self::key(random), Self::key(random));
        self.compare(a..b, random.random_range(0..10)).await;
    }

    async fn compare(&self, keys: Range<Bytes>, rows_max: usize) {
        assert_eq!(self.slate.scan(keys.clone(), rows_max).await, self.model.scan(keys, rows_max).await);
    }

    async fn assert_fenced(&self) {
        let rows = vec![row("zombie", "x")];
        assert_eq!(self.slate.put_batch(rows.clone()).await, Err(CatalogError::Fenced));
        assert_eq!(self.model.put_batch(rows).await, Err(CatalogError::Fenced));
        assert_eq!(
            (self.slate.closed().await, self.model.closed().await),
            (CatalogError::Fenced, CatalogError::Fenced)
        );
    }
}
