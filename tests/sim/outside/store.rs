//! The store as a process sees it. On a local disk an object is visible before it is durable: a process that is killed between the
//! two leaves one that a power cut takes back, unless somebody who found it made it durable.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun::store::model::ModelObjects;
use riverrun::store::{Objects, StoreError};
use riverrun_core::plan::put::PutOutcome;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::points::{HANG, Point, Points, Trouble};

#[derive(Debug)]
pub struct SimStore {
    pub objects: Arc<ModelObjects>,
    pub points: Arc<Points>,
    /// Puts that nobody waits for any more, and which will be done all the same.
    late: Mutex<Vec<(String, Vec<Bytes>)>>,
}

impl SimStore {
    pub fn new(objects: Arc<ModelObjects>, points: Arc<Points>) -> Self {
        Self { objects, points, late: Mutex::default() }
    }

    pub fn late_puts(&self) -> usize {
        self.late.lock().expect("no panic while held").len()
    }

    pub fn forget_late_puts(&self) {
        self.late.lock().expect("no panic while held").clear();
    }

    /// One of them is done. `true`: the name was free.
    pub fn do_late_put(&self, at: usize) -> bool {
        let (name, parts) = self.late.lock().expect("no panic while held").swap_remove(at);
        let is_new = self.objects.object(&name).is_none();
        if is_new {
            self.objects.plant(&name, parts.concat().into());
        }
        is_new
    }

    /// Before anything is done.
    async fn begin(&self, point: Point) -> Option<Trouble> {
        yield_now().await;
        let trouble = self.points.pass(point);
        match trouble {
            Some(Trouble::Kill) => std::future::pending().await,
            Some(Trouble::Hang) => sleep(HANG).await,
            _ => {}
        }
        trouble
    }

    async fn end(&self, trouble: Option<Trouble>) {
        if trouble == Some(Trouble::LateAnswer) {
            sleep(HANG).await;
        }
        yield_now().await;
    }

    async fn create(&self, name: &str, parts: Vec<Bytes>) -> PutOutcome {
        let outcome = self.objects.put_if_absent(name, parts).await;
        if outcome == PutOutcome::Created {
            self.objects.set_durable(name, false);
            yield_now().await;
            self.objects.set_durable(name, true);
        }
        outcome
    }

    async fn read<T>(
        &self,
        point: Point,
        name: &str,
        read: impl Future<Output = Result<T, StoreError>>,
        spoil: impl FnOnce(T, Trouble) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let trouble = self.begin(point).await;
        let failed = |why: &str| Err(StoreError::failed("read", name, why));
        let answer = match trouble {
            None | Some(Trouble::Hang | Trouble::LateAnswer) => read.await,
            Some(Trouble::AnswerLost) => {
                drop(read.await);
                failed("the answer is lost")
            }
            Some(trouble @ (Trouble::WrongBytes | Trouble::Short | Trouble::Missing)) => {
                read.await.and_then(|answer| spoil(answer, trouble))
            }
            Some(trouble) => failed(&format!("{trouble:?}")),
        };
        self.end(trouble).await;
        answer
    }
}

fn spoiled(name: &str, bytes: &Bytes, trouble: Trouble) -> Result<Bytes, StoreError> {
    match trouble {
        Trouble::WrongBytes => {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() / 2;
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 0x10);
            Ok(bytes.into())
        }
        _ => Err(StoreError::failed("read", name, format!("{trouble:?}: {} bytes", bytes.len() / 2))),
    }
}

impl Objects for SimStore {
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        async move {
            let trouble = self.begin(Point::Put).await;
            let outcome = match trouble {
                None | Some(Trouble::Hang | Trouble::LateAnswer) => self.create(name, parts).await,
                Some(Trouble::AnswerLost) => {
                    // Nobody knows whether it is durable, either.
                    if self.objects.put_if_absent(name, parts).await == PutOutcome::Created {
                        self.objects.set_durable(name, false);
                    }
                    PutOutcome::Ambiguous("the answer is lost".to_owned())
                }
                Some(Trouble::RequestLate) => {
                    self.late.lock().expect("no panic while held").push((name.to_owned(), parts));
                    PutOutcome::Ambiguous("no answer in time".to_owned())
                }
                Some(Trouble::Conflict) => PutOutcome::Conflict,
                Some(trouble @ (Trouble::NotDone | Trouble::NoSpace)) => PutOutcome::NotDone(format!("{trouble:?}")),
                Some(trouble) => PutOutcome::Ambiguous(format!("{trouble:?}")),
            };
            self.end(trouble).await;
            outcome
        }
        .boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        let spoil = |found: Option<Bytes>, trouble| match (found, trouble) {
            (_, Trouble::Missing) | (None, _) => Ok(None),
            // A whole object's length is not known to whoever reads it: a short one looks like one.
            (Some(bytes), Trouble::Short) => Ok(Some(bytes.slice(..bytes.len() / 2))),
            (Some(bytes), trouble) => spoiled(name, &bytes, trouble).map(Some),
        };
        self.read(Point::Get, name, self.objects.get(name), spoil).boxed()
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let spoil = |bytes: Bytes, trouble| spoiled(name, &bytes, trouble);
        self.read(Point::GetRange, name, self.objects.get_range(name, range), spoil).boxed()
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        let spoil = |size: Option<u64>, trouble| match trouble {
            Trouble::Missing => Ok(None),
            _ => Ok(size.map(|size| size / 2)),
        };
        self.read(Point::Size, name, self.objects.size(name), spoil).boxed()
    }

    fn sync_found<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.read(Point::SyncFound, name, self.objects.sync_found(name), |(), _| Ok(())).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.read(Point::Delete, name, self.objects.delete(name), |(), _| Ok(())).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let spoil = |names: Vec<String>, _| Ok(names.into_iter().step_by(2).collect());
        self.read(Point::List, prefix, self.objects.list(prefix), spoil).boxed()
    }
}
