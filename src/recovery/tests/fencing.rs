//! Older owners that are not dead (reliability.md F25, F42).

use riverrun_core::event::StoreFailure;

use super::node::World;
use crate::recovery::RecoveryError;
use crate::store::StoreError;

/// A chunk's object, and the name of its successor in the sequence.
fn next_name(name: &str, by: u64) -> String {
    let id = riverrun_core::chunk::ChunkId::from_object_name(name).expect("a chunk's name");
    id.sequence().chunk(id.number + by).object_name()
}

#[tokio::test]
async fn a_zombies_put_is_refused_for_ever() {
    let mut world = World::default();
    let mut zombie = world.start(1).await;
    zombie.append(&mut world, "a", &["1"]).await;
    let node = world.start(1).await;
    for _ in 0..2 {
        let refused = zombie.publish_all().await.expect_err("fenced");
        assert!(matches!(&refused, StoreFailure::Fatal(why) if why.contains("epoch 2")), "{refused:?}");
    }
    world.assert_nothing_lost(&node).await;
}

/// What a zombie put beyond the fence is garbage for ever, also for later epochs.
#[tokio::test]
async fn what_lies_beyond_a_fence_is_ignored() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["1"]).await;
    first.publish_all().await.expect("published");
    let name = world.objects.names().into_iter().find(|name| name.ends_with("e/0000000000000000")).expect("is there");
    drop(first);
    let mut second = world.start(1).await;
    second.append(&mut world, "a", &["2"]).await;
    let garbage = world.objects.object(&name).expect("is there");
    world.objects.plant(&next_name(&name, 2), garbage);
    drop(second);
    let third = world.start(1).await;
    assert_eq!(third.recovered.summary.chunks, 1);
    world.assert_nothing_lost(&third).await;
}

/// Put before the fence, found before the fence: it counts, whatever became of its writer.
#[tokio::test]
async fn a_zombies_put_that_was_first_counts() {
    let mut world = World::default();
    let mut zombie = world.start(1).await;
    zombie.append(&mut world, "a", &["1"]).await;
    world.rows.stop_after(Some(0));
    zombie.publish_all().await.expect_err("the catalog does not answer");
    world.mend();
    let node = world.start(1).await;
    assert_eq!(node.recovered.summary.chunks_indexed, 1);
    assert!(matches!(zombie.publish_all().await, Err(StoreFailure::Fatal(_))));
    world.assert_nothing_lost(&node).await;
}

#[tokio::test]
async fn every_older_sequence_ends_once() {
    let world = World::default();
    for _ in 0..4 {
        world.start(2).await;
    }
    let fences = world.objects.names().len();
    // Three older epochs, two shards, two lanes; none is fenced a second time.
    assert_eq!(fences, 3 * 2 * 2);
}

#[tokio::test]
async fn a_fence_whose_answer_was_lost_is_found_again() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["1"]).await;
    world.objects.fail_next_put(crate::store::model::PutFault::AnswerLost);
    world.objects.fail_next_put(crate::store::model::PutFault::RequestLost);
    let node = world.start(1).await;
    world.assert_nothing_lost(&node).await;
}

/// reliability.md D8: a chunk that was found and could not be synced is not looked at until the disk says that it is.
#[tokio::test]
async fn a_failed_sync_of_a_chunk_found_stops_the_start() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["1"]).await;
    world.rows.stop_after(Some(0));
    first.publish_all().await.expect_err("the catalog does not answer");
    world.mend();
    drop(first);
    world.objects.fail_next_sync();
    let refused = world.recover(1).await.expect_err("refused");
    assert!(matches!(refused, RecoveryError::Store(StoreError::SyncFailed { .. })), "{refused}");
    let node = world.start(1).await;
    world.assert_nothing_lost(&node).await;
}
