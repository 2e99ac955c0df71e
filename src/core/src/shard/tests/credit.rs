//! Slow readers: credit, output that the socket does not take, and fairness.

use riverrun_protocol::limits::CREDIT_BYTES_MAX;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq};
use super::world::{Hold, World};
use crate::event::{ConnectionId, Event};
use crate::limits::{
    CONNECTION_OUTPUT_BYTES_MAX, LOADED_BYTES_SHORT, OUTPUT_STALL_LOOK_PAUSE, OUTPUT_STALL_MAX, READ_TURN_PUSHES_MAX,
};

fn pushes(heard: &[Said]) -> usize {
    heard.iter().filter(|said| matches!(said, Said::Records { .. })).count()
}

/// Batches that fill a push each.
fn big_stream(batches: u64) -> World {
    let mut w = World::new();
    let c = connection(999);
    for id in 1..=batches {
        w.append(c, id, "s", &big_batch(900_000));
    }
    w.take_said(c);
    w
}

#[test]
fn a_push_is_sent_while_credit_is_above_zero_and_subtracted_whole() {
    let mut w = big_stream(5);
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), 1);
    assert_eq!(pushes(&w.heard(c, 1)), 1, "a small credit never wedges a large record");
    w.grant(c, 1, 900_000);
    assert_eq!(pushes(&w.heard(c, 1)), 0, "still below zero: the frame has more than the record");
    w.grant(c, 1, 1000);
    assert_eq!(pushes(&w.heard(c, 1)), 1);
    w.grant(c, 1, 2_000_000);
    assert_eq!(pushes(&w.heard(c, 1)), 2);
}

#[test]
fn credit_without_end_is_held_to_its_limit() {
    let mut w = big_stream(1);
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(1), u64::MAX);
    for _ in 0..5 {
        w.grant(c, 1, u64::MAX);
    }
    let per_push = 900_000 + 128 + 24;
    let pushes_max = CREDIT_BYTES_MAX / per_push + 1;
    for id in 0..pushes_max + 10 {
        w.append(connection(2), id, "s", &big_batch(900_000));
    }
    assert_eq!(pushes(&w.heard(c, 1)) as u64, pushes_max);
}

#[test]
fn d17_a_socket_that_takes_nothing_is_given_little() {
    let mut w = big_stream(20);
    let (slow, fast) = (connection(1), connection(2));
    w.hold(Hold::Output);
    w.open_read(slow, 1, "s", from_seq(0), MUCH);
    assert_eq!(pushes(&w.take_said(slow).into_iter().map(|(_, said)| said).collect::<Vec<_>>()), 2);
    assert!(w.unsent(slow) >= CONNECTION_OUTPUT_BYTES_MAX && w.unsent(slow) < 2 * CONNECTION_OUTPUT_BYTES_MAX);
    assert!(w.stopped.is_empty(), "its requests are still read");
    w.append(fast, 1, "s", &batch(&["x"]));
    assert_eq!(w.heard(fast, 1), [Said::ack(20, 21)], "and it stalls nobody");
    let mut rest = 0;
    for _ in 0..30 {
        w.send_output();
        rest += pushes(&w.heard(slow, 1));
    }
    assert_eq!(rest, 18, "everything once its socket takes it; the small one travels with the last big one");
}

fn closed(w: &mut World, readers: u64) -> Vec<ConnectionId> {
    let is_closed = |w: &mut World, c| w.take_said(c).iter().any(|(_, said)| *said == Said::Closed);
    (1..=readers).map(connection).filter(|c| is_closed(w, *c)).collect()
}

#[test]
fn s14_those_who_take_nothing_go_where_memory_for_reads_is_short() {
    let mut w = big_stream(2);
    w.hold(Hold::Output);
    // Two pushes each, a little longer than what is in them.
    let enough = LOADED_BYTES_SHORT as u64 / 1_805_000;
    for serial in 1..=enough {
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
    }
    let held = w.shard.counters().output_bytes;
    assert!(held <= LOADED_BYTES_SHORT as u64, "{held}");
    w.wait(2 * OUTPUT_STALL_MAX);
    assert_eq!(closed(&mut w, enough), [], "there is room for them");
    let readers = enough + 10;
    for serial in enough + 1..=readers {
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
        // As every other does but those, it takes something.
        w.turn(vec![Event::OutputSent { connection: connection(serial), bytes: 1 }]);
    }
    w.wait(OUTPUT_STALL_LOOK_PAUSE);
    let gone = closed(&mut w, readers);
    assert!(!gone.is_empty() && gone.iter().all(|c| *c < connection(enough + 1)), "{gone:?}");
    gone.into_iter().for_each(|c| w.close_connection(c));
    assert!(w.shard.counters().output_bytes <= LOADED_BYTES_SHORT as u64);
    w.wait(2 * OUTPUT_STALL_MAX);
    assert_eq!(closed(&mut w, readers), [], "no more than need be");
}

#[test]
fn sessions_of_a_connection_take_turns() {
    let mut w = big_stream(12);
    let c = connection(1);
    w.hold(Hold::Output);
    for id in 1..=3 {
        w.open_read(c, id, "s", from_seq(0), MUCH);
    }
    let mut order = Vec::new();
    for _ in 0..20 {
        let said = w.take_said(c);
        order.extend(said.iter().filter(|(_, said)| matches!(said, Said::Records { .. })).map(|(id, _)| *id));
        w.send_output();
    }
    assert_eq!(order.len(), 36);
    for window in order[2..32].windows(3) {
        let mut ids = window.to_vec();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3], "{order:?}");
    }
}

#[test]
fn p13_a_turn_is_bounded_however_many_follow() {
    let mut w = World::new();
    let followers = READ_TURN_PUSHES_MAX as u64 + 500;
    for serial in 0..followers {
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
        w.take_said(connection(serial));
    }
    w.hold(Hold::Writes);
    w.append(connection(9999), 1, "s", &batch(&["x"]));
    w.disk.complete(1);
    let before = w.shard.counters().pushes;
    w.one_turn(vec![crate::event::Event::BlockWritten { number: 1, outcome: Ok(()) }]);
    assert_eq!(w.shard.counters().pushes - before, READ_TURN_PUSHES_MAX as u64);
    assert_eq!(w.shard.next_timeout(), Some(w.now.monotonic), "the rest comes right after");
    w.turn(Vec::new());
    assert_eq!(w.shard.counters().pushes - before, followers);
}

#[test]
fn heartbeats_are_free_and_do_not_pile_up() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.open_read(c, 1, "s", from_seq(0), 0);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 0 }, Said::Heartbeat { tail: 0 }]);
    w.hold(Hold::Output);
    for id in 10..14 {
        w.open_read(c, id, "s", from_seq(0), MUCH);
    }
    w.fill("s", &["x"]);
    w.append(connection(2), 1, "s", &big_batch(600_000));
    w.append(connection(2), 2, "s", &big_batch(600_000));
    w.take_said(c);
    let unsent = w.unsent(c);
    assert!(unsent >= CONNECTION_OUTPUT_BYTES_MAX);
    w.wait(std::time::Duration::from_secs(600));
    assert_eq!(w.unsent(c), unsent);
}
