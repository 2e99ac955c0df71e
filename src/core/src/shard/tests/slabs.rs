//! Where blocks have their memory from: slabs, which are used again (docs/decisions/0004-slabs.md).

use std::cell::Cell;
use std::time::Duration;

use bytes::BytesMut;

use super::client::{Said, append_request, batch, big_batch, connection, from_seq};
use super::world::{World, config};
use crate::buffer::slabs::{SLAB_BYTES, SPARE_SLABS_KEPT};
use crate::event::BatchBytes;
use crate::limits::SCATTERED_BYTES_MAX;
use crate::shard::ShardConfig;

const ROUNDS: u64 = 40;
const APPENDS_PER_ROUND: u64 = 8;
const BATCH_BYTES: usize = 500_000;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

fn allocate(bytes: usize) -> BytesMut {
    ALLOCATED.set(ALLOCATED.get() + 1);
    BytesMut::with_capacity(bytes)
}

/// Rounds of appends, each round published; how many slabs that took.
fn slabs_for(append: impl Fn(&mut World, u64)) -> usize {
    ALLOCATED.set(0);
    let mut w =
        World::with(ShardConfig { chunk_bytes_max: 1 << 20, tail_cache_bytes_max: 1 << 20, allocate, ..config() });
    w.create("s");
    for id in 1..=ROUNDS * APPENDS_PER_ROUND {
        append(&mut w, id);
        if id % APPENDS_PER_ROUND == 0 {
            w.publish();
            w.store.let_go_of_memory();
        }
    }
    assert_eq!(w.take_said(connection(1)).len() as u64, ROUNDS * APPENDS_PER_ROUND, "everything was appended");
    ALLOCATED.get()
}

fn at_most() -> usize {
    let appended = ROUNDS as usize * APPENDS_PER_ROUND as usize * BATCH_BYTES;
    appended / SLAB_BYTES / 4
}

#[test]
fn blocks_of_copied_batches_are_cut_from_slabs_that_are_used_again() {
    let batch = big_batch(BATCH_BYTES);
    let slabs = slabs_for(|w, id| w.request(connection(1), id, append_request("s", BatchBytes::Borrowed(&batch))));
    assert!((1..=at_most()).contains(&slabs), "{slabs} slabs");
}

/// As frames for other shards do.
fn take_slabs(w: &mut World, count: usize) -> Vec<BytesMut> {
    let now = w.now.monotonic;
    (0..count).map(|_| w.shard.slabs.take(SLAB_BYTES, now)).collect()
}

/// As it lies in a slab.
fn append_received(w: &mut World, id: u64, stream: &str, bytes: &[u8]) {
    let mut frame = w.shard.slabs.take(bytes.len(), w.now.monotonic);
    frame.extend_from_slice(bytes);
    w.request(connection(1), id, append_request(stream, BatchBytes::Received { frame, batch: 0..bytes.len() }));
}

/// P13: records that stay for readers keep slabs whose other parts are gone.
#[test]
fn a_few_records_in_many_slabs_are_let_go() {
    let mut w = World::with(ShardConfig { chunk_bytes_max: 1 << 20, allocate, ..config() });
    let big = big_batch(BATCH_BYTES);
    let mut slabs_max = 0;
    for round in 0..60 {
        let gone = format!("gone-{round}");
        (0..8).for_each(|id| w.append(connection(1), round * 100 + id, &gone, &big));
        w.append(connection(1), round * 100 + 50, "kept", &batch(&["a record"]));
        w.publish();
        w.store.let_go_of_memory();
        w.delete_stream(round, &gone);
        w.wait(Duration::from_secs(2));
        w.take_said(connection(1));
        slabs_max = slabs_max.max(w.shard.counters().slab_bytes);
    }
    let records = w.shard.counters().tail_cache_bytes;
    assert!(records < 1 << 20, "{records}");
    let spare_bytes = ((SPARE_SLABS_KEPT + 2) * SLAB_BYTES) as u64;
    assert!(slabs_max <= SCATTERED_BYTES_MAX + spare_bytes, "{slabs_max} bytes for {records}");
    w.read(connection(2), 1, "kept", from_seq(0));
    assert_eq!(w.heard(connection(2), 1), [Said::records(0, &["a record"; 60])], "they are in chunks");
}

/// P13: however fast slabs come to hold little, and however much of the cache lies well in its own.
#[test]
fn records_are_let_go_as_fast_as_slabs_grow() {
    let mut w = World::with(ShardConfig { chunk_bytes_max: 1 << 20, allocate, ..config() });
    let big = big_batch(BATCH_BYTES);
    (0..64).for_each(|id| w.append(connection(1), id, "dense", &big));
    w.publish();
    w.store.let_go_of_memory();
    for round in 1..=12 {
        for slab in 0..24 {
            append_received(&mut w, round * 100 + slab, "kept", &batch(&["a record"]));
            drop(take_slabs(&mut w, 1));
        }
        w.publish();
        w.store.let_go_of_memory();
        w.wait(Duration::from_secs(1));
        let (held, records) = (w.shard.slabs.held_bytes() as u64, w.shard.counters().tail_cache_bytes);
        assert!(held <= 2 * records + 2 * SCATTERED_BYTES_MAX, "round {round}: {held} bytes for {records}");
    }
}

/// What holds slabs and is no record (output that is not taken, frames that have begun) costs the cache once, not for ever.
#[test]
fn slabs_that_others_hold_do_not_keep_the_cache_empty() {
    let mut w = World::with(ShardConfig { chunk_bytes_max: 1 << 20, allocate, ..config() });
    let _held = take_slabs(&mut w, 64);
    let big = big_batch(BATCH_BYTES);
    for round in 0..8 {
        (0..8).for_each(|id| w.append(connection(1), round * 100 + id, "dense", &big));
        w.publish();
        w.store.let_go_of_memory();
        w.wait(Duration::from_secs(10));
    }
    let records = w.shard.counters().tail_cache_bytes;
    assert!(records >= 7 * 8 * BATCH_BYTES as u64, "{records} bytes of records");
}
