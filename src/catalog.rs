//! The catalog: the store's index and control plane as ordered rows, kept by SlateDB in the same store as the chunks. This is
//! the only room that knows SlateDB; what the rows hold is `core::control`'s business.
//!
//! Opening it for writing takes ownership: SlateDB claims the next writer epoch by conditional creation, and from then on
//! refuses every older writer. That epoch is Riverrun's epoch (design.md 6).

mod error;
pub mod model;
mod settings;
mod slate;

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::BoxFuture;

pub use error::CatalogError;
pub use slate::SlateCatalog;

/// A key and its value.
pub type Row = (Bytes, Bytes);

/// One part of a write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Put(Bytes, Bytes),
    Delete(Bytes),
}

/// Ordered rows. Reads see only what is durable, so that no decision rests on a row that a crash could take back.
pub trait Catalog: Send + Sync + 'static {
    fn get(&self, key: Bytes) -> BoxFuture<'_, Result<Option<Bytes>, CatalogError>>;

    /// Does all of the changes or none, durable when it returns. Concurrent calls share a write. After `Unavailable` they may or
    /// may not be done. No key twice.
    fn write(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), CatalogError>>;

    /// [`Catalog::write`] of rows only.
    fn put_batch(&self, rows: Vec<Row>) -> BoxFuture<'_, Result<(), CatalogError>> {
        self.write(rows.into_iter().map(|(key, value)| Change::Put(key, value)).collect())
    }

    /// Rows with keys in this range (start inclusive, end exclusive), in order, at most `rows_max`.
    fn scan(&self, keys: Range<Bytes>, rows_max: usize) -> BoxFuture<'_, Result<Vec<Row>, CatalogError>>;

    /// The epoch that opening claimed. Never changes.
    fn writer_epoch(&self) -> u64;

    /// Waits until the catalog is closed for whatever reason: then the process must end, saying this.
    fn closed(&self) -> BoxFuture<'_, CatalogError>;

    /// Flushes and lets go. Nothing may be asked of it afterwards.
    fn close(&self) -> BoxFuture<'_, Result<(), CatalogError>>;
}

/// All keys that begin with `prefix`, which is not empty and not all 0xff.
pub fn keys_under(prefix: &[u8]) -> Range<Bytes> {
    let mut end = BytesMut::from(prefix);
    while let Some(last) = end.last().copied() {
        if last < u8::MAX {
            let at = end.len() - 1;
            end[at] = last + 1;
            break;
        }
        end.truncate(end.len() - 1);
    }
    Bytes::copy_from_slice(prefix)..end.freeze()
}

/// The smallest key above `key`: where the next scan goes on.
pub fn key_after(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// Reads all rows of a range, in pages.
pub async fn scan_all(catalog: &dyn Catalog, mut keys: Range<Bytes>) -> Result<Vec<Row>, CatalogError> {
    const PAGE_ROWS: usize = 4096;
    let mut rows = Vec::new();
    loop {
        let page = catalog.scan(keys.clone(), PAGE_ROWS).await?;
        let full = page.len() == PAGE_ROWS;
        rows.extend(page);
        match rows.last() {
            Some((last, _)) if full => keys.start = key_after(last),
            _ => return Ok(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_under_a_prefix_are_those_that_begin_with_it() {
        let range = keys_under(b"a\xff");
        assert_eq!((&range.start[..], &range.end[..]), (&b"a\xff"[..], &b"b"[..]));
        for (key, inside) in [(&b"a\xff"[..], true), (b"a\xff\xff\xff", true), (b"a\xfe", false), (b"b", false)] {
            assert_eq!(range.contains(key), inside, "{key:?}");
        }
    }

    #[tokio::test]
    async fn all_rows_are_read_over_page_borders() {
        const ROWS: usize = 10_000;
        let catalog = std::sync::Arc::new(model::ModelRows::default()).open();
        let rows: Vec<Row> = (0..ROWS).map(|i| (format!("k/{i:05}").into(), Bytes::new())).collect();
        catalog.put_batch(rows.clone()).await.expect("written");
        assert_eq!(scan_all(&*catalog, keys_under(b"k/")).await, Ok(rows));
    }
}
