//! A graceful stop.

use riverrun_protocol::error::ErrorCode;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq};
use super::world::{Hold, World, config};
use crate::event::Event;
use crate::shard::ShardConfig;

fn drain(w: &mut World) {
    w.turn(vec![Event::DrainRequested]);
}

#[test]
fn what_is_accepted_is_acknowledged_and_what_is_new_refused() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Writes);
    w.input(c, 1, &batch(&["a"]));
    w.append(c, 2, "s", &batch(&["b"]));
    w.take_said(c);
    drain(&mut w);
    assert_eq!(w.heard(c, 0), [], "the driver tells each connection, once");
    w.input(c, 1, &batch(&["c"]));
    w.append(c, 3, "s", &batch(&["d"]));
    w.check_tail(c, 4, "s");
    for id in [3, 4] {
        assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Draining)]);
    }
    assert!(!w.drained);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 1), [Said::Ack { start: 0, end: 1, tail: 1 }, Said::refused(ErrorCode::Draining)]);
    assert_eq!(w.heard(c, 2), [Said::ack(1, 2)]);
    assert!(w.drained);
}

#[test]
fn everything_is_published_and_the_last_block_says_so() {
    let mut w = World::new();
    w.fill("a", &["1", "2"]);
    w.fill("b", &["1"]);
    w.hold(Hold::Chunks);
    drain(&mut w);
    assert!(!w.drained);
    w.release(Hold::Chunks);
    assert!(w.drained);
    assert_eq!(w.disk.recover(), [], "nothing is left in the journal to recover");
    let w = w.crash();
    assert!(w.inherited_published);
    assert_eq!(w.store.chunks.len(), 1);
}

#[test]
fn an_untouched_shard_has_nothing_to_say() {
    let mut w = World::new();
    drain(&mut w);
    assert!(w.drained);
    assert_eq!(w.disk.durable(), 0);
}

#[test]
fn followers_see_what_is_acknowledged_until_the_end_and_are_told_to_reconnect() {
    let mut w = World::new();
    let (reader, producer) = (connection(1), connection(2));
    w.open_read(reader, 1, "s", from_seq(0), MUCH);
    w.read(reader, 2, "s", riverrun_protocol::request::ReadParams { wait_secs: Some(60), ..from_seq(0) });
    w.hold(Hold::Writes);
    w.append(producer, 1, "s", &batch(&["a"]));
    w.take_said(reader);
    drain(&mut w);
    assert_eq!(w.heard(reader, 2), [Said::refused(ErrorCode::Draining)], "nobody waits for a minute now");
    w.release(Hold::Writes);
    assert_eq!(w.heard(reader, 1), [Said::live(0, &["a"], 1), Said::refused(ErrorCode::Draining)]);
}

#[test]
fn appends_that_wait_for_room_are_refused_and_have_no_effect() {
    let mut w = World::with(ShardConfig { unpublished_bytes_max: 4 << 20, ..config() });
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..8 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    let acked = w.heard(c, 1).len() as u64 - 1;
    drain(&mut w);
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::Draining)]);
    w.release(Hold::Chunks);
    assert!(w.drained);
    let mut w = w.crash();
    w.check_tail(c, 2, "s");
    assert!(matches!(w.heard(c, 2)[..], [Said::Tail { seq_num, .. }] if seq_num == acked));
}

#[test]
fn requests_that_wait_for_a_load_are_refused() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch(&["a"]));
    w.open_append(c, 2, "s");
    w.open_read(c, 3, "s", from_seq(0), MUCH);
    w.read(c, 4, "s", from_seq(0));
    drain(&mut w);
    for id in 1..=4 {
        assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Draining)], "{id}");
    }
    assert!(w.drained);
    w.release(Hold::StreamLoads);
    assert_eq!(w.take_said(c), []);
}
