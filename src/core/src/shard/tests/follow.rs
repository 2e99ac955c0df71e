//! C6, C8, C13: from history to live in one session, heartbeats, many followers.

use std::time::Duration;

use riverrun_protocol::request::ReadStart;

use super::client::{MUCH, Said, batch, connection, from, from_seq, input_request};
use super::world::{Hold, World};
use crate::event::{BatchBytes, Event};

fn tail() -> riverrun_protocol::request::ReadParams {
    from(ReadStart::TailOffset(0))
}

#[test]
fn c6_history_then_live_without_gap_or_repeat() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a", "b"]);
    w.open_read(c, 1, "s", from_seq(1), MUCH);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 2 }, Said::records(1, &["b"]), Said::Heartbeat { tail: 2 }]);
    w.fill("s", &["c"]);
    w.fill("s", &["d"]);
    assert_eq!(w.heard(c, 1), [Said::live(2, &["c"], 3), Said::live(3, &["d"], 4)]);
}

#[test]
fn c8_batches_that_become_stable_together_are_pushed_together() {
    let mut w = World::new();
    let (c, producer) = (connection(1), connection(2));
    w.open_read(c, 1, "s", tail(), MUCH);
    w.open_append(producer, 1, "s");
    w.take_said(c);
    let (a, b) = (batch(&["a", "b"]), batch(&["c"]));
    let input = |batch| Event::RequestReceived {
        connection: producer,
        id: 1,
        request: input_request(BatchBytes::Borrowed(batch)),
    };
    w.turn(vec![input(&a), input(&b)]);
    assert_eq!(w.heard(c, 1), [Said::live(0, &["a", "b", "c"], 3)]);
}

#[test]
fn c8_an_idle_follower_hears_a_heartbeat_every_5_to_15_seconds() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", tail(), MUCH);
    w.take_said(c);
    let mut pauses = Vec::new();
    let mut last = w.now.monotonic;
    while pauses.len() < 50 {
        let at = w.shard.next_timeout().expect("a follower is never without a timer");
        w.wait(at - w.now.monotonic);
        if w.heard(c, 1) == [Said::Heartbeat { tail: 0 }] {
            pauses.push(w.now.monotonic - last);
            last = w.now.monotonic;
        }
    }
    assert!(pauses.iter().all(|pause| (5..15).contains(&pause.as_secs())), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 40, "fresh and random each time");
}

#[test]
fn c8_records_count_as_a_sign_of_life() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", tail(), MUCH);
    for _ in 0..30 {
        w.wait(Duration::from_secs(4));
        w.fill("s", &["x"]);
    }
    let heartbeats = w.heard(c, 1).iter().filter(|said| matches!(said, Said::Heartbeat { .. })).count();
    assert_eq!(heartbeats, 1, "the one on entering");
}

#[test]
fn c8_no_heartbeat_while_records_below_the_tail_are_undelivered() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), 1);
    w.fill("s", &["a"]);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 0 }, Said::Heartbeat { tail: 0 }, Said::live(0, &["a"], 1)]);
    w.fill("s", &["b"]);
    w.wait(Duration::from_secs(60));
    assert_eq!(w.heard(c, 1), [], "no credit, so no records, and so no heartbeat");
    w.grant(c, 1, MUCH);
    assert_eq!(w.heard(c, 1), [Said::live(1, &["b"], 2)]);
    w.wait(Duration::from_secs(15));
    assert_eq!(w.heard(c, 1), [Said::Heartbeat { tail: 2 }]);
}

#[test]
fn c8_a_heartbeat_that_found_no_room_is_sent_when_there_is_some() {
    let mut w = World::new();
    let c = connection(1);
    for id in 1..=3 {
        w.open_read(c, id, "quiet", tail(), MUCH);
    }
    w.open_read(c, 4, "s", tail(), MUCH);
    w.hold(Hold::Output);
    for body in ["a", "b", "c"] {
        w.fill("s", &[&body.repeat(500_000)]);
    }
    w.take_said(c);
    assert!(w.unsent(c) > 1 << 20);
    w.close_read(c, 3);
    w.wait(Duration::from_secs(15));
    w.close_read(c, 2);
    assert_eq!((w.heard(c, 1), w.heard(c, 2), w.heard(c, 3)), (vec![], vec![Said::Ended], vec![Said::Ended]));
    w.send_output();
    assert_eq!(w.heard(c, 1), [Said::Heartbeat { tail: 0 }], "at once");
    w.wait(Duration::from_secs(4));
    assert_eq!(w.heard(c, 1), []);
    w.release(Hold::Output);
    w.wait(Duration::from_secs(11));
    assert!(!w.heard(c, 1).is_empty(), "and then as before");
}

#[test]
fn followers_of_a_standard_stream_are_woken_when_something_is_stable() {
    let mut w = World::new();
    w.create_standard("s");
    let c = connection(1);
    w.open_read(c, 1, "s", tail(), MUCH);
    w.take_said(c);
    w.hold(Hold::Chunks);
    w.fill("s", &["a"]);
    assert_eq!((w.shard.counters().followers, w.heard(c, 1)), (1, vec![]));
    let woken = |w: &World| w.shard.readers.keys().any(|key| w.shard.readers[key].at_tail_index.is_none());
    w.hold(Hold::Writes);
    w.append(connection(2), 1, "s", &batch(&["b"]));
    let number = w.disk.unwritten()[0];
    let mut actions = Vec::new();
    let now = w.now;
    w.disk.complete(number);
    w.shard.handle(now, Event::BlockWritten { number, outcome: Ok(()) }, &mut actions);
    assert!(!woken(&w), "durable in the journal is not stable");
    w.release(Hold::Writes);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 1), [Said::live(0, &["a"], 1), Said::live(1, &["b"], 2)]);
}

#[test]
fn c8_a_follower_that_fell_far_behind_is_told_when_it_is_back() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), 1);
    w.fill("s", &["a"]);
    w.take_said(c);
    let thousand = batch(&["x"; 1000]);
    for id in 1..=26 {
        w.append(connection(2), id, "s", &thousand);
    }
    w.grant(c, 1, MUCH);
    let heard = w.heard(c, 1);
    assert_eq!(heard.len(), 27);
    let catches_up = heard[..26].iter().all(|said| matches!(said, Said::Records { tail: None, .. }));
    assert!(catches_up, "25 batches behind, it catches up");
    assert_eq!(heard[26], Said::Heartbeat { tail: 26_001 });
}

#[test]
fn every_follower_of_a_stream_gets_everything_and_others_nothing() {
    let mut w = World::new();
    w.fill("s", &["a"]);
    for serial in 0..300 {
        w.open_read(connection(serial), 1, if serial % 3 == 0 { "other" } else { "s" }, tail_of("s"), MUCH);
        w.take_said(connection(serial));
    }
    assert_eq!(w.shard.counters().followers, 300);
    w.fill("s", &["b"]);
    for serial in 0..300 {
        let expected = if serial % 3 == 0 { vec![] } else { vec![Said::live(1, &["b"], 2)] };
        assert_eq!(w.heard(connection(serial), 1), expected, "{serial}");
    }
}

fn tail_of(_stream: &str) -> riverrun_protocol::request::ReadParams {
    tail()
}

#[test]
fn followers_come_and_go_in_any_order() {
    let mut w = World::new();
    for serial in 0..5 {
        w.open_read(connection(serial), 1, "s", tail(), MUCH);
        w.take_said(connection(serial));
    }
    w.close_read(connection(0), 1);
    assert_eq!(w.heard(connection(0), 1), [Said::Ended]);
    w.close_connection(connection(4));
    w.close_connection(connection(2));
    w.fill("s", &["a"]);
    for serial in [1, 3] {
        assert_eq!(w.heard(connection(serial), 1), [Said::live(0, &["a"], 1)], "{serial}");
    }
    for serial in [0, 2, 4] {
        assert_eq!(w.take_said(connection(serial)), [], "{serial}");
    }
    assert_eq!((w.shard.counters().readers, w.shard.counters().followers), (2, 2));
}

#[test]
fn p5_a_follower_sees_a_batch_when_all_before_it_are_durable() {
    let mut w = World::new();
    let (c, producer) = (connection(1), connection(2));
    w.open_read(c, 1, "s", tail(), MUCH);
    w.take_said(c);
    w.hold(Hold::Writes);
    w.append(producer, 1, "s", &batch(&["a"]));
    w.append(producer, 2, "s", &batch(&["b"]));
    w.complete_write(2);
    assert_eq!(w.heard(c, 1), []);
    w.complete_write(1);
    assert_eq!(w.heard(c, 1), [Said::live(0, &["a", "b"], 2)]);
}

#[test]
fn closing_a_session_that_just_ended_is_no_error() {
    let mut w = World::new();
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.close_read(c, 1);
    w.take_said(c);
    w.close_read(c, 1);
    w.grant(c, 1, 5);
    assert_eq!(w.take_said(c), []);
}
