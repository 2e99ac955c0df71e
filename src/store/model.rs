//! A store in memory that fails on command, for tests and the simulator.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun_core::plan::put::PutOutcome;

use super::{Objects, StoreError};

/// Outlives the processes that use it: share it by `Arc` between a process and its successors.
#[derive(Debug, Default)]
pub struct ModelObjects {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    /// Found, and not yet made durable by whoever relies on it.
    unsynced: std::collections::BTreeSet<String>,
    put_faults: VecDeque<PutFault>,
    read_faults: usize,
    sync_fault: bool,
    steps_left: Option<u64>,
}

/// What the next put does instead of succeeding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutFault {
    /// Done, and the answer lost (reliability.md F34).
    AnswerLost,
    /// Not done, and the answer lost.
    RequestLost,
    /// Not done, plainly.
    NotDone,
    /// S3's 409 (F35).
    Conflict,
    /// No permission.
    Refused,
}

impl ModelObjects {
    pub fn fail_next_put(&self, fault: PutFault) {
        self.state().put_faults.push_back(fault);
    }

    /// The next `reads` reads do not answer.
    pub fn fail_reads(&self, reads: usize) {
        self.state().read_faults = reads;
    }

    /// The next sync of something found fails. Those after it succeed, as they do on a disk that has forgotten.
    pub fn fail_next_sync(&self) {
        self.state().sync_fault = true;
    }

    /// From the `steps`-th call on nothing is done and nothing answers: the process is as good as dead. `None` mends it.
    pub fn stop_after(&self, steps: Option<u64>) {
        self.state().steps_left = steps;
    }

    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.put_faults.clear();
        state.read_faults = 0;
    }

    /// Puts an object there behind everybody's back, visible and not yet durable.
    pub fn plant(&self, name: &str, object: Bytes) {
        let mut state = self.state();
        state.unsynced.insert(name.to_owned());
        state.objects.insert(name.to_owned(), object);
    }

    /// Whether it outlives a power cut.
    pub fn set_durable(&self, name: &str, is_durable: bool) {
        let mut state = self.state();
        match is_durable {
            true => drop(state.unsynced.remove(name)),
            false => drop(state.unsynced.insert(name.to_owned())),
        }
    }

    pub fn remove(&self, name: &str) -> Option<Bytes> {
        self.state().objects.remove(name)
    }

    /// A power cut: what was only seen, never synced, is gone.
    pub fn cut_power(&self) {
        let mut state = self.state();
        for name in std::mem::take(&mut state.unsynced) {
            state.objects.remove(&name);
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub fn object(&self, name: &str) -> Option<Bytes> {
        self.state().objects.get(name).cloned()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    fn put(&self, name: &str, parts: &[Bytes]) -> PutOutcome {
        let mut state = self.state();
        if !state.step() {
            return PutOutcome::Ambiguous("the process is stopped".to_owned());
        }
        match state.put_faults.pop_front() {
            None => state.create(name, parts),
            Some(PutFault::AnswerLost) => {
                state.create(name, parts);
                PutOutcome::Ambiguous("answer lost".to_owned())
            }
            Some(PutFault::RequestLost) => PutOutcome::Ambiguous("request lost".to_owned()),
            Some(PutFault::NotDone) => PutOutcome::NotDone("slow down".to_owned()),
            Some(PutFault::Conflict) => PutOutcome::Conflict,
            Some(PutFault::Refused) => PutOutcome::Refused("no permission".to_owned()),
        }
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state();
        if !state.step() || state.read_faults > 0 {
            state.read_faults = state.read_faults.saturating_sub(1);
            return Err(StoreError::failed("read", name, "no answer"));
        }
        read(&state)
    }
}

impl State {
    fn step(&mut self) -> bool {
        match &mut self.steps_left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn create(&mut self, name: &str, parts: &[Bytes]) -> PutOutcome {
        if self.objects.contains_key(name) {
            return PutOutcome::AlreadyExists;
        }
        self.objects.insert(name.to_owned(), parts.concat().into());
        PutOutcome::Created
    }
}

impl Objects for ModelObjects {
    fn put_if_absent<'a>(&'a self, name: &'a str, parts: Vec<Bytes>) -> BoxFuture<'a, PutOutcome> {
        async move { self.put(name, &parts) }.boxed()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        async move { self.read(name, |state| Ok(state.objects.get(name).cloned())) }.boxed()
    }

    fn get_range<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let wanted = range.start as usize..range.end as usize;
        async move {
            self.read(name, |state| match state.objects.get(name) {
                Some(object) if wanted.end <= object.len() => Ok(object.slice(wanted)),
                _ => Err(StoreError::failed("read", name, "missing or too short")),
            })
        }
        .boxed()
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        async move { self.read(name, |state| Ok(state.objects.get(name).map(|object| object.len() as u64))) }.boxed()
    }

    fn sync_found<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.read(name, |_| Ok(()))?;
            if std::mem::take(&mut self.state().sync_fault) {
                return Err(StoreError::SyncFailed { reason: format!("syncing {name} failed") });
            }
            self.state().unsynced.remove(name);
            Ok(())
        }
        .boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.read(name, |_| Ok(()))?;
            self.state().objects.remove(name);
            Ok(())
        }
        .boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            self.read(prefix, |state| {
                Ok(state.objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
            })
        }
        .boxed()
    }
}
