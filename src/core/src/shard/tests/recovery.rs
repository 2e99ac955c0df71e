//! What an epoch inherits: stable at once, published first, and lost by nobody, however often it happens.

use super::client::{MUCH, Said, batch, connection, from_seq};
use super::world::{Hold, WALL_MS, World};

#[test]
fn nothing_inherited_is_published_from_the_start() {
    assert!(World::new().inherited_published);
}

#[test]
fn p1_recovered_records_are_there_at_once_and_published_first() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "a", &batch(&["1", "2"]));
    w.append(c, 2, "b", &batch(&["1"]));
    w.hold(Hold::Writes);
    w.append(c, 3, "a", &batch(&["lost"]));
    let mut w = w.crash();
    w.check_tail(c, 1, "a");
    assert_eq!(w.heard(c, 1), [Said::Tail { seq_num: 2, timestamp: WALL_MS }]);
    assert!(w.inherited_published, "sealed and stored in the first turns");
    assert_eq!(w.store.chunks.len(), 1);
    w.append(c, 2, "a", &batch(&["3"]));
    assert_eq!(w.heard(c, 2), [Said::ack(2, 3)], "the number of what was lost without trace is used again");
    w.open_read(c, 3, "a", from_seq(0), MUCH);
    let heard = w.heard(c, 3);
    assert_eq!(heard[1..], [Said::records(0, &["1", "2", "3"]), Said::Heartbeat { tail: 3 }]);
}

#[test]
fn inherited_records_stay_needed_until_their_chunk_is_stored() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["1", "2", "3"]);
    w = w.crash();
    assert!(w.inherited_published);
    w.fill("s", &["4"]);
    w.hold(Hold::Chunks);
    // Two crashes with nothing stored in between: the journal of the newest epoch alone is not enough then, which recovery
    // knows; here the shard must not report too early.
    let recovered = w.store.recover(w.disk.recover());
    assert_eq!(recovered[0].unpublished.len(), 1);
    let mut actions = Vec::new();
    let mut shard = crate::shard::Shard::new(super::world::config(), recovered, 1);
    shard.flush(w.now, &mut actions);
    let trace = format!("{actions:?}");
    assert!(trace.contains("StoreChunk") && !trace.contains("InheritedPublished"), "{trace}");
    w.check_tail(c, 1, "s");
}

#[test]
fn a_standard_streams_recovered_records_are_stable_when_they_are_stored() {
    let mut w = World::new();
    let c = connection(1);
    w.create_standard("s");
    w.hold(Hold::Chunks);
    w.append(c, 1, "s", &batch(&["a"]));
    assert_eq!(w.take_said(c), []);
    let mut w = w.crash();
    w.check_tail(c, 1, "s");
    assert_eq!(w.heard(c, 1), [Said::Tail { seq_num: 1, timestamp: WALL_MS }], "stored in the first turns");
}

#[test]
fn f3_crashes_in_a_row_lose_nothing_that_was_acknowledged() {
    let mut w = World::new();
    let c = connection(1);
    let mut acked = 0;
    for round in 0..20u64 {
        w.append(c, 1, "s", &batch(&["x"]));
        acked += w.take_said(c).len() as u64;
        w.hold(if round % 3 == 0 { Hold::Chunks } else { Hold::Writes });
        w.append(c, 2, "s", &batch(&["y"]));
        acked += w.take_said(c).len() as u64;
        if round % 3 == 1 {
            w.release(Hold::Writes);
            acked += w.take_said(c).len() as u64;
        }
        w = w.crash();
        w.check_tail(c, 3, "s");
        assert!(matches!(w.heard(c, 3)[..], [Said::Tail { seq_num, .. }] if seq_num == acked), "round {round}");
    }
}
