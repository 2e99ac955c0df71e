//! B9: a refusal reveals what the stream holds, and is not said before that is stable.

use riverrun_protocol::error::ErrorCode;

use super::client::{Said, batch, batch_of, conditions, connection, fence};
use super::world::{Hold, World};
use crate::event::Event;

/// `b` is refused by a fence, and by a number, that are not stable.
fn refused_too_early() -> World {
    let mut w = World::new();
    w.create("s");
    w.check_tail(connection(9), 1, "s");
    w.hold(Hold::Writes);
    w.append(connection(1), 1, "s", &batch_of(&[fence("secret")]));
    w.append_if(connection(2), 1, "s", conditions(Some("mine"), None), &batch(&["never"]));
    w.append_if(connection(2), 2, "s", conditions(None, Some(0)), &batch(&["never"]));
    assert_eq!(w.take_said(connection(2)), []);
    w
}

#[test]
fn b9_a_refusal_waits_until_what_it_reveals_is_stable() {
    let mut w = refused_too_early();
    w.release(Hold::Writes);
    assert_eq!(w.heard(connection(2), 1), [Said::fenced("secret")]);
    assert_eq!(w.heard(connection(2), 2), [Said::SeqNumMismatch { next: 1 }]);
}

#[test]
fn b9_where_that_never_becomes_stable_the_client_hears_of_the_failure() {
    let mut w = refused_too_early();
    w.fail_write(1);
    assert_eq!(w.heard(connection(1), 1), [Said::maybe_done(ErrorCode::Storage)]);
    for id in [1, 2] {
        assert_eq!(w.heard(connection(2), id), [Said::refused(ErrorCode::Storage)], "nothing was accepted");
    }
}

#[test]
fn b9_a_lost_fence_was_never_there() {
    let mut w = refused_too_early().crash();
    let c = connection(3);
    w.append_if(c, 1, "s", conditions(Some(""), Some(0)), &batch(&["a"]));
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1)]);
}

#[test]
fn b9_a_fence_reveals_nothing_of_the_records_behind_it() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.append(a, 1, "s", &batch_of(&[fence("token")]));
    w.hold(Hold::Writes);
    w.append(a, 2, "s", &batch(&["unstable"]));
    w.append_if(b, 1, "s", conditions(Some("mine"), None), &batch(&["never"]));
    assert_eq!(w.heard(b, 1), [Said::fenced("token")], "the fence is stable, and nothing else is told");
    w.append_if(b, 2, "s", conditions(None, Some(1)), &batch(&["never"]));
    assert_eq!(w.heard(b, 2), [], "the number counts what is not");
    w.release(Hold::Writes);
    assert_eq!(w.heard(b, 2), [Said::SeqNumMismatch { next: 2 }]);
}

#[test]
fn b9_a_session_is_poisoned_at_once_and_told_behind_its_acks() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.open_append(b, 7, "s");
    w.hold(Hold::Writes);
    w.input(b, 7, &batch(&["first"]));
    w.append(a, 1, "s", &batch_of(&[fence("token")]));
    w.input_if(b, 7, conditions(Some(""), None), &batch(&["never"]));
    w.input(b, 7, &batch(&["never either"]));
    w.complete_write(1);
    assert_eq!(w.heard(b, 7), [Said::Opened { tail: 0 }, Said::ack(0, 1)], "the fence is not stable yet");
    w.complete_writes();
    assert_eq!(w.heard(b, 7), [Said::fenced("token")]);
    w.check_tail(a, 2, "s");
    assert!(matches!(w.heard(a, 2)[..], [Said::Tail { seq_num: 2, .. }]));
}

#[test]
fn b9_a_session_with_nothing_accepted_knows_that_nothing_was_done() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.open_append(b, 7, "s");
    w.hold(Hold::Writes);
    w.append(a, 1, "s", &batch_of(&[fence("token")]));
    w.input_if(b, 7, conditions(Some(""), None), &batch(&["never"]));
    w.fail_write(1);
    assert_eq!(w.heard(b, 7), [Said::Opened { tail: 0 }, Said::refused(ErrorCode::Storage)]);
}

/// A standard stream's records are stable when they are stored.
#[test]
fn b9_a_standard_streams_refusals_wait_for_the_store() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.create_standard("s");
    w.hold(Hold::Chunks);
    w.append(a, 1, "s", &batch_of(&[fence("token")]));
    w.append_if(b, 1, "s", conditions(Some(""), None), &batch(&["never"]));
    assert_eq!(w.heard(b, 1), []);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(b, 1), [Said::fenced("token")]);
}

#[test]
fn b9_a_refusal_is_still_said_while_the_server_drains() {
    let mut w = refused_too_early();
    w.turn(vec![Event::DrainRequested]);
    w.release(Hold::Writes);
    assert_eq!(w.heard(connection(2), 1), [Said::fenced("secret")]);
    assert!(w.drained);
}

#[test]
fn a_closed_connection_leaves_no_refusal_behind() {
    let mut w = refused_too_early();
    w.close_connection(connection(2));
    assert!(w.shard.held_refusals.is_empty());
    w.release(Hold::Writes);
    assert_eq!(w.take_said(connection(2)), []);
}
