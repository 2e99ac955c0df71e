//! Where blocks have their memory from: slabs, which are used again (docs/decisions/0004-slabs.md).

use std::cell::Cell;

use bytes::BytesMut;

use super::client::{append_request, big_batch, connection};
use super::world::{World, config};
use crate::buffer::slabs::SLAB_BYTES;
use crate::event::BatchBytes;
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
