//! Deleting one stream.

use riverrun_core::action::NotClosed;
use riverrun_core::control::keys;
use riverrun_core::event::{CloseWhen, LoadFailure};
use riverrun_protocol::config::{Retention, StreamConfigPatch};
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::ReconfigureStream;
use riverrun_protocol::response::Response;

use super::process::{Process, code, provisioned};
use crate::catalog::model::WriteFault;
use crate::names::model::Told;
use crate::names::{NameError, StreamDeletion};
use crate::publish::fixtures::target;

/// Every column of E6's table for a stream.
#[tokio::test]
async fn e6_pending_then_purged_then_a_fresh_stream() {
    let process = Process::with_basin().await;
    let first = provisioned(process.create("s").await).info;
    process.shards.let_leave(false);
    assert_eq!(process.delete("s").await, Ok(Response::Done));
    assert_eq!(process.delete("s").await, Ok(Response::Done), "again");
    let pending = [
        process.create("s").await,
        process.ensure("s", Retention::Infinite).await,
        process.reconfigure("s", Retention::Infinite).await,
        process.names.stream_config(&target("s")).await,
    ];
    assert_eq!(pending.map(code), [ErrorCode::StreamDeletionPending; 4]);
    process.assert_consistent();

    process.shards.let_leave(true);
    process.restful().await;
    assert_eq!(code(process.delete("s").await), ErrorCode::StreamNotFound);
    assert!(process.list().await.expect("listed").is_empty());
    process.assert_consistent();
    assert!(process.rows.rows().contains_key(&keys::tombstone(first.id)));
    let second = provisioned(process.create("s").await).info;
    assert_ne!(second.id, first.id);
    process.assert_consistent();
}

#[tokio::test]
async fn e6_the_shard_is_asked_first_and_told_when_the_catalog_holds_it() {
    let process = Process::with_basin().await;
    let id = provisioned(process.create("s").await).info.id;
    process.delete("s").await.expect("deleted");
    let told = [Told::Close(target("s"), CloseWhen::Always), Told::Delete(target("s"), id)];
    assert_eq!(process.shards.told(), told);
}

#[tokio::test]
async fn e6_a_stream_that_cannot_be_closed_is_not_deleted() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    let rows = process.rows.rows();
    process.shards.refuse_next_close(NotClosed::Load(LoadFailure::Corrupt("a page".to_owned())));
    assert_eq!(code(process.delete("s").await), ErrorCode::Corrupt);
    process.shards.refuse_next_close(NotClosed::Load(LoadFailure::Unavailable("late".to_owned())));
    assert_eq!(code(process.delete("s").await), ErrorCode::Unavailable);
    assert_eq!(process.rows.rows(), rows);
}

/// Nobody knows whether it was done, and it is done: the stream stays closed until then, and never goes on in between.
#[tokio::test]
async fn e6_a_mark_without_an_answer_is_written_in_the_end() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let process = Process::with_basin().await;
        let id = provisioned(process.create("s").await).info.id;
        process.rows.fail_next_write(fault);
        let error = process.delete("s").await.expect_err("unknown");
        assert_eq!((error.code, error.outcome), (ErrorCode::Unavailable, Outcome::MaybeDone));
        process.restful().await;
        assert_eq!(process.shards.told().last(), Some(&Told::Delete(target("s"), id)), "never reopened");
        assert_eq!(process.stream("s"), None);
        process.assert_consistent();
    }
}

#[tokio::test]
async fn e8_a_stream_that_is_in_use_is_not_deleted_for_being_empty() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    let when = CloseWhen::Empty { min_age_ms: 60_000 };
    let delete = async || process.names.delete_stream_when(target("s"), when).await;
    assert_eq!(delete().await, Ok(StreamDeletion::InUse), "not asked for");
    assert!(process.shards.told().is_empty());
    let patch = StreamConfigPatch { delete_on_empty_min_age_secs: Some(60).into(), ..StreamConfigPatch::default() };
    process.names.reconfigure_stream(ReconfigureStream { target: target("s"), patch }).await.expect("changed");
    process.shards.refuse_next_close(NotClosed::InUse);
    assert_eq!(delete().await, Ok(StreamDeletion::InUse));
    assert_eq!(process.stream("s").expect("there").deleted_at_ms, None);
    assert_eq!(delete().await, Ok(StreamDeletion::Deleted));
    process.restful().await;
    assert!(matches!(delete().await, Err(NameError::Refused(_))));
}

impl Process {
    /// Returns when no deletion is on its way any more.
    async fn restful(&self) {
        let all = u32::try_from(crate::names::DELETIONS_MAX).expect("small");
        // A place is given back when the stream has left its shard; its purge then waits for nobody, and a second one finds it done.
        drop(self.names.deletions.acquire_many(all).await);
        while self.stream("s").is_some() {
            tokio::task::yield_now().await;
        }
    }
}
