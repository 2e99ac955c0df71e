//! What the control plane tells shards, and who waits for their answers.
//!
//! There are as many calls as deletions and reconfigurations in progress, both of which `names` bounds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::FutureExt;
use futures::future::BoxFuture;
use riverrun_core::Event;
use riverrun_core::action::NotClosed;
use riverrun_core::control::{StreamEntry, placement, shard_of};
use riverrun_core::event::{CallId, CloseWhen};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::{Position, StreamId};
use tokio::sync::oneshot;

use crate::names::{Shards, ShardsEnded};

/// How a shard is told.
type Tell = dyn Fn(u16, Event<'static>) + Send + Sync;

/// Shared by the tokio side, which calls, and the shards' threads, which answer.
#[derive(Clone)]
pub struct ShardCalls {
    shards: u16,
    tell: Arc<Tell>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    calls: HashMap<CallId, Call>,
    /// Shards whose threads have ended: nobody there answers.
    ended: Vec<u16>,
}

#[derive(Debug)]
struct Call {
    shard: u16,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Closed(oneshot::Sender<Result<Position, NotClosed>>),
    Done(oneshot::Sender<()>),
}

impl ShardCalls {
    pub fn new(shards: u16, tell: impl Fn(u16, Event<'static>) + Send + Sync + 'static) -> Self {
        Self { shards, tell: Arc::new(tell), waiting: Arc::default() }
    }

    /// `StreamClosed`.
    pub fn closed(&self, call: CallId, outcome: Result<Position, NotClosed>) {
        if let Some(Answer::Closed(answer)) = self.answered(call) {
            // Refused if the process is going down and nobody waits any more.
            let _ = answer.send(outcome);
        }
    }

    /// `StreamConfigured`, `StreamGone`.
    pub fn done(&self, call: CallId) {
        if let Some(Answer::Done(answer)) = self.answered(call) {
            let _ = answer.send(());
        }
    }

    /// A shard's thread is over: whoever waits for it is told.
    pub fn end(&self, shard: u16) {
        let mut waiting = self.waiting();
        waiting.ended.push(shard);
        // Dropping an answer's sender is the word that there will be none.
        waiting.calls.retain(|_, call| call.shard != shard);
    }

    fn answered(&self, call: CallId) -> Option<Answer> {
        self.waiting().calls.remove(&call).map(|call| call.answer)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no panic while held")
    }

    fn owner(&self, target: &StreamRef) -> u16 {
        shard_of(placement(&target.basin, &target.stream), self.shards)
    }

    /// Registered before it is told, so that the answer finds it.
    fn call(&self, target: &StreamRef, answer: Answer, event: impl FnOnce(CallId) -> Event<'static>) {
        let shard = self.owner(target);
        let mut waiting = self.waiting();
        if waiting.ended.contains(&shard) {
            return;
        }
        let id = CallId(waiting.next);
        waiting.next += 1;
        waiting.calls.insert(id, Call { shard, answer });
        drop(waiting);
        (self.tell)(shard, event(id));
    }

    fn call_done(
        &self,
        target: &StreamRef,
        event: impl FnOnce(CallId) -> Event<'static>,
    ) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        let (sender, receiver) = oneshot::channel();
        self.call(target, Answer::Done(sender), event);
        receiver.map(|answer| answer.map_err(|_| ShardsEnded)).boxed()
    }
}

impl std::fmt::Debug for ShardCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardCalls")
            .field("shards", &self.shards)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Shards for ShardCalls {
    fn close(
        &self,
        target: StreamRef,
        when: CloseWhen,
    ) -> BoxFuture<'static, Result<Result<Position, NotClosed>, ShardsEnded>> {
        let (sender, receiver) = oneshot::channel();
        let event = |call| Event::CloseStream { call, target: target.clone(), when };
        self.call(&target, Answer::Closed(sender), event);
        receiver.map(|answer| answer.map_err(|_| ShardsEnded)).boxed()
    }

    fn reopen(&self, target: StreamRef, stream_id: StreamId) {
        (self.tell)(self.owner(&target), Event::StreamReopened { target, stream_id });
    }

    fn delete(&self, target: StreamRef, stream_id: StreamId) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        self.call_done(&target, |call| Event::StreamDeleted { call, target: target.clone(), stream_id })
    }

    fn reconfigure(&self, entry: Arc<StreamEntry>) -> BoxFuture<'static, Result<(), ShardsEnded>> {
        let target = StreamRef { basin: entry.basin.clone(), stream: entry.name.clone() };
        self.call_done(&target, |call| Event::StreamReconfigured { call, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::fixtures::{entry, target};
    use crate::server::mail::Mail;
    use crate::server::mailbox::{Mailbox, mailbox};

    fn one_shard() -> (ShardCalls, Mailbox) {
        let (postbox, mailbox) = mailbox().expect("a descriptor");
        (ShardCalls::new(1, move |_, event| postbox.post(Mail::Happened(event))), mailbox)
    }

    fn told(mailbox: &Mailbox) -> Event<'static> {
        match mailbox.take() {
            Some(Mail::Happened(event)) => event,
            other => panic!("expected an event, not {other:?}"),
        }
    }

    #[tokio::test]
    async fn each_call_gets_the_answer_to_its_own_id() {
        let (calls, mailbox) = one_shard();
        let first = calls.close(target("a"), CloseWhen::Always);
        let second = calls.close(target("b"), CloseWhen::Always);
        let [first_id, second_id] = [(); 2].map(|()| match told(&mailbox) {
            Event::CloseStream { call, .. } => call,
            other => panic!("{other:?}"),
        });
        let tail = Position { seq_num: 7, timestamp: 8 };
        calls.closed(second_id, Err(NotClosed::InUse));
        calls.closed(first_id, Ok(tail));
        assert_eq!((first.await, second.await), (Ok(Ok(tail)), Ok(Err(NotClosed::InUse))));
        assert!(calls.waiting().calls.is_empty());
    }

    #[tokio::test]
    async fn what_is_told_is_in_the_mailbox_before_anybody_waits() {
        let (calls, mailbox) = one_shard();
        let id = entry(1, "a").id;
        let gone = calls.delete(target("a"), id);
        let Event::StreamDeleted { call, stream_id, .. } = told(&mailbox) else { panic!("a deletion") };
        assert_eq!(stream_id, id);
        calls.done(call);
        assert_eq!(gone.await, Ok(()));
        calls.reopen(target("a"), id);
        assert!(matches!(told(&mailbox), Event::StreamReopened { .. }));
        let configured = calls.reconfigure(entry(1, "a"));
        let Event::StreamReconfigured { call, .. } = told(&mailbox) else { panic!("a configuration") };
        calls.done(call);
        assert_eq!(configured.await, Ok(()));
    }

    #[tokio::test]
    async fn a_shard_that_ends_ends_its_calls_and_takes_no_more() {
        let (calls, mailbox) = one_shard();
        let waiting = calls.close(target("a"), CloseWhen::Always);
        assert!(matches!(told(&mailbox), Event::CloseStream { .. }));
        calls.end(0);
        assert_eq!(waiting.await, Err(ShardsEnded));
        assert_eq!(calls.reconfigure(entry(1, "a")).await, Err(ShardsEnded));
        assert!(mailbox.take().is_none());
    }
}
