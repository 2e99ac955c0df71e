//! Slow readers: credit, output that the socket does not take, and fairness.

use riverrun_protocol::limits::CREDIT_BYTES_MAX;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq};
use super::world::{Hold, World};
use crate::event::{ConnectionId, Event};
use crate::limits::{
    ANSWER_BYTES_MIN, CONNECTION_OUTPUT_BYTES_MAX, CONNECTION_OUTPUT_BYTES_STOP, OUTPUT_OVER_STALL_MAX,
    OUTPUT_SHORT_EIGHTHS, OUTPUT_STALL_LOOK_PAUSE, OUTPUT_STALL_MAX, PUSH_BYTES_MIN, READ_TURN_PUSHES_MAX,
};

const OUTPUT_BYTES_MAX: u64 = 64 << 20;
const OUTPUT_BYTES_SHORT: u64 = OUTPUT_BYTES_MAX / 8 * OUTPUT_SHORT_EIGHTHS;
/// The answer that opens a session, as a frame.
const OPENED_BYTES: u64 = 56;

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

/// Readers from `first` on, of a stream of pushes of half a megabyte, whose sockets take nothing but the answer that opens them.
fn stall(w: &mut World, first: u64, readers: u64) {
    for serial in first..first + readers {
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
        w.turn(vec![Event::OutputSent { connection: connection(serial), bytes: OPENED_BYTES }]);
    }
}

fn take_a_byte(w: &mut World, serial: u64) {
    w.turn(vec![Event::OutputSent { connection: connection(serial), bytes: 1 }]);
}

fn half_megabytes(batches: u64) -> World {
    let mut w = World::new();
    let c = connection(9999);
    for id in 1..=batches {
        w.append(c, id, "s", &big_batch(500_000));
    }
    w.take_said(c);
    w.hold(Hold::Output);
    w
}

#[test]
fn s14_what_waits_for_sockets_is_shared_by_those_who_take_nothing() {
    let mut w = half_megabytes(8);
    stall(&mut w, 1, 40);
    let first = w.unsent(connection(1));
    assert!(first >= CONNECTION_OUTPUT_BYTES_MAX, "{first}: there is room enough");
    stall(&mut w, 41, 80);
    let (held, last) = (w.shard.counters().output_bytes, w.unsent(connection(120)));
    assert!((500_000..510_000).contains(&last), "one push: {last}");
    assert!(held > OUTPUT_BYTES_MAX && held <= OUTPUT_BYTES_MAX + 80 * 500_200, "{held}");
    let fast = connection(5000);
    w.open_read(fast, 1, "s", from_seq(0), MUCH);
    assert_eq!(pushes_in_turn(&mut w, fast), 8, "beside them one that takes what it is given gets everything");
}

/// How many one that takes what it is given gets, one at a time.
fn pushes_in_turn(w: &mut World, fast: ConnectionId) -> usize {
    let mut got = 0;
    for _ in 0..=8 {
        got += pushes(&w.heard(fast, 1));
        let bytes = w.unsent(fast);
        w.turn(vec![Event::OutputSent { connection: fast, bytes }]);
    }
    got
}

#[test]
fn s14_one_push_for_each_of_very_many_is_too_much_as_well() {
    let mut w = half_megabytes(8);
    stall(&mut w, 1, 250);
    let held = w.shard.counters().output_bytes;
    assert!((2 * OUTPUT_BYTES_MAX..2 * OUTPUT_BYTES_MAX + 600_000).contains(&held), "{held}");
    let fast = connection(5000);
    w.open_read(fast, 1, "s", from_seq(0), MUCH);
    assert_eq!(pushes_in_turn(&mut w, fast), 0, "nobody is given more");
    assert_eq!(w.shard.next_timeout().map(|at| at > w.now.monotonic), Some(true), "nor asked for in vain");
    w.wait(OUTPUT_OVER_STALL_MAX + OUTPUT_STALL_LOOK_PAUSE);
    let gone = closed(&mut w, 250);
    assert!(!gone.is_empty() && gone.len() < 100, "those who hold most: {}", gone.len());
    gone.into_iter().for_each(|c| w.close_connection(c));
    assert_eq!(pushes_in_turn(&mut w, fast), 8);
    assert!(w.shard.counters().output_bytes <= 2 * OUTPUT_BYTES_MAX + 600_000);
}

/// So many answers wait for one that takes none when it is not read from any more.
fn answers_until_stopped(w: &mut World, c: ConnectionId) -> u64 {
    for id in 1.. {
        w.check_tail(c, id, "s");
        if w.stopped.contains(&c) {
            break;
        }
        assert!(w.unsent(c) <= CONNECTION_OUTPUT_BYTES_STOP, "it is read from without an end");
    }
    w.unsent(c)
}

/// Dozens of clients that ask, and take the answers just fast enough, left nobody a push.
#[test]
fn s14_answers_leave_room_for_pushes_where_little_more_may_wait() {
    let mut w = half_megabytes(8);
    let answer_bytes = 1 << 10;
    assert!(answers_until_stopped(&mut w, connection(4001)) > CONNECTION_OUTPUT_BYTES_STOP / 2, "there is room");
    stall(&mut w, 1, 130);
    assert!(w.shard.is_output_short());
    let waiting = answers_until_stopped(&mut w, connection(4002));
    assert!((ANSWER_BYTES_MIN..ANSWER_BYTES_MIN + answer_bytes).contains(&waiting), "{waiting}");
    let taken = Event::OutputSent { connection: connection(4002), bytes: waiting / 2 + answer_bytes };
    w.turn(vec![taken]);
    assert!(!w.stopped.contains(&connection(4002)), "it goes on with half of it taken");
    assert!(!w.stopped.contains(&connection(130)), "pushes alone stop nobody's requests");
}

/// What its driver keeps back of a connection may be a byte (S14): one push more for each such connection would be no limit.
#[test]
fn s14_a_byte_that_waits_for_room_is_followed_by_nothing_where_output_is_short() {
    let mut w = half_megabytes(8);
    let waiting = connection(5000);
    w.append(connection(9999), 100, "t", &batch(&["x"]));
    w.open_read(waiting, 1, "t", from_seq(0), MUCH);
    let first = w.unsent(waiting);
    w.turn(vec![Event::OutputSent { connection: waiting, bytes: first - 1 }]);
    for serial in 1..400 {
        stall(&mut w, serial, 1);
        if w.shard.is_output_short() {
            break;
        }
    }
    assert!(w.shard.is_output_short() && w.shard.counters().output_bytes < OUTPUT_BYTES_MAX + 600_000);
    w.take_said(waiting);
    w.append(connection(9999), 101, "t", &batch(&["y"]));
    assert_eq!(w.take_said(waiting), []);
    w.turn(vec![Event::OutputSent { connection: waiting, bytes: 1 }]);
    assert_eq!(pushes(&w.heard(waiting, 1)), 1, "it has room");
}

#[test]
fn s14_small_records_travel_in_small_pushes_where_little_may_wait() {
    let mut w = half_megabytes(1);
    for id in 0..200 {
        w.append(connection(9999), 100 + id, "s", &big_batch(1_000));
    }
    stall(&mut w, 1, 600);
    let fast = connection(5000);
    w.open_read(fast, 1, "s", from_seq(1), MUCH);
    assert!(w.unsent(fast) <= PUSH_BYTES_MIN + 4_000, "{}", w.unsent(fast));
}

/// While all of 11 to 110 take a byte now and then.
fn first_closed(w: &mut World) -> Vec<ConnectionId> {
    loop {
        (11..=110).for_each(|serial| take_a_byte(w, serial));
        w.wait(OUTPUT_STALL_LOOK_PAUSE);
        let gone = closed(w, 110);
        if !gone.is_empty() {
            return gone;
        }
    }
}

#[test]
fn s14_those_who_take_nothing_go_where_little_more_may_wait() {
    let mut w = half_megabytes(4);
    // Half a megabyte and more for each.
    stall(&mut w, 1, 10);
    w.wait(2 * OUTPUT_STALL_MAX);
    assert_eq!(closed(&mut w, 10), [], "there is room for them");
    stall(&mut w, 11, 100);
    assert!(w.shard.counters().output_bytes > OUTPUT_BYTES_SHORT);
    // These take something now and then, as every other does but the first.
    let gone = first_closed(&mut w);
    assert_eq!(gone, (1..=10).map(connection).collect::<Vec<_>>());
    gone.into_iter().for_each(|c| w.close_connection(c));
    assert!(w.shard.counters().output_bytes > OUTPUT_BYTES_SHORT, "more have to go");
    // So little that their sockets could be said to take nothing.
    let gone = first_closed(&mut w);
    assert!(gone.len() < 100, "{}", gone.len());
    gone.into_iter().for_each(|c| w.close_connection(c));
    let left = w.shard.counters().output_bytes;
    assert!((OUTPUT_BYTES_SHORT - 2_000_000..=OUTPUT_BYTES_SHORT).contains(&left), "no more than need be: {left}");
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
