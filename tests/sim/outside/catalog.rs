//! The catalog as a process sees it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun::catalog::model::ModelCatalog;
use riverrun::catalog::{Catalog, CatalogError, Change, Row};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::points::{HANG, Point, Points, Trouble};

#[derive(Debug)]
pub struct SimCatalog {
    pub rows: Arc<ModelCatalog>,
    pub points: Arc<Points>,
}

impl SimCatalog {
    async fn call<T>(
        &self,
        point: Point,
        call: impl Future<Output = Result<T, CatalogError>>,
    ) -> Result<T, CatalogError> {
        yield_now().await;
        let trouble = self.points.pass(point);
        let unavailable = || Err(CatalogError::Unavailable(format!("{trouble:?}")));
        let answer = match trouble {
            None => call.await,
            Some(Trouble::Kill) => std::future::pending().await,
            Some(Trouble::Hang) => {
                sleep(HANG).await;
                call.await
            }
            Some(Trouble::LateAnswer) => {
                let answer = call.await;
                sleep(HANG).await;
                answer
            }
            Some(Trouble::AnswerLost) => {
                drop(call.await);
                unavailable()
            }
            Some(_) => unavailable(),
        };
        yield_now().await;
        answer
    }
}

impl Catalog for SimCatalog {
    fn get(&self, key: Bytes) -> BoxFuture<'_, Result<Option<Bytes>, CatalogError>> {
        self.call(Point::CatalogGet, self.rows.get(key)).boxed()
    }

    fn write(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), CatalogError>> {
        self.call(Point::CatalogWrite, self.rows.write(changes)).boxed()
    }

    fn scan(&self, keys: Range<Bytes>, rows_max: usize) -> BoxFuture<'_, Result<Vec<Row>, CatalogError>> {
        self.call(Point::CatalogScan, self.rows.scan(keys, rows_max)).boxed()
    }

    fn writer_epoch(&self) -> u64 {
        self.rows.writer_epoch()
    }

    fn closed(&self) -> BoxFuture<'_, CatalogError> {
        self.rows.closed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), CatalogError>> {
        self.rows.close()
    }
}
