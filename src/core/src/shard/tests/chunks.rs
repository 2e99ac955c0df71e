//! Sealing and publishing: when, what, in which order, and again after a failure.

use std::sync::Arc;
use std::time::Duration;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq};
use super::world::{Hold, World, config};
use crate::chunk::{ChunkInput, Lane};
use crate::event::StoreFailure;
use crate::shard::ShardConfig;

fn held() -> World {
    let mut w = World::with(ShardConfig { chunk_bytes_max: 1 << 20, ..config() });
    w.hold(Hold::Chunks);
    w
}

fn shape(chunk: &Arc<ChunkInput>) -> Vec<usize> {
    chunk.streams.iter().map(|stream| stream.batches.len()).collect()
}

#[test]
fn a_chunk_is_sealed_by_age() {
    let mut w = held();
    w.fill("a", &["1", "2"]);
    w.wait(Duration::from_secs(10));
    w.fill("b", &["1"]);
    w.fill("a", &["3"]);
    w.wait(Duration::from_secs(19));
    assert!(w.chunks.is_empty());
    w.wait(Duration::from_secs(1));
    assert_eq!(w.chunks.iter().map(shape).collect::<Vec<_>>(), [[3, 1]], "with everything there is");
    assert_eq!((w.chunks[0].id.number, w.chunks[0].id.lane, w.chunks[0].id.shard), (0, Lane::Express, 3));
}

#[test]
fn a_chunk_is_sealed_by_size_and_an_endless_stream_keeps_nobody_out() {
    let mut w = held();
    let c = connection(1);
    w.append(c, 1, "quiet", &batch(&["x"]));
    for id in 2..=4 {
        w.append(c, id, "busy", &big_batch(500_000));
    }
    assert_eq!(w.chunks.iter().map(shape).collect::<Vec<_>>(), [vec![1, 2]]);
    for id in 5..=20 {
        w.append(c, id, "busy", &big_batch(500_000));
    }
    w.append(c, 21, "quiet", &batch(&["y"]));
    assert_eq!(w.chunks.len(), 2, "two in flight");
    w.store_chunk(0);
    w.store_chunk(0);
    let sealed: Vec<_> = w.chunks.iter().map(shape).collect();
    assert_eq!(sealed, [vec![2], vec![1, 2]], "at the end of the queue, the busy stream lets the quiet one pass");
}

#[test]
fn a_chunk_knows_its_streams_from_the_first_one_on() {
    let mut w = held();
    w.fill("s", &["1"]);
    w.publish();
    w.fill("s", &["2"]);
    w.publish();
    let entries: Vec<bool> = w.chunks.iter().map(|chunk| chunk.streams[0].entry.is_some()).collect();
    assert_eq!(entries, [true, false]);
    w.release(Hold::Chunks);
    assert_eq!(w.store.chunks.len(), 2, "the store model checks the state records");
}

#[test]
fn chunks_are_published_in_order_whatever_the_order_they_are_stored_in() {
    let mut w = held();
    w.fill("s", &["1"]);
    w.publish();
    w.fill("s", &["2"]);
    w.publish();
    w.store_chunk(1);
    assert_eq!(w.shard.counters().chunks_stored, 0, "number 0 is missing");
    w.store_chunk(0);
    assert_eq!(w.shard.counters().chunks_stored, 2);
    assert_eq!(w.shard.counters().unpublished_bytes, 0);
}

#[test]
fn f33_a_transient_failure_is_retried_with_the_same_bytes_later_each_time() {
    let mut w = held();
    w.fill("s", &["1"]);
    w.publish();
    let first = w.chunks[0].clone();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        w.fail_chunk(0, StoreFailure::Transient("503".to_owned()));
        let since = w.now.monotonic;
        assert!(w.chunks.is_empty(), "not at once");
        while w.chunks.is_empty() {
            w.wait(Duration::from_millis(1));
        }
        pauses.push((w.now.monotonic - since).as_millis());
        assert!(Arc::ptr_eq(&w.chunks[0], &first), "not a batch of it is touched again");
    }
    let doubled = [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000];
    for (pause, longest) in pauses.iter().zip(doubled) {
        assert!((longest / 2..=longest + 1).contains(pause), "{pauses:?}");
    }
    w.release(Hold::Chunks);
    assert_eq!(w.shard.counters().chunk_retries, 12);
    assert_eq!(w.shard.counters().unpublished_bytes, 0);
}

#[test]
fn p10_a_fence_ends_the_shard() {
    let mut w = held();
    let c = connection(1);
    w.fill("s", &["1"]);
    w.publish();
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["2"]));
    w.fail_chunk(0, StoreFailure::Fatal("epoch 10 owns the store".to_owned()));
    assert!(w.fatal.as_ref().unwrap().contains("epoch 10 owns the store"));
    assert_eq!(w.heard(c, 1), [Said::maybe_done(riverrun_protocol::error::ErrorCode::Storage)]);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 1), []);
}

#[test]
fn compression_gets_faster_as_the_backlog_grows() {
    let mut w = World::with(ShardConfig { unpublished_bytes_max: 16 << 20, chunk_bytes_max: 1 << 20, ..config() });
    w.hold(Hold::Chunks);
    let c = connection(1);
    for id in 1..=12 {
        w.append(c, id, "s", &big_batch(1_000_000));
    }
    let first = w.chunks[0].compression_level;
    w.store_chunk(0);
    let last = w.chunks.back().expect("there is more to publish").compression_level;
    assert_eq!((first, last), (1, -3));
}

#[test]
fn over_half_full_the_backlog_is_published_without_waiting_for_a_whole_chunk() {
    let mut w = World::with(ShardConfig { unpublished_bytes_max: 4 << 20, chunk_bytes_max: 64 << 20, ..config() });
    w.hold(Hold::Chunks);
    let c = connection(1);
    for id in 1..=3 {
        w.append(c, id, "s", &big_batch(1_000_000));
    }
    assert_eq!(w.chunks.iter().map(shape).collect::<Vec<_>>(), [[2]]);
    w.append(c, 4, "s", &big_batch(100_000));
    assert_eq!(w.chunks.len(), 1, "one at a time is enough");
    w.store_chunk(0);
    assert_eq!(w.chunks.len(), 0, "and below half there is time");
}

#[test]
fn a_standard_stream_is_acknowledged_and_visible_when_its_chunk_is_stored() {
    let mut w = held();
    let (c, reader) = (connection(1), connection(2));
    w.create_standard("std");
    w.create("exp");
    w.open_read(reader, 1, "std", from_seq(0), MUCH);
    w.append(c, 1, "std", &batch(&["a"]));
    w.append(c, 2, "std", &batch(&["b"]));
    w.append(c, 3, "std", &batch(&["c"]));
    w.append(c, 4, "exp", &batch(&["x"]));
    assert_eq!(w.heard(c, 4), [Said::ack(0, 1)]);
    assert_eq!(w.take_said(c), []);
    w.check_tail(c, 5, "std");
    assert_eq!(w.heard(c, 5), [Said::Tail { seq_num: 0, timestamp: 0 }]);
    assert_eq!(
        w.chunks.iter().map(|chunk| (chunk.id.lane, shape(chunk))).collect::<Vec<_>>(),
        [(Lane::Standard, vec![1]), (Lane::Standard, vec![1])]
    );
    w.store_chunk(0);
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1)]);
    assert_eq!(w.heard(reader, 1), [Said::Opened { tail: 0 }, Said::Heartbeat { tail: 0 }, Said::live(0, &["a"], 1)]);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 2), [Said::ack(1, 2)]);
    assert_eq!(w.heard(c, 3), [Said::ack(2, 3)]);
    assert_eq!(w.heard(reader, 1), [Said::live(1, &["b"], 2), Said::live(2, &["c"], 3)]);
}
