//! Blocks, their order, the watermark, and files that go around (design.md 6).

use std::time::Duration;

use super::client::{Said, append_request, batch, big_batch, connection};
use super::world::{Hold, World};
use crate::action::Action;
use crate::event::{BatchBytes, Event};
use crate::limits::{JOURNAL_IDLE, JOURNAL_WRITES_INFLIGHT_MAX};

#[test]
fn what_arrives_while_writes_are_under_way_shares_the_next_block() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    w.hold(Hold::Writes);
    for id in 1..=20 {
        w.append(c, id, "s", &batch(&["x"]));
    }
    let q = JOURNAL_WRITES_INFLIGHT_MAX as u64;
    assert_eq!(w.disk.unwritten(), (1..=q).collect::<Vec<_>>(), "a block each, until all slots are taken");
    w.complete_write(1);
    assert_eq!(w.disk.blocks[&(q + 1)].batches.len(), 20 - q as usize, "then one block for all that waited");
}

#[test]
fn a_written_block_behind_a_gap_keeps_its_slot() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    w.hold(Hold::Writes);
    for id in 1..=6 {
        w.append(c, id, "s", &batch(&["x"]));
    }
    w.take_said(c);
    for number in [2, 3, 4] {
        w.complete_write(number);
    }
    assert_eq!(w.disk.unwritten(), [1], "recovery's window is q blocks behind the watermark, complete or not");
    assert_eq!(w.take_said(c), []);
    w.complete_write(1);
    assert_eq!(w.take_said(c).len(), 4);
    assert_eq!(w.disk.unwritten(), [5]);
}

#[test]
fn large_and_small_batches_of_a_turn_travel_together_in_order() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    w.hold(Hold::Writes);
    let small = batch(&["small"]);
    let large = big_batch(70_000);
    let append = |id, batch| Event::RequestReceived { connection: c, id, request: append_request("s", batch) };
    w.turn(vec![
        append(1, BatchBytes::Borrowed(&small)),
        append(2, super::client::received(&large, 100)),
        append(3, BatchBytes::Borrowed(&small)),
    ]);
    let lengths: Vec<usize> = w.disk.blocks[&1].batches.iter().map(|batch| batch.bytes().len()).collect();
    assert_eq!(lengths, [small.len(), large.len(), small.len()]);
    w.release(Hold::Writes);
    w.take_said(c);
    w.read(c, 4, "s", super::client::from_seq(0));
    let Said::Records { bodies, .. } = &w.heard(c, 4)[0] else { panic!("records") };
    assert_eq!(bodies.iter().map(bytes::Bytes::len).collect::<Vec<_>>(), [5, 70_000, 5]);
}

/// A block that holds frames in buffers of their own needs a page or two for itself; a mebibyte for each is 250 times that.
#[test]
fn blocks_of_large_frames_share_the_memory_for_what_is_around_them() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    w.hold(Hold::Writes);
    let large = big_batch(1_000_000);
    let append = |id| Event::RequestReceived {
        connection: c,
        id,
        request: append_request("s", super::client::received(&large, 100)),
    };
    let mut actions = Vec::new();
    (1..=7).for_each(|id| w.shard.handle(w.now, append(id), &mut actions));
    w.shard.flush(w.now, &mut actions);
    let first_buffers = actions.iter().filter_map(|action| match action {
        Action::WriteBlock { buffers, .. } => Some((buffers[0].as_ptr().addr(), buffers[0].len())),
        _ => None,
    });
    let first_buffers: Vec<_> = first_buffers.collect();
    assert!(first_buffers.len() >= 3, "{first_buffers:?}");
    let adjoin = first_buffers.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0);
    assert!(adjoin, "one allocation for all: {first_buffers:?}");
}

#[test]
fn a_block_stays_below_its_limit_however_much_arrives_in_a_turn() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    let big = big_batch(600_000);
    let append =
        |id| Event::RequestReceived { connection: c, id, request: append_request("s", BatchBytes::Borrowed(&big)) };
    w.turn((1..=10).map(append).collect());
    let sizes: Vec<usize> = w.disk.blocks.values().map(|block| block.batches.len()).collect();
    assert_eq!(sizes, [2; 5], "two make more than the 1 MiB that a block aims at");
}

#[test]
fn an_idle_journal_says_once_how_far_it_is_durable() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch(&["x"]));
    assert_eq!(w.disk.durable(), 1);
    w.wait(JOURNAL_IDLE);
    assert_eq!(w.disk.durable(), 2);
    let watermark = &w.disk.blocks[&2];
    assert_eq!((watermark.batches.len(), watermark.header.durable_watermark, watermark.header.needed_from), (0, 1, 1));
    w.wait(Duration::from_secs(1));
    assert_eq!(w.disk.durable(), 2, "and is silent then");
    assert_eq!(w.shard.counters().watermark_blocks, 1);
}

#[test]
fn a_busy_journal_spends_no_block_on_its_watermark() {
    let mut w = World::new();
    let c = connection(1);
    for id in 1..=50 {
        w.append(c, id, "s", &batch(&["x"]));
        w.wait(JOURNAL_IDLE / 2);
    }
    assert_eq!((w.disk.durable(), w.shard.counters().watermark_blocks), (50, 0));
}

#[test]
fn appends_wait_for_the_first_journal_file() {
    let mut w = World::new();
    w.hold(Hold::Files);
    w.hold(Hold::Chunks);
    // The world's first turn has got one already: fill it, with the next one held.
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 100, "s");
    let big = big_batch(1_000_000);
    for id in 1..=12 {
        w.append(c, id, "s", &big);
    }
    let acked = w.take_said(c).len() - 1;
    assert!((7..12).contains(&acked), "8 MiB of file hold {acked}");
    w.release(Hold::Files);
    assert_eq!(w.take_said(c).len(), 12 - acked);
}

#[test]
fn the_journal_keeps_its_size_while_ten_times_as_much_is_appended() {
    let mut w = World::new();
    let c = connection(1);
    let big = big_batch(1_000_000);
    for id in 1..=200 {
        w.append(c, id, "s", &big);
        w.wait(Duration::from_millis(1));
    }
    assert_eq!(w.take_said(c).len(), 200);
    w.publish();
    assert!(w.disk.files.len() <= 8, "files {:?}", w.disk.files.keys());
    w.wait(Duration::from_secs(1));
    assert!(w.disk.files.len() <= 2, "what is published needs no journal: {:?}", w.disk.files.keys());
}

#[test]
fn a_quiet_journal_releases_files_by_a_watermark_block() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Chunks);
    let big = big_batch(1_000_000);
    for id in 1..=10 {
        w.append(c, id, "s", &big);
    }
    w.publish();
    assert_eq!(w.disk.files.len(), 3, "two filled from, one ahead");
    let before = w.disk.durable();
    w.release(Hold::Chunks);
    w.wait(JOURNAL_IDLE);
    assert_eq!(w.disk.durable(), before + 1);
    assert_eq!(w.disk.files.len(), 2);
}
