//! What is left to be done when a process ends, and what nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::control::keys;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::StreamId;

use super::process::{Process, code, provisioned};
use crate::catalog::Catalog;
use crate::catalog::model::WriteFault;
use crate::publish::fixtures::{basin, target};

#[tokio::test]
async fn e6_a_marked_stream_is_purged_by_the_next_process() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    process.names.purge_left_behind().await.expect("nothing to do");
    assert!(process.stream("s").is_some(), "this process's own shard still holds it");

    let process = process.restarted();
    assert_eq!(code(process.create("s").await), ErrorCode::StreamDeletionPending);
    process.names.purge_left_behind().await.expect("purged");
    assert_eq!(process.stream("s"), None);
    assert!(process.shards.told().is_empty(), "no shard holds anything of it");
    process.create("s").await.expect("a fresh one");
    process.assert_consistent();
}

#[tokio::test]
async fn e6_a_basin_goes_with_all_its_streams() {
    let process = Process::with_basin().await;
    for n in 0..100 {
        process.create(&format!("s{n}")).await.expect("created");
    }
    assert_eq!(process.names.delete_basin(basin()).await, Ok(Response::Done));
    assert_eq!(process.names.delete_basin(basin()).await, Ok(Response::Done), "again");
    assert_eq!(code(process.create_basin(basin()).await), ErrorCode::BasinDeletionPending);
    assert!(process.names.basin_config(&basin()).await.is_ok());
    assert_eq!(process.list().await.expect("listed").len(), 100);
    process.names.delete_marked_basins().await.expect("deleted");
    assert_eq!(code(process.names.basin_config(&basin()).await), ErrorCode::BasinNotFound);
    process.assert_consistent();
    process.create_basin(basin()).await.expect("created again");
    assert!(process.list().await.expect("listed").is_empty(), "no stream comes back");
}

/// A stream that has not left its shard keeps its basin, until it has.
#[tokio::test]
async fn e6_a_basin_waits_for_streams_that_others_are_deleting() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    process.names.delete_basin(basin()).await.expect("deleted");
    process.names.delete_marked_basins().await.expect("nothing left to do for now");
    assert!(process.basin().expect("there").deleted_at_ms.is_some());
    let reaper = tokio::spawn(Arc::clone(&process.names).reap());
    process.shards.let_leave(true);
    while process.basin().is_some() {
        tokio::task::yield_now().await;
    }
    reaper.abort();
    process.assert_consistent();
}

/// Nobody deletes it a second time: whoever purges it wakes the reaper.
#[tokio::test(start_paused = true)]
async fn e6_a_basin_waits_for_a_stream_that_the_process_before_had_marked() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    process.names.delete_basin(basin()).await.expect("deleted");
    let process = process.restarted();
    // So the basin's turn comes before the stream is gone.
    let purge_waits = process.names.locks.stream(&target("s")).await;
    let reaper = tokio::spawn(Arc::clone(&process.names).reap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(process.basin().expect("there").deleted_at_ms.is_some());
    drop(purge_waits);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((process.stream("s"), process.basin()), (None, None));
    reaper.abort();
    process.assert_consistent();
}

#[tokio::test]
async fn e6_a_marked_basin_goes_on_going_after_a_restart() {
    let process = Process::with_basin().await;
    for stream in ["a", "b"] {
        process.create(stream).await.expect("created");
    }
    process.names.delete_basin(basin()).await.expect("deleted");
    let process = process.restarted();
    let reaper = tokio::spawn(Arc::clone(&process.names).reap());
    while process.basin().is_some() {
        tokio::task::yield_now().await;
    }
    reaper.abort();
    process.assert_consistent();
}

/// The reaper is woken by a deletion; between two it does nothing.
#[tokio::test]
async fn e6_a_running_reaper_is_woken_by_a_deletion() {
    let process = Process::with_basin().await;
    let reaper = tokio::spawn(Arc::clone(&process.names).reap());
    tokio::task::yield_now().await;
    process.names.delete_basin(basin()).await.expect("deleted");
    while process.basin().is_some() {
        tokio::task::yield_now().await;
    }
    reaper.abort();
}

#[tokio::test]
async fn e6_a_purge_without_an_answer_leaves_the_names_next_stream_alone() {
    let process = Process::with_basin().await;
    let first = provisioned(process.create("s").await).info.id;
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    let process = process.restarted();
    process.rows.fail_next_write(WriteFault::AnswerLost);
    process.names.purge_left_behind().await.expect("repeated until done");
    let second = provisioned(process.create("s").await).info.id;
    assert_ne!(first, second);
    process.assert_consistent();
}

/// A row that cannot be read is said and tried again; it keeps no basin from going.
#[tokio::test(start_paused = true)]
async fn e6_an_unreadable_row_keeps_nothing_else_from_going() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    process.names.delete_basin(basin()).await.expect("marked");
    let unreadable = keys::pending_stream(StreamId([0; 16]));
    process.rows.open().put_batch(vec![(unreadable.clone(), "rubbish".into())]).await.expect("written");

    let process = process.restarted();
    let reaping = tokio::spawn(process.names.clone().reap());
    while process.basin().is_some() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(!reaping.is_finished() && process.rows.rows().contains_key(&unreadable));
    reaping.abort();
}
