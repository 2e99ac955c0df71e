//! Starts with nothing to mend.

use super::node::World;

#[tokio::test]
async fn an_empty_store_is_served_at_once() {
    let world = World::default();
    let (recovered, _) = world.recover(2).await.expect("recovers");
    assert_eq!(recovered.shards.len(), 2);
    assert_eq!(recovered.summary, super::super::Summary::default());
    assert!(recovered.epoch.inherited().is_empty());
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_replay_and_its_journals_are_not_missed() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    node.append(&mut world, "a", &["1", "2"]).await;
    node.append(&mut world, "b", &["3"]).await;
    node.publish_all().await.expect("published");
    node.recovered.epoch.mark_closed(1).await.expect("closed");
    world.disk.wipe();

    let node = world.start(2).await;
    assert_eq!(node.recovered.summary.blocks, 0);
    assert!(node.recovered.summary.chunks > 0);
    world.assert_nothing_lost(&node).await;
}

/// An epoch that still holds what it inherited must not look closed.
#[tokio::test]
async fn a_stop_before_inherited_journals_are_republished_is_not_clean() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["1"]).await;
    let second = world.start(1).await;
    second.recovered.epoch.mark_closed(1).await.expect("answers");
    drop(second);

    let third = world.start(1).await;
    assert_eq!(third.inherited_streams(), 1);
    world.assert_nothing_lost(&third).await;
}

#[tokio::test]
async fn the_number_of_shards_may_change_at_every_start() {
    let mut world = World::default();
    for (start, shards) in [3, 1, 5, 2].into_iter().enumerate() {
        let mut node = world.start(shards).await;
        world.assert_nothing_lost(&node).await;
        for stream in ["a", "b", "c", "d", "e"] {
            node.append(&mut world, stream, &[&format!("{stream}{start}")]).await;
        }
        if start % 2 == 0 {
            node.publish(0).await.expect("published");
        }
    }
    let node = world.start(4).await;
    world.assert_nothing_lost(&node).await;
}
