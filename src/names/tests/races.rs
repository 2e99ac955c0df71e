//! Several at once about the same names. The runtime has several threads, and each race is run often.

use std::sync::Arc;

use futures::future::join_all;
use riverrun_core::action::LoadCause;
use riverrun_core::event::LoadFailure;
use riverrun_protocol::config::Retention;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::response::Response;

use super::process::Process;
use crate::names::model::Told;
use crate::publish::fixtures::{basin, target};

const ROUNDS: usize = 50;

async fn shared() -> Arc<Process> {
    Arc::new(Process::with_basin().await)
}

/// Runs `each` for 0..count on tasks of their own.
async fn at_once<T, Run>(count: usize, each: impl Fn(usize) -> Run) -> Vec<T>
where
    T: Send + 'static,
    Run: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|n| tokio::spawn(each(n))).collect();
    join_all(tasks).await.into_iter().map(|done| done.expect("no panic")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e4_of_all_who_create_one_name_one_does() {
    for _ in 0..ROUNDS {
        let process = shared().await;
        let answers = at_once(10, |_| {
            let process = process.clone();
            async move { process.create("s").await }
        })
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let refused = answers.into_iter().filter_map(Result::err);
        assert!(refused.map(|error| error.code).all(|code| code == ErrorCode::AlreadyExists));
        process.assert_consistent();
    }
}

/// Those who append get the same stream, whether they made it or the creation did.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e7_first_use_and_creation_come_to_one_stream() {
    for _ in 0..ROUNDS {
        let process = shared().await;
        let ids = at_once(10, |n| {
            let process = process.clone();
            async move {
                match n {
                    0 => process.create("s").await.ok().map(|_| process.stream("s").expect("there").id),
                    _ => Some(process.names.find_or_create(&target("s"), LoadCause::Append).await.expect("found").id),
                }
            }
        })
        .await;
        let id = process.stream("s").expect("there").id;
        assert!(ids.into_iter().flatten().all(|found| found == id));
        process.assert_consistent();
    }
}

/// Nothing is accepted for a stream once it is closed; the name afterwards stands for another one, never for the old one. Whoever
/// waits for a shard holds nothing that a load needs: this would not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e6_an_append_that_creates_meets_deletions() {
    for _ in 0..ROUNDS {
        let process = shared().await;
        let accepted = at_once(12, |n| {
            let process = process.clone();
            async move {
                let mut ids = Vec::new();
                for _ in 0..5 {
                    if n % 3 == 0 {
                        let deleted = process.delete("s").await;
                        assert!(deleted.is_ok() || deleted.is_err_and(|e| e.code == ErrorCode::StreamNotFound));
                        continue;
                    }
                    match process.shards.append(&process.names, &target("s")).await {
                        Ok(entry) => ids.push(entry.id),
                        Err(LoadFailure::StreamDeletionPending) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                ids
            }
        })
        .await;
        let mut made: Vec<_> = accepted.into_iter().flatten().collect();
        made.sort();
        made.dedup();
        let deleted = process.shards.told().into_iter().filter_map(|told| match told {
            Told::Delete(_, id) => Some(id),
            _ => None,
        });
        let mut ended: Vec<_> = deleted.chain(process.stream("s").map(|entry| entry.id)).collect();
        ended.sort();
        ended.dedup();
        assert!(made.iter().all(|id| ended.contains(id)), "each stream that took records is there or was deleted");
        process.assert_consistent();
    }
}

/// What was created before the basin went is deleted with it; what comes later is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e6_creations_meet_the_deletion_of_their_basin() {
    for _ in 0..ROUNDS {
        let process = shared().await;
        let answers = at_once(12, |n| {
            let process = process.clone();
            async move {
                match n {
                    5 => process.names.delete_basin(basin()).await,
                    n if n % 2 == 0 => process.create(&format!("s{n}")).await,
                    n => {
                        let target = target(&format!("s{n}"));
                        let found = process.names.find_or_create(&target, LoadCause::Append).await;
                        found.map(|_| Response::Done).map_err(Into::into)
                    }
                }
            }
        })
        .await;
        let refused = answers.into_iter().filter_map(Result::err);
        assert!(refused.map(|error| error.code).all(|code| code == ErrorCode::BasinDeletionPending));
        process.assert_consistent();
        process.names.delete_marked_basins().await.expect("deleted");
        assert_eq!(process.basin(), None);
        assert!(!process.rows.rows().keys().any(|key| key.starts_with(b"stream/")));
        process.assert_consistent();
    }
}

/// Whatever a load read, the shard is told of every configuration that is newer, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e5_reconfigurations_meet_loads() {
    for _ in 0..ROUNDS {
        let process = shared().await;
        process.create("s").await.expect("created");
        at_once(10, |n| {
            let process = process.clone();
            async move {
                match n % 2 {
                    0 => drop(process.shards.append(&process.names, &target("s")).await.expect("accepted")),
                    _ => drop(process.reconfigure("s", Retention::Age(n as u64)).await.expect("changed")),
                }
            }
        })
        .await;
        let told = process.shards.told();
        let versions = (1..=5).map(|version| Told::Reconfigure(target("s"), version)).collect::<Vec<_>>();
        assert_eq!(told, versions);
        assert_eq!(process.stream("s").expect("there").config_version, 5);
        process.assert_consistent();
    }
}
