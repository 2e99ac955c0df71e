//! What must hold for a batch to get numbers: B2, B3, B9, B10, B11.

use riverrun_protocol::batch::Record;
use riverrun_protocol::config::TimestampingMode;
use riverrun_protocol::error::ErrorCode;

use super::client::{Said, batch, batch_at, batch_of, conditions, connection, data, fence};
use super::world::{Hold, World};

fn seq_num(seq_num: u64) -> riverrun_protocol::request::AppendConditions {
    conditions(None, Some(seq_num))
}

#[test]
fn b3_match_seq_num_is_the_first_number_of_the_batch() {
    let mut w = World::new();
    let c = connection(1);
    w.append_if(c, 1, "s", seq_num(0), &batch(&["a", "b"]));
    w.append_if(c, 2, "s", seq_num(2), &batch(&["c"]));
    w.append_if(c, 3, "s", seq_num(2), &batch(&["never"]));
    w.append_if(c, 4, "s", seq_num(4), &batch(&["never"]));
    assert_eq!(w.heard(c, 1), [Said::ack(0, 2)]);
    assert_eq!(w.heard(c, 2), [Said::ack(2, 3)]);
    assert_eq!(w.heard(c, 3), [Said::SeqNumMismatch { next: 3 }]);
    assert_eq!(w.heard(c, 4), [Said::SeqNumMismatch { next: 3 }]);
}

#[test]
fn b3_the_next_number_counts_what_is_accepted_and_not_yet_durable() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.hold(Hold::Writes);
    w.append(a, 1, "s", &batch(&["a"]));
    w.append_if(b, 1, "s", seq_num(1), &batch(&["b"]));
    w.append_if(b, 2, "s", seq_num(1), &batch(&["never"]));
    w.release(Hold::Writes);
    assert_eq!(w.heard(b, 1), [Said::ack(1, 2)]);
    assert_eq!(w.heard(b, 2), [Said::SeqNumMismatch { next: 2 }]);
}

#[test]
fn b3_of_two_failed_conditions_the_fencing_token_is_told() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch_of(&[fence("new")]));
    w.append_if(c, 2, "s", conditions(Some("old"), Some(7)), &batch(&["never"]));
    w.append_if(c, 3, "s", conditions(Some("new"), Some(7)), &batch(&["never"]));
    w.append_if(c, 4, "s", conditions(Some("new"), Some(1)), &batch(&["a"]));
    assert_eq!(w.heard(c, 2), [Said::fenced("new")]);
    assert_eq!(w.heard(c, 3), [Said::SeqNumMismatch { next: 1 }]);
    assert_eq!(w.heard(c, 4), [Said::ack(1, 2)]);
}

#[test]
fn b3_a_missing_timestamp_refuses_the_whole_batch_behind_the_conditions() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.reconfigure("s", |config| config.timestamping_mode = TimestampingMode::ClientRequire);
    let mixed = batch_of(&[Record { timestamp: Some(5), ..data("a") }, data("b")]);
    w.append_if(c, 1, "s", seq_num(9), &mixed);
    w.append(c, 2, "s", &mixed);
    w.append(c, 3, "s", &batch_at(&[5, 6]));
    assert_eq!(w.heard(c, 1), [Said::SeqNumMismatch { next: 0 }]);
    assert_eq!(w.heard(c, 2), [Said::refused(ErrorCode::Invalid)]);
    assert_eq!(w.heard(c, 3), [Said::ack(0, 2)], "nothing of the refused ones got a number");
}

#[test]
fn b10_ok_ok_fail_ok_makes_two_acks_one_refusal_and_nothing_more() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    w.input_if(c, 7, seq_num(0), &batch(&["a"]));
    w.input_if(c, 7, seq_num(1), &batch(&["b"]));
    w.input_if(c, 7, seq_num(1), &batch(&["never"]));
    w.input_if(c, 7, seq_num(2), &batch(&["never either"]));
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }]);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 7), [Said::ack(0, 1), Said::ack(1, 2), Said::SeqNumMismatch { next: 2 }]);
    w.input(c, 7, &batch(&["late"]));
    assert_eq!(w.heard(c, 7), []);
    w.check_tail(c, 8, "s");
    assert!(matches!(w.heard(c, 8)[..], [Said::Tail { seq_num: 2, .. }]));
}

/// B2: conditions are asked when the batch's turn comes, not when it begins to wait for room.
#[test]
fn b2_a_batch_that_waits_is_checked_when_it_is_let_in() {
    let mut w = super::backlog::small_backlog();
    let (filler, c) = (connection(1), connection(2));
    w.create("s");
    w.hold(Hold::Chunks);
    let ahead = super::backlog::fill_backlog(&mut w, filler, "s");
    w.append_if(c, 1, "s", seq_num(ahead), &batch(&["a"]));
    w.append_if(c, 2, "s", seq_num(ahead), &batch(&["never"]));
    w.append_if(c, 3, "s", seq_num(ahead + 1), &batch(&["b"]));
    assert_eq!(w.take_said(c), [], "they wait");
    w.release(Hold::Chunks);
    assert!(matches!(w.heard(c, 1)[..], [Said::Ack { start, .. }] if start == ahead));
    assert_eq!(w.heard(c, 2), [Said::SeqNumMismatch { next: ahead + 1 }]);
    assert_eq!(w.heard(c, 3), [Said::ack(ahead + 1, ahead + 2)]);
}

#[test]
fn b10_inputs_that_wait_behind_a_refused_one_are_discarded() {
    let mut w = super::backlog::small_backlog();
    let (filler, c) = (connection(1), connection(2));
    w.create("s");
    w.open_append(c, 7, "s");
    w.hold(Hold::Chunks);
    let ahead = super::backlog::fill_backlog(&mut w, filler, "s");
    w.input(c, 7, &batch(&["a"]));
    w.input_if(c, 7, seq_num(0), &batch(&["never"]));
    w.input(c, 7, &batch(&["never either"]));
    w.close_append(c, 7);
    w.take_said(c);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 7), [Said::ack(ahead, ahead + 1), Said::SeqNumMismatch { next: ahead + 1 }]);
    assert_eq!(w.shard.counters().append_sessions, 0);
    w.check_tail(c, 8, "s");
    assert!(matches!(w.heard(c, 8)[..], [Said::Tail { seq_num, .. }] if seq_num == ahead + 1));
}

/// A refusal on arrival poisons the session behind those that wait: they were received before it.
#[test]
fn b10_inputs_that_wait_before_a_refused_one_are_accepted() {
    let mut w = super::backlog::small_backlog();
    let (filler, c) = (connection(1), connection(2));
    w.create("s");
    w.open_append(c, 7, "s");
    w.hold(Hold::Chunks);
    let ahead = super::backlog::fill_backlog(&mut w, filler, "s");
    w.input(c, 7, &batch(&["a"]));
    let mut damaged = batch(&["damaged"]);
    *damaged.last_mut().unwrap() ^= 1;
    w.input(c, 7, &damaged);
    w.take_said(c);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 7), [Said::ack(ahead, ahead + 1), Said::refused(ErrorCode::BadFrame)]);
}
