//! C7: how long a session waits at the tail.

use std::time::Duration;

use riverrun_protocol::request::ReadParams;

use super::client::{MUCH, Said, connection, from_seq};
use super::world::World;

fn waiting(secs: u32) -> ReadParams {
    ReadParams { wait_secs: Some(secs), ..from_seq(0) }
}

fn open(params: ReadParams, bodies: &[&str]) -> World {
    let mut w = World::new();
    w.create("s");
    w.fill("s", bodies);
    w.open_read(connection(1), 1, "s", params, MUCH);
    w
}

#[test]
fn c7_without_bounds_and_wait_it_waits_for_ever() {
    let mut w = open(from_seq(0), &["a"]);
    w.wait(Duration::from_secs(86_400));
    assert_eq!(w.shard.counters().followers, 1);
}

#[test]
fn c7_wait_zero_without_bounds_catches_up_and_ends_cleanly() {
    let mut w = open(waiting(0), &["a", "b"]);
    let expected = [Said::Opened { tail: 2 }, Said::records(0, &["a", "b"]), Said::Ended];
    assert_eq!(w.heard(connection(1), 1), expected, "no 416, no heartbeat");
    let mut w = open(waiting(0), &[]);
    assert_eq!(w.heard(connection(1), 1), [Said::Opened { tail: 0 }, Said::Ended]);
}

#[test]
fn c7_wait_zero_with_bounds_does_not_wait() {
    let mut w = open(ReadParams { count: Some(9), ..waiting(0) }, &["a"]);
    assert_eq!(w.heard(connection(1), 1), [Said::Opened { tail: 1 }, Said::records(0, &["a"]), Said::Ended]);
}

#[test]
fn c7_the_wait_is_a_gap_between_records_not_a_total() {
    let mut w = open(ReadParams { count: Some(9), ..waiting(4) }, &["a"]);
    let c = connection(1);
    for _ in 0..3 {
        w.wait(Duration::from_secs(3));
        w.fill("s", &["x"]);
    }
    w.take_said(c);
    w.wait(Duration::from_millis(3999));
    assert_eq!(w.heard(c, 1), []);
    w.wait(Duration::from_millis(1));
    assert_eq!(w.heard(c, 1), [Said::Ended]);
}

#[test]
fn c7_heartbeats_do_not_move_the_deadline() {
    let mut w = open(waiting(40), &[]);
    w.wait(Duration::from_secs(40));
    let heard = w.heard(connection(1), 1);
    assert!(heard.len() >= 4, "{heard:?}");
    assert_eq!(heard.last(), Some(&Said::Ended));
}

#[test]
fn c7_the_deadline_ends_nothing_while_records_are_to_come() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.open_read(c, 1, "s", waiting(2), 1);
    w.take_said(c);
    w.fill("s", &["b"]);
    w.wait(Duration::from_secs(10));
    assert_eq!(w.heard(c, 1), [], "it has no credit");
    w.grant(c, 1, MUCH);
    assert_eq!(w.heard(c, 1), [Said::live(1, &["b"], 2)], "and the delivery pushed the deadline out");
    w.wait(Duration::from_secs(2));
    assert_eq!(w.heard(c, 1), [Said::Ended]);
}
