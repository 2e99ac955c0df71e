//! E8's race rule: a stream is closed for being empty only if it is, nothing is on its way, and nothing was written for long
//! enough.

use std::time::Duration;

use riverrun_protocol::types::Position;

use super::client::{batch, batch_of, connection, trim};
use super::world::{Hold, Told, World};
use crate::action::NotClosed;
use crate::event::CloseWhen;

const MIN_AGE: Duration = Duration::from_secs(10);

/// Whether the stream is closed.
fn closes(w: &mut World) -> bool {
    w.close_stream(1, "s", CloseWhen::Empty { min_age_ms: MIN_AGE.as_millis() as u64 });
    match &w.take_told()[..] {
        [Told::Closed { call: 1, outcome: Ok(_) }] => true,
        [Told::Closed { call: 1, outcome: Err(NotClosed::InUse) }] => false,
        other => panic!("{other:?}"),
    }
}

fn trim_all(w: &mut World) {
    w.append(connection(1), 1, "s", &batch_of(&[trim(u64::MAX)]));
}

#[test]
fn e8_a_stream_with_records_stays() {
    let mut w = World::new();
    w.fill("s", &["a"]);
    w.wait(2 * MIN_AGE);
    assert!(!closes(&mut w));
    w.append(connection(1), 1, "s", &batch(&["still open"]));
    assert_eq!(w.heard(connection(1), 1), [super::client::Said::ack(1, 2)]);
}

#[test]
fn e8_an_empty_stream_goes_when_its_last_write_is_old_enough() {
    let mut w = World::new();
    w.fill("s", &["a"]);
    trim_all(&mut w);
    w.wait(MIN_AGE - Duration::from_millis(1));
    assert!(!closes(&mut w));
    w.wait(Duration::from_millis(1));
    assert!(closes(&mut w));
}

#[test]
fn e8_the_age_of_a_stream_that_was_never_written_to_counts_from_its_creation() {
    let mut w = World::new();
    w.create("s");
    assert!(closes(&mut w), "created long ago");
}

#[test]
fn e8_what_is_on_its_way_keeps_a_stream() {
    let mut w = World::new();
    trim_all(&mut w);
    w.hold(Hold::Writes);
    w.wait(2 * MIN_AGE);
    trim_all(&mut w);
    w.wait(2 * MIN_AGE);
    assert!(!closes(&mut w), "accepted, and not stable");
    w.release(Hold::Writes);
    assert!(closes(&mut w));
}

#[test]
fn e8_an_append_that_waits_for_room_keeps_a_stream() {
    let mut w = super::backlog::small_backlog();
    trim_all(&mut w);
    w.publish();
    w.wait(2 * MIN_AGE);
    w.hold(Hold::Chunks);
    let _ = super::backlog::fill_backlog(&mut w, connection(2), "other");
    w.append(connection(3), 1, "s", &batch(&["a"]));
    assert!(!closes(&mut w));
    w.release(Hold::Chunks);
    assert_eq!(w.heard(connection(3), 1).len(), 1);
    assert!(!closes(&mut w), "and now it holds a record");
}

/// From the journal the last write is known; from chunks alone it is not, and then it counts as now: never too early.
#[test]
fn e8_a_restart_makes_no_stream_older_than_it_is() {
    let mut w = World::new();
    trim_all(&mut w);
    let wall_ms = w.now.wall_ms;
    let mut w = w.crash();
    assert_eq!(w.now.wall_ms, wall_ms);
    assert!(!closes(&mut w));
    w.wait(MIN_AGE);
    assert!(closes(&mut w));
    w.reopen_stream("s");
    w.publish();
    let mut w = w.crash();
    assert!(!closes(&mut w));
    w.wait(MIN_AGE);
    w.close_stream(2, "s", CloseWhen::Empty { min_age_ms: 10_000 });
    let tail = Position { seq_num: 1, timestamp: wall_ms };
    assert_eq!(w.take_told(), [Told::Closed { call: 2, outcome: Ok(tail) }]);
}

/// A wall clock that jumps ahead does not make a stream old.
#[test]
fn e8_both_clocks_must_say_that_the_last_write_is_old_enough() {
    let mut w = World::new();
    trim_all(&mut w);
    w.now.wall_ms += 10 * MIN_AGE.as_millis() as u64;
    assert!(!closes(&mut w));
    w.wait(MIN_AGE);
    assert!(closes(&mut w));
}
