//! What the control plane tells shards of a process, and who waits for their answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun::names::{Shards, ShardsEnded};
use riverrun_core::action::NotClosed;
use riverrun_core::control::{StreamEntry, placement, shard_of};
use riverrun_core::event::{CallId, CloseWhen, Event};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{Position, StreamId};
use tokio::sync::oneshot;

#[derive(Debug)]
pub struct SimCalls {
    shards: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    told: VecDeque<(u16, Event<'static>)>,
    waiting: HashMap<CallId, Answer>,
}

#[derive(Debug)]
enum Answer {
    Closed(oneshot::Sender<Result<Position, NotClosed>>),
    Done(oneshot::Sender<()>),
}

impl SimCalls {
    pub fn new(shards: u16) -> Self {
        Self { shards, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// What shards have not been told yet, in its order.
    pub fn take(&self) -> VecDeque<(u16, Event<'static>)> {
        std::mem::take(&mut self.state().told)
    }

    /// The process is over: nobody answers.
    pub fn end(&self) {
        self.state().waiting.clear();
    }

    pub fn closed(&self, call: CallId, outcome: Result<Position, NotClosed>) {
        if let Some(Answer::Closed(answer)) = self.state().waiting.remove(&call) {
            let _ = answer.send(outcome);
        }
    }

    pub fn done(&self, call: CallId) {
        if let Some(Answer::Done(answer)) = self.state().waiting.remove(&call) {
            let _ = answer.send(());
        }
    }

    fn owner(&self, target: &StreamRef) -> u16 {
        shard_of(placement(&target.basin, &target.stream), self.shards)
    }

    fn call(&self, shard: u16, answer: Answer, event: impl FnOnce(CallId) -> Event<'static>) {
        let mut state = self.state();
        let id = CallId(state.next);
        state.next += 1;
        state.waiting.insert(id, answer);
        state.told.push_back((shard, event(id)));
    }

    fn call_done(
        &self,
        shard: u16,
        event: impl FnOnce(CallId) -> Event<'static>,
    ) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        let (sender, receiver) = oneshot::channel();
        self.call(shard, Answer::Done(sender), event);
        receiver.map(|answer| answer.map_err(|_| ShardsEnded)).boxed()
    }
}

impl Shards for SimCalls {
    fn close(
        &self,
        target: StreamRef,
        when: CloseWhen,
    ) -> BoxFuture<'static, Result<Result<Position, NotClosed>, ShardsEnded>> {
        let (sender, receiver) = oneshot::channel();
        let shard = self.owner(&target);
        self.call(shard, Answer::Closed(sender), |call| Event::CloseStream { call, target, when });
        receiver.map(|answer| answer.map_err(|_| ShardsEnded)).boxed()
    }

    fn reopen(&self, target: StreamRef, stream_id: StreamId) {
        let shard = self.owner(&target);
        self.state().told.push_back((shard, Event::StreamReopened { target, stream_id }));
    }

    fn delete(&self, target: StreamRef, stream_id: StreamId) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        self.call_done(self.owner(&target), |call| Event::StreamDeleted { call, target, stream_id })
    }

    fn reconfigure(&self, entry: Arc<StreamEntry>) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        let shard = shard_of(placement(&entry.basin, &entry.name), self.shards);
        self.call_done(shard, |call| Event::StreamReconfigured { call, entry })
    }
}
