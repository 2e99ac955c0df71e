//! A catalog in memory that fails on command, for tests and the simulator. The rows outlive the process: every
//! [`ModelRows::open`] is a new owner with the next epoch, and fences the one before.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Catalog, CatalogError, Change, Row};

/// What is durable.
#[derive(Debug)]
pub struct ModelRows {
    state: Mutex<State>,
    epoch: watch::Sender<u64>,
    stalled: watch::Sender<Stalled>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Bytes, Bytes>,
    write_fault: Option<WriteFault>,
    steps_left: Option<u64>,
}

/// What the next write does instead of succeeding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteFault {
    /// Done, and the answer lost.
    AnswerLost,
    /// Not done.
    RequestLost,
}

/// Which calls wait, without an end, until it is mended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stalled {
    Nothing,
    Writes,
    Everything,
}

impl Default for ModelRows {
    fn default() -> Self {
        Self { state: Mutex::default(), epoch: watch::Sender::new(0), stalled: watch::Sender::new(Stalled::Nothing) }
    }
}

impl ModelRows {
    pub fn open(self: &Arc<Self>) -> Arc<ModelCatalog> {
        let mut claimed = 0;
        self.epoch.send_modify(|epoch| {
            *epoch += 1;
            claimed = *epoch;
        });
        Arc::new(ModelCatalog { rows: Arc::clone(self), epoch: claimed })
    }

    pub fn fail_next_write(&self, fault: WriteFault) {
        self.state().write_fault = Some(fault);
    }

    /// From the `steps`-th call on nothing is done and nothing answers. `None` mends it.
    pub fn stop_after(&self, steps: Option<u64>) {
        self.state().steps_left = steps;
    }

    /// [`Stalled::Nothing`] mends it: what waits is done then.
    pub fn stall(&self, stalled: Stalled) {
        self.stalled.send_replace(stalled);
    }

    async fn pass(&self, stalled_max: Stalled) {
        // The sender lives as long as `self`.
        let _ = self.stalled.subscribe().wait_for(|stalled| *stalled <= stalled_max).await;
    }

    pub fn clear_faults(&self) {
        self.state().write_fault = None;
    }

    /// All rows, for comparisons.
    pub fn rows(&self) -> BTreeMap<Bytes, Bytes> {
        self.state().rows.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

/// One process's hold on the rows.
#[derive(Debug)]
pub struct ModelCatalog {
    rows: Arc<ModelRows>,
    epoch: u64,
}

impl ModelCatalog {
    /// The state, if this process still owns it and is alive.
    fn state(&self) -> Result<std::sync::MutexGuard<'_, State>, CatalogError> {
        if *self.rows.epoch.borrow() != self.epoch {
            return Err(CatalogError::Fenced);
        }
        let mut state = self.rows.state();
        match &mut state.steps_left {
            Some(0) => return Err(CatalogError::Unavailable("the process is stopped".to_owned())),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }

    fn change(&self, changes: Vec<Change>) -> Result<(), CatalogError> {
        let mut state = self.state()?;
        let fault = state.write_fault.take();
        if fault != Some(WriteFault::RequestLost) {
            changes.into_iter().for_each(|change| match change {
                Change::Put(key, value) => drop(state.rows.insert(key, value)),
                Change::Delete(key) => drop(state.rows.remove(&key)),
            });
        }
        match fault {
            Some(fault) => Err(CatalogError::Unavailable(format!("{fault:?}"))),
            None => Ok(()),
        }
    }
}

impl Catalog for ModelCatalog {
    fn get(&self, key: Bytes) -> BoxFuture<'_, Result<Option<Bytes>, CatalogError>> {
        async move {
            self.rows.pass(Stalled::Writes).await;
            Ok(self.state()?.rows.get(&key).cloned())
        }
        .boxed()
    }

    fn write(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), CatalogError>> {
        async move {
            self.rows.pass(Stalled::Nothing).await;
            self.change(changes)
        }
        .boxed()
    }

    fn scan(&self, keys: Range<Bytes>, rows_max: usize) -> BoxFuture<'_, Result<Vec<Row>, CatalogError>> {
        async move {
            self.rows.pass(Stalled::Writes).await;
            let state = self.state()?;
            if keys.start >= keys.end {
                return Ok(Vec::new());
            }
            let found = state.rows.range(keys).take(rows_max);
            Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        .boxed()
    }

    fn writer_epoch(&self) -> u64 {
        self.epoch
    }

    fn closed(&self) -> BoxFuture<'_, CatalogError> {
        async move {
            let mut newest = self.rows.epoch.subscribe();
            // The sender lives in `rows`, which `self` keeps.
            let _ = newest.wait_for(|newest| *newest != self.epoch).await;
            CatalogError::Fenced
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), CatalogError>> {
        async move { Ok(()) }.boxed()
    }
}
