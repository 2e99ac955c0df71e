//! Journals that are somewhere else, or gone.

use riverrun_core::control::{JournalLossRow, keys};

use super::node::World;
use crate::recovery::RecoveryError;

async fn unclean() -> World {
    let mut world = World::default();
    let mut node = world.start(2).await;
    node.append(&mut world, "a", &["published"]).await;
    node.publish_all().await.expect("published");
    node.append(&mut world, "a", &["only in the journal"]).await;
    world
}

#[tokio::test]
async fn an_unclean_store_without_its_journals_is_refused_with_the_reason() {
    let world = unclean().await;
    world.disk.wipe();
    let refused = world.recover(2).await.expect_err("refused");
    let node = "test-node".to_owned();
    assert_eq!(refused, RecoveryError::JournalsMissing { epoch: 1, node, missing: 2, needed: 2 });
    assert!(refused.what_to_do().contains("--accept-journal-loss"));
    // Again and again: a refused start does not make the next one forget.
    assert!(world.recover(2).await.is_err());
}

#[tokio::test]
async fn a_loss_that_is_accepted_is_recorded_and_what_is_published_is_served() {
    let mut world = unclean().await;
    world.disk.wipe();
    let (recovered, catalog) = world.recover_accepting(2, true).await.expect("recovers");
    recovered.epoch.mark_serving().await.expect("serves");
    recovered.epoch.mark_closed(1).await.expect("closed");
    drop(catalog);
    let row = world.rows.rows()[&keys::journal_loss(recovered.epoch.number())].clone();
    assert_eq!(JournalLossRow::decode(&row).expect("a row").of_epoch, 1);
    world.acknowledged.insert("a".to_owned(), vec!["published".to_owned()]);
    world.disk.reuse(1);
    world.disk.reuse(2);
    let node = world.start(2).await;
    world.assert_nothing_lost(&node).await;
}

/// The flag is for journals that are gone; it does not make recovery overlook any that are there.
#[tokio::test]
async fn accepting_a_loss_loses_nothing_that_is_there() {
    let world = unclean().await;
    let (recovered, _) = world.recover_accepting(2, true).await.expect("recovers");
    assert_eq!(recovered.summary.records, 1);
    assert!(!world.rows.rows().contains_key(&keys::journal_loss(recovered.epoch.number())));
}

/// The journals of an epoch that was served from another data directory are missing in this one, whatever else it holds.
#[tokio::test]
async fn another_data_directorys_journals_are_missed() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    node.publish_all().await.expect("published");
    node.recovered.epoch.mark_closed(1).await.expect("closed");
    let here = std::mem::take(&mut world.disk);
    let mut elsewhere = world.start(1).await;
    elsewhere.append(&mut world, "a", &["2"]).await;
    drop(elsewhere);

    let there = std::mem::replace(&mut world.disk, here);
    assert!(matches!(world.recover(1).await, Err(RecoveryError::JournalsMissing { epoch: 2, .. })));
    world.disk = there;
    let node = world.start(1).await;
    world.assert_nothing_lost(&node).await;
}

/// One of several journals: those that are found say nothing about the others.
#[tokio::test]
async fn one_lost_journal_is_missed() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    for stream in ["a", "b", "c", "d"] {
        node.append(&mut world, stream, &["1"]).await;
    }
    for shard in [0, 1] {
        let file = node.pen(shard).file;
        world.disk.remove(file);
        assert!(
            matches!(world.recover(2).await, Err(RecoveryError::JournalsMissing { epoch: 1, .. })),
            "shard {shard}"
        );
        world.disk.put_back(file);
    }
    drop(node);
    let node = world.start(2).await;
    world.assert_nothing_lost(&node).await;
}

/// Until a successor serves, all that recovery looked at may be looked at again.
#[tokio::test]
async fn files_that_recovery_would_look_at_again_are_named() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    node.append(&mut world, "a", &["1"]).await;
    let files: Vec<u32> = [0, 1].map(|shard| node.pen(shard).file).into();
    drop(node);
    let (recovered, _) = world.recover(2).await.expect("recovers");
    assert_eq!(recovered.inherited_files.len(), 1, "one journal holds the record");
    assert_eq!(recovered.files_in_question.into_iter().collect::<Vec<_>>(), files);
}

/// A shard that never wrote leaves a file with the first block alone; that is no loss.
#[tokio::test]
async fn a_journal_that_was_never_written_to_is_not_missing() {
    let world = World::default();
    drop(world.start(3).await);
    drop(world.start(3).await);
    let node = world.start(3).await;
    assert_eq!(node.recovered.summary.blocks, 0);
}

/// What a served epoch inherited must still be there, even if its own journals are.
#[tokio::test]
async fn inherited_journals_are_missed_too() {
    let mut world = unclean().await;
    let mut second = world.start(2).await;
    let inherited: Vec<u32> = second.recovered.inherited_files.iter().copied().collect();
    second.append(&mut world, "b", &["2"]).await;
    drop(second);
    for file in inherited {
        world.disk.reuse(file);
    }
    assert!(matches!(world.recover(2).await, Err(RecoveryError::JournalsMissing { epoch: 2, .. })));
}

/// Only what is missing is given up: the other journal's records are there.
#[tokio::test]
async fn accepting_the_loss_of_one_journal_keeps_the_others() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    for stream in ["a", "b", "c", "d"] {
        node.append(&mut world, stream, &["1"]).await;
    }
    let lost_shard = node.shard_of("a").await;
    for stream in ["a", "b", "c", "d"] {
        if node.shard_of(stream).await == lost_shard {
            world.acknowledged.insert(stream.to_owned(), vec![]);
        }
    }
    assert!(world.acknowledged.values().any(|records| !records.is_empty()), "both shards hold records");
    world.disk.remove(node.pen(lost_shard).file);
    drop(node);
    let (recovered, _) = world.recover_accepting(2, true).await.expect("recovers");
    assert!(!world.rows.rows().contains_key(&keys::journal_loss(recovered.epoch.number())), "nothing is given up yet");
    drop(recovered);

    let node = world.start_accepting(2).await;
    world.assert_nothing_lost(&node).await;
    let row = loss(&world, node.recovered.epoch.number());
    assert_eq!(row.journals.iter().map(|lost| (lost.epoch, lost.shard)).collect::<Vec<_>>(), [(1, lost_shard)]);
    drop(node);
    let node = world.start(2).await;
    world.assert_nothing_lost(&node).await;
}

/// The older journal of a stream is lost, the newer one is there: what it holds cannot follow on nothing, in this start or in
/// any later one, when its numbers belong to others.
#[tokio::test]
async fn a_gap_that_follows_from_an_accepted_loss_ends_the_stream() {
    let mut world = World::default();
    let mut first = world.start(1).await;
    first.append(&mut world, "a", &["published"]).await;
    first.publish_all().await.expect("published");
    first.append(&mut world, "a", &["lost"]).await;
    let lost = first.pen(0).file;
    let mut second = world.start(1).await;
    second.append(&mut world, "a", &["after the loss", "another"]).await;
    second.append(&mut world, "b", &["whole"]).await;
    drop((first, second));
    world.disk.remove(lost);
    assert!(matches!(world.recover(1).await, Err(RecoveryError::JournalsMissing { missing: 1, needed: 2, .. })));

    let mut third = world.start_accepting(1).await;
    let row = loss(&world, third.recovered.epoch.number());
    assert_eq!((row.journals.len(), row.streams.iter().map(|cut| cut.ended_at).collect::<Vec<_>>()), (1, vec![1]));
    world.acknowledged.insert("a".to_owned(), vec!["published".to_owned()]);
    world.assert_nothing_lost(&third).await;
    third.append(&mut world, "a", &["new"]).await;
    drop(third);
    // The number after "new" is the one at which the dropped records begin.
    let mut fourth = world.start(1).await;
    world.assert_nothing_lost(&fourth).await;
    fourth.append(&mut world, "a", &["newer"]).await;
    drop(fourth);
    let fifth = world.start(1).await;
    world.assert_nothing_lost(&fifth).await;
}

fn loss(world: &World, epoch: u64) -> JournalLossRow {
    JournalLossRow::decode(&world.rows.rows()[&keys::journal_loss(epoch)]).expect("a row")
}

/// F16: on a full disk the new journals can begin only in the files of the old ones.
#[tokio::test]
async fn journals_that_are_published_whole_are_not_looked_at_again() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    node.append(&mut world, "a", &["1"]).await;
    node.publish_all().await.expect("published");
    let files: Vec<u32> = [0, 1].map(|shard| node.pen(shard).file).into();
    drop(node);
    let (recovered, _) = world.recover(2).await.expect("recovers");
    assert!(recovered.files_in_question.is_empty());
    drop(recovered);
    // Killed before it served, with the old journals overwritten.
    files.iter().for_each(|&file| world.disk.remove(file));
    let node = world.start(2).await;
    world.assert_nothing_lost(&node).await;
}
