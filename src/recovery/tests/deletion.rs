//! Streams that are deleted while journals and chunks still hold their records.

use riverrun_core::chunk::StreamState;
use riverrun_core::control::{IdRow, StateRow, keys};
use riverrun_protocol::types::StreamId;

use super::node::{Node, World};
use crate::catalog::Catalog;
use crate::publish::fixtures::{batch, target};
use crate::recovery::RecoveryError;

fn has_id(world: &World, id: StreamId) -> bool {
    world.rows.rows().contains_key(&keys::id(id))
}

fn is_tombstone(world: &World, id: StreamId) -> bool {
    let rows = world.rows.rows();
    rows.get(&keys::id(id)).is_some_and(|row| IdRow::decode(row).expect("a row").purged_at_ms.is_some())
}

/// Deletes a stream of which the test expects nothing any more.
async fn delete(world: &mut World, node: &Node, stream: &str) {
    node.names.delete_stream(target(stream)).await.expect("deleted");
    world.acknowledged.remove(stream);
}

/// Acknowledged, deleted, killed before anything was purged: the journal's batches are dropped, the name's next stream is empty.
#[tokio::test]
async fn e6_what_a_journal_holds_of_a_marked_stream_does_not_come_back() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    for stream in ["a", "b"] {
        node.append(&mut world, stream, &["1", "2"]).await;
    }
    let id = node.stream_id("a").await;
    node.shards_model.let_leave(false);
    delete(&mut world, &node, "a").await;
    drop(node);
    let mut node = world.start(2).await;
    assert_eq!((node.inherited_streams(), node.recovered.summary.records), (1, 2), "the other stream's");
    assert!(!is_tombstone(&world, id));
    node.names.purge_left_behind().await.expect("purged");
    assert!(is_tombstone(&world, id));
    assert!(node.append(&mut world, "a", &["anew"]).await);
    assert_ne!(node.stream_id("a").await, id);
    world.assert_nothing_lost(&node).await;
}

/// Purged, and killed while the journal still held its batches: the tombstone tells them from damage, at this start and at any
/// other until the journal is of no use any more.
#[tokio::test]
async fn e6_what_a_journal_holds_of_a_purged_stream_is_dropped_at_every_start() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    for stream in ["a", "b"] {
        node.append(&mut world, stream, &["1"]).await;
    }
    let id = node.stream_id("a").await;
    delete(&mut world, &node, "a").await;
    node.purged(&world, "a").await;
    drop(node);
    for _ in 0..3 {
        let node = world.start(1).await;
        assert!(is_tombstone(&world, id), "b's records still inherit the journal");
        world.assert_nothing_lost(&node).await;
    }
    let mut node = world.start(1).await;
    node.publish_all().await.expect("published");
    assert!(node.release_inherited().await);
    drop(node);
    let node = world.start(1).await;
    assert!(!has_id(&world, id), "no journal and no chunk names it");
    assert!(!world.rows.rows().contains_key(&keys::tombstone(id)));
    world.assert_nothing_lost(&node).await;
}

#[tokio::test]
async fn e6_a_tombstone_outlives_every_chunk_that_names_its_id() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    let id = node.stream_id("a").await;
    node.publish_all().await.expect("published");
    delete(&mut world, &node, "a").await;
    node.purged(&world, "a").await;
    drop(node);
    for _ in 0..2 {
        let mut node = world.start(1).await;
        node.publish_all().await.expect("nothing to publish");
        assert!(is_tombstone(&world, id));
    }
}

/// A sweep writes where an emptied stream stood while the stream is being purged: its row must not stay for ever.
#[tokio::test]
async fn e6_where_a_purged_stream_stood_is_forgotten_at_the_next_start() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    for stream in ["a", "b"] {
        node.append(&mut world, stream, &["1"]).await;
    }
    let (gone, stays) = (node.stream_id("a").await, node.stream_id("b").await);
    node.publish_all().await.expect("published");
    delete(&mut world, &node, "a").await;
    node.purged(&world, "a").await;
    drop(node);
    let states = [gone, stays].map(|id| {
        let state = StreamState { stream_id: id, ..StreamState::default() };
        (keys::state(id), StateRow { quiet_since_ms: 1, state }.encode())
    });
    world.rows.open().put_batch(states.into()).await.expect("as a sweep does it, behind the purge");
    let node = world.start(1).await;
    let is_there = |id| world.rows.rows().contains_key(&keys::state(id));
    assert!(!is_there(gone) && is_there(stays));
    assert_eq!(node.recovered.index.next_seq_num(gone), None);
    world.assert_nothing_lost(&node).await;
}

/// An id that nothing ever knew is still damage.
#[tokio::test]
async fn an_unknown_id_stays_an_error() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    node.pen(0).write(&world.disk, &[batch(StreamId([0xcd; 16]), 0, &["whose?"])]);
    drop(node);
    assert!(matches!(world.recover(1).await, Err(RecoveryError::Replay { .. })));
}

/// reliability.md F3: a kill at each word with the catalog, of deleting, of purging, and of the starts behind it.
#[tokio::test]
async fn e6_a_kill_at_every_step_of_a_deletion_brings_nothing_back() {
    for calls in 0..30 {
        let mut world = World::default();
        let mut node = world.start(2).await;
        for stream in ["a", "b", "c"] {
            node.append(&mut world, stream, &["1"]).await;
        }
        node.publish(0).await.expect("published");
        node.append(&mut world, "a", &["2"]).await;
        let id = node.stream_id("a").await;
        world.rows.stop_after(Some(calls));
        let acknowledged = node.names.delete_stream(target("a")).await.is_ok();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        drop(node);
        for attempt in 0..3 {
            world.rows.stop_after(Some(calls + attempt));
            if let Ok(node) = Node::start(&world, 2).await {
                // Fails where the process dies.
                let _ = tokio::time::timeout(std::time::Duration::ZERO, node.names.purge_left_behind()).await;
            }
        }
        world.mend();
        let mut node = world.start(2).await;
        node.names.purge_left_behind().await.expect("purged");
        let is_there = node.has("a").await && node.stream_id("a").await == id;
        assert!(!(acknowledged && is_there), "killed at call {calls}");
        if !is_there {
            world.acknowledged.remove("a");
            assert!(node.append(&mut world, "a", &["anew"]).await);
        }
        world.assert_nothing_lost(&node).await;
    }
}
