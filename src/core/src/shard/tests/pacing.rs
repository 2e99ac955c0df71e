//! Many followers of a busy stream get their records together.

use std::time::Duration;

use super::client::{MUCH, Said, batch, connection, from_seq};
use super::world::World;
use crate::event::{CloseWhen, Event};
use crate::limits::PUSH_DELAY_MAX;

const FOLLOWERS: u64 = 200;
const STEP: Duration = Duration::from_micros(100);
const PRODUCER: u64 = 1000;

/// Followers at the tail, and so many appends so close to each other that pushes are held.
fn dense() -> World {
    let mut w = World::new();
    w.create("s");
    for n in 0..FOLLOWERS {
        w.open_read(connection(n), 1, "s", from_seq(0), MUCH);
    }
    append_each_step(&mut w, 0, 150);
    w.wait(PUSH_DELAY_MAX);
    (0..FOLLOWERS).for_each(|n| drop(w.take_said(connection(n))));
    w
}

fn append_each_step(w: &mut World, first: u64, count: u64) {
    for id in first..first + count {
        w.append(connection(PRODUCER), id, "s", &batch(&["x"]));
        w.wait(STEP);
    }
}

fn records(heard: &[Said]) -> Vec<usize> {
    let of = |said: &Said| match said {
        Said::Records { bodies, .. } => bodies.len(),
        other => panic!("not records: {other:?}"),
    };
    heard.iter().map(of).collect()
}

#[test]
fn few_pushes_are_not_held() {
    let mut w = World::new();
    w.create("s");
    w.open_read(connection(0), 1, "s", from_seq(0), MUCH);
    w.heard(connection(0), 1);
    append_each_step(&mut w, 0, 150);
    assert_eq!(records(&w.heard(connection(0), 1)), [1; 150]);
}

#[test]
fn many_are_and_each_follower_gets_everything_within_the_delay() {
    let mut w = dense();
    append_each_step(&mut w, 150, 100);
    w.wait(PUSH_DELAY_MAX);
    for n in 0..FOLLOWERS {
        let pushes = records(&w.heard(connection(n), 1));
        assert_eq!(pushes.iter().sum::<usize>(), 100, "no gap and no repeat");
        assert!((10..=12).contains(&pushes.len()), "a push per millisecond: {pushes:?}");
    }
}

#[test]
fn records_that_are_held_leave_when_their_time_has_come_without_any_other_event() {
    let mut w = dense();
    for id in 150..153 {
        w.append(connection(PRODUCER), id, "s", &batch(&["x"]));
    }
    assert_eq!(w.heard(connection(0), 1), []);
    let until = w.shard.next_timeout().expect("a time is set");
    assert!(until <= w.now.monotonic + PUSH_DELAY_MAX);
    w.wait(until - w.now.monotonic);
    assert_eq!(records(&w.heard(connection(0), 1)), [3]);
}

#[test]
fn when_it_is_quiet_again_nothing_is_held() {
    let mut w = dense();
    w.wait(Duration::from_millis(20));
    for id in 150..160 {
        w.append(connection(PRODUCER), id, "s", &batch(&["x"]));
        w.wait(Duration::from_millis(20));
        let now = records(&w.heard(connection(0), 1));
        assert_eq!(now, [1]);
    }
}

/// A broker that stops sends what it has acknowledged before it turns followers away.
#[test]
fn a_stop_does_not_pass_held_records() {
    let mut w = dense();
    for id in 150..153 {
        w.append(connection(PRODUCER), id, "s", &batch(&["x"]));
    }
    assert_eq!(w.heard(connection(0), 1), []);
    w.turn(vec![Event::DrainRequested]);
    assert_eq!(records(&w.heard(connection(0), 1)[..1]), [3]);
}

/// Nobody is turned away before the last record is out.
#[test]
fn e6_followers_of_a_stream_that_is_deleted_get_what_was_held() {
    let mut w = dense();
    append_each_step(&mut w, 150, 5);
    w.append(connection(PRODUCER), 155, "s", &batch(&["last"]));
    w.close_stream(1, "s", CloseWhen::Always);
    w.delete_stream(2, "s");
    let heard = w.heard(connection(0), 1);
    let records: Vec<&Said> = heard.iter().filter(|said| matches!(said, Said::Records { .. })).collect();
    let bodies: usize =
        records.iter().map(|said| if let Said::Records { bodies, .. } = said { bodies.len() } else { 0 }).sum();
    assert_eq!(bodies, 7, "six, and the terminal trim: {heard:?}");
    assert!(matches!(heard.last(), Some(Said::Error { .. })), "{heard:?}");
}
