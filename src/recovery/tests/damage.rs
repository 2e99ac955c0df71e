//! Bytes that changed where they must not have (reliability.md P8, F10): start stops and names the place.

use riverrun_core::control::{StreamEntry, keys};
use riverrun_protocol::types::StreamId;

use super::node::World;
use crate::catalog::Catalog;
use crate::publish::fixtures::{basin, batch, target};
use crate::recovery::RecoveryError;

#[tokio::test]
async fn a_damaged_block_below_the_watermark_is_named_and_nothing_is_skipped() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    let first = node.journal("a", &["1"]).await.expect("written");
    node.append(&mut world, "a", &["2"]).await;
    drop(node);
    for offset in [0, 100, 300, first.bytes - 1] {
        world.disk.flip(first.file, first.offset + offset);
        let refused = world.recover(1).await.expect_err("damaged").to_string();
        let place = format!("journal file {:08}.journal, offset {}", first.file, first.offset);
        assert!(refused.contains(&place), "byte {offset}: {refused}");
        world.disk.flip(first.file, first.offset + offset);
    }
    world.recover(1).await.expect("mended");
}

/// The last block is above every watermark: a torn write looks like this, and nobody was promised anything.
#[tokio::test]
async fn a_torn_last_block_is_dropped_and_counted() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    let torn = node.journal("a", &["never acknowledged"]).await.expect("written");
    world.disk.flip(torn.file, torn.offset + torn.bytes - 1);
    drop(node);
    let node = world.start(1).await;
    assert_eq!(node.recovered.summary.torn_blocks, 1);
    world.assert_nothing_lost(&node).await;
}

#[tokio::test]
async fn a_gap_between_store_and_journal_is_damage() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    let id = node.stream_id("a").await;
    node.pen(0).write(&world.disk, &[batch(id, 5, &["from nowhere"])]);
    drop(node);
    let refused = world.recover(1).await.expect_err("damaged");
    assert!(matches!(refused, RecoveryError::Replay { .. }), "{refused}");
    assert!(refused.to_string().contains("records between them are missing"), "{refused}");
}

#[tokio::test]
async fn a_stream_that_the_catalog_does_not_know_is_damage() {
    let world = World::default();
    let mut node = world.start(1).await;
    let written = node.pen(0).write(&world.disk, &[batch(StreamId([0xcc; 16]), 0, &["x"])]);
    drop(node);
    let refused = world.recover(1).await.expect_err("damaged").to_string();
    assert!(refused.contains(&StreamId([0xcc; 16]).to_string()), "{refused}");
    assert!(refused.contains(&format!("offset {}", written.offset)), "{refused}");
}

/// A chunk that is indexed and damaged stops the start: its streams' next numbers are in it.
#[tokio::test]
async fn a_damaged_footer_is_named() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    node.publish_all().await.expect("published");
    drop(node);
    let name = world.objects.names().into_iter().find(|name| name.ends_with("e/0000000000000000")).expect("is there");
    let mut object = world.objects.object(&name).expect("is there").to_vec();
    let at = object.len() - 60;
    object[at] ^= 1;
    world.objects.plant(&name, object.into());
    let refused = world.recover(1).await.expect_err("damaged").to_string();
    assert!(refused.contains(&name), "{refused}");
}

/// reliability.md F11: the page may have held what proves that something was lost.
#[tokio::test]
async fn a_page_that_cannot_be_read_stops_the_start() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    let last = node.journal("a", &["2"]).await.expect("written");
    drop(node);
    for page in [last.offset, last.offset + last.bytes] {
        world.disk.make_unreadable(Some((last.file, page)));
        let refused = world.recover(1).await.expect_err("nobody can tell what stands there");
        let place = format!("journal file {:08}.journal, offset {page}", last.file);
        assert!(refused.to_string().contains(&place), "{refused}");
        assert!(refused.what_to_do().contains("copy the data directory"));
    }
    world.disk.make_unreadable(None);
    world.recover(1).await.expect("mended");
}

/// Its bytes are a client's own; only a journal's id, which no client knows, makes a page speak for a journal.
#[tokio::test]
async fn a_payload_that_looks_like_a_newer_block_stops_no_start() {
    let mut world = World::default();
    let mut node = world.start(1).await;
    node.append(&mut world, "a", &["1"]).await;
    let journal_id = node.pen(0).journal_id;
    let last = node.journal("a", &["2"]).await.expect("written");
    drop(node);
    world.disk.forge_newer_block(last.file, last.offset + last.bytes, [0xaa; 16]);
    world.recover(1).await.expect("nobody's business");
    world.disk.forge_newer_block(last.file, last.offset + last.bytes, journal_id);
    let refused = world.recover(1).await.expect_err("it is the journal's");
    assert!(matches!(refused, RecoveryError::JournalNewer { version: 2, .. }), "{refused}");
}

/// Recovered into one shard, asked for in another: its numbers would be given away.
#[tokio::test]
async fn a_stream_that_is_stored_where_it_is_not_routed_stops_the_start() {
    let mut world = World::default();
    let mut node = world.start(2).await;
    node.append(&mut world, "a", &["1"]).await;
    drop(node);
    let key = keys::stream(&basin(), &target("a").stream);
    let sound = StreamEntry::decode(&world.rows.rows()[&key]).expect("a row");
    let moved = StreamEntry { placement: sound.placement ^ 1, ..sound.clone() };
    world.rows.open().put_batch(vec![(key.clone(), moved.encode())]).await.expect("written");
    let refused = world.recover(2).await.expect_err("two places").to_string();
    assert!(refused.contains("placement"), "{refused}");
    world.rows.open().put_batch(vec![(key, sound.encode())]).await.expect("written");
    world.recover(2).await.expect("mended");
}
