//! Kills, each at one particular place.

use super::node::{Node, World};
use crate::publish::fixtures::batch;

/// A world with one record in the journal alone.
async fn one_record(shards: u16) -> World {
    let mut world = World::default();
    let mut node = world.start(shards).await;
    node.append(&mut world, "a", &["1"]).await;
    world
}

#[tokio::test]
async fn what_was_acknowledged_is_replayed() {
    let world = one_record(1).await;
    let node = world.start(1).await;
    assert_eq!((node.inherited_streams(), node.recovered.summary.records), (1, 1));
    assert_eq!(node.recovered.epoch.inherited().len(), 1);
    world.assert_nothing_lost(&node).await;
}

/// reliability.md F3: recovery that is itself interrupted, or repeated, finds the same.
#[tokio::test]
async fn recovering_twice_gives_the_same() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    for stream in ["a", "b", "c"] {
        node.append(&mut world, stream, &["1", "2"]).await;
        node.append(&mut world, stream, &["3"]).await;
    }
    node.publish(0).await.expect("published");
    let (first, _) = world.recover(2).await.expect("recovers");
    let (second, _) = world.recover(2).await.expect("recovers");
    assert_eq!(first.shards, second.shards);
    assert_eq!(first.epoch.inherited(), second.epoch.inherited());
    assert_eq!(first.summary.records, second.summary.records);
}

/// Published and indexed, and killed before the journal was given back.
#[tokio::test]
async fn what_a_chunk_holds_is_not_replayed_again() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    node.publish_all().await.expect("published");
    let node = world.start(1).await;
    assert_eq!(node.inherited_streams(), 0);
    assert!(node.recovered.epoch.inherited().is_empty(), "nothing of that journal is needed any more");
    world.assert_nothing_lost(&node).await;
}

/// Put, and killed before it was indexed: the chunk counts, and is not published a second time.
#[tokio::test]
async fn a_chunk_that_was_put_and_not_indexed_is_indexed_by_the_successor() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1", "2"]).await;
    world.rows.stop_after(Some(0));
    node.publish_all().await.expect_err("the catalog does not answer");
    world.mend();
    let node = world.start(1).await;
    assert_eq!(node.recovered.summary.chunks_indexed, 1);
    assert_eq!(node.inherited_streams(), 0);
    world.assert_nothing_lost(&node).await;
}

/// The second epoch serves, and is killed before it has republished what it inherited: both journals count, in order.
#[tokio::test]
async fn a_second_crash_before_republishing_loses_nothing() {
    let mut world = one_record(1).await;
    let mut second = world.start(1).await;
    second.append(&mut world, "a", &["2"]).await;
    second.append(&mut world, "b", &["3"]).await;
    drop(second);
    let mut third = world.start(1).await;
    assert_eq!(third.recovered.epoch.inherited().len(), 2);
    world.assert_nothing_lost(&third).await;
    third.append(&mut world, "a", &["4"]).await;
    third.publish_all().await.expect("published");
    assert!(third.release_inherited().await);
    let fourth = world.start(1).await;
    assert!(fourth.recovered.epoch.inherited().is_empty());
    world.assert_nothing_lost(&fourth).await;
}

/// A block beyond what the second epoch replayed: its records' numbers were given to others. Whenever it turns up, it is not
/// replayed.
#[tokio::test]
async fn what_was_once_dropped_stays_dropped() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["1"]).await;
    let id = first.stream_id("a").await;
    let mut second = world.start(1).await;
    second.append(&mut world, "a", &["2"]).await;
    // Lands late: the first process's write that nobody waited for any more.
    first.pen(0).write(&world.disk, &[batch(id, 1, &["never acknowledged"])]);
    drop((first, second));
    let third = world.start(1).await;
    world.assert_nothing_lost(&third).await;
}

/// Files are given away only after the catalog says that they are not needed; a kill at any call of the second start's
/// republishing leaves a store that starts.
#[tokio::test]
async fn a_kill_at_every_call_of_republishing_loses_nothing() {
    for calls in 0..20 {
        let mut world = one_record(1).await;
        let mut second = world.start(1).await;
        second.append(&mut world, "b", &["2"]).await;
        world.objects.stop_after(Some(calls));
        world.rows.stop_after(Some(calls / 2));
        if second.publish_all().await.is_ok() {
            second.release_inherited().await;
        }
        drop(second);
        world.mend();
        let third = world.start(1).await;
        world.assert_nothing_lost(&third).await;
    }
}

/// reliability.md F3, F24: recovery is killed at each of its calls to the store and the catalog in turn, up to five times.
#[tokio::test]
async fn a_kill_at_every_call_of_recovery_loses_nothing() {
    for (calls_to_store, calls_to_catalog) in (0..40).map(|k| (k, 1000)).chain((0..40).map(|k| (1000, k))) {
        let mut world = World::default();
        let mut node = world.start(2).await;
        for stream in ["a", "b", "c"] {
            node.append(&mut world, stream, &["1"]).await;
        }
        node.publish(0).await.expect("published");
        node.append(&mut world, "a", &["2"]).await;
        // One chunk is put and not indexed.
        world.rows.stop_after(Some(0));
        node.publish_all().await.expect_err("the catalog does not answer");
        drop(node);
        for attempt in 0..5 {
            world.objects.stop_after(Some(calls_to_store + attempt));
            world.rows.stop_after(Some(calls_to_catalog + attempt));
            let _ = Node::start(&world, 2).await;
        }
        world.mend();
        let node = world.start(2).await;
        world.assert_nothing_lost(&node).await;
    }
}

/// A chunk that was only seen, never synced, may be taken back by a power cut; so it is synced before it counts.
#[tokio::test]
async fn what_was_found_survives_a_power_cut_after_recovery() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    world.rows.stop_after(Some(0));
    node.publish_all().await.expect_err("the catalog does not answer");
    world.mend();
    let name = world.objects.names().into_iter().find(|name| name.starts_with("chunks/")).expect("was put");
    // Killed between naming the object and syncing its folder.
    let object = world.objects.remove(&name).expect("is there");
    world.objects.plant(&name, object);
    let second = world.start(1).await;
    assert_eq!(second.recovered.summary.chunks_indexed, 1);
    world.objects.cut_power();
    let third = world.start(1).await;
    world.assert_nothing_lost(&third).await;
}
