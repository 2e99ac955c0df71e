//! B10: pipelined inputs, ordered acks, the first refusal poisons.

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::limits::CONNECTION_REQUESTS_MAX;

use super::client::{Said, batch, connection, input_request, target};
use super::world::{BASIN, Hold, WALL_MS, World};
use crate::event::{AppendRights, BatchBytes, Event, LoadFailure, ShardRequest};
use crate::limits::DEAD_SESSIONS_MAX;

fn damaged() -> bytes::BytesMut {
    let mut batch = batch(&["damaged"]);
    *batch.last_mut().unwrap() ^= 1;
    batch
}

#[test]
fn b10_inputs_are_pipelined_and_acknowledged_in_order() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    for body in ["a", "b", "c", "d"] {
        w.input(c, 7, &batch(&[body]));
    }
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }]);
    for number in [4, 3, 2] {
        w.complete_write(number);
    }
    assert_eq!(w.heard(c, 7), []);
    w.complete_write(1);
    let tail = |start| Said::ack(start, start + 1);
    assert_eq!(w.heard(c, 7), [tail(0), tail(1), tail(2), tail(3)]);
}

#[test]
fn b10_a_refusal_comes_behind_earlier_acks_and_discards_what_follows() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    w.input(c, 7, &batch(&["a"]));
    w.input(c, 7, &damaged());
    w.input(c, 7, &batch(&["never"]));
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }], "the refusal waits for the ack before it");
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 7), [Said::ack(0, 1), Said::refused(ErrorCode::BadFrame)]);
    w.input(c, 7, &batch(&["never either"]));
    assert_eq!(w.heard(c, 7), [], "late inputs are discarded without a word");
    w.check_tail(c, 8, "s");
    assert_eq!(w.heard(c, 8), [Said::Tail { seq_num: 1, timestamp: WALL_MS }]);
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), [], "it ended already");
    w.input(c, 7, &batch(&["x"]));
    assert_eq!(w.heard(c, 7), [Said::refused(ErrorCode::BadSession)], "now the id is forgotten");
}

#[test]
fn b10_a_refusal_with_nothing_before_it_is_said_at_once() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.input(c, 7, &damaged());
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }, Said::refused(ErrorCode::BadFrame)]);
}

#[test]
fn b10_closing_ends_it_behind_the_last_ack() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    w.input(c, 7, &batch(&["a"]));
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }]);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 7), [Said::ack(0, 1), Said::Ended]);
    assert_eq!(w.shard.counters().append_sessions, 0);
}

#[test]
fn b10_without_inputs_it_ends_with_nothing_but_the_end() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }, Said::Ended]);
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), [Said::refused(ErrorCode::BadSession)]);
}

#[test]
fn an_input_behind_the_close_is_refused() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    w.input(c, 7, &batch(&["a"]));
    w.close_append(c, 7);
    w.input(c, 7, &batch(&["b"]));
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }, Said::ack(0, 1), Said::refused(ErrorCode::BadSession)]);
}

#[test]
fn inputs_may_come_before_the_stream_is_found() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.open_append(c, 7, "s");
    w.input(c, 7, &batch(&["a"]));
    w.input(c, 7, &damaged());
    w.input(c, 7, &batch(&["never"]));
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), []);
    w.release(Hold::StreamLoads);
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }, Said::ack(0, 1), Said::refused(ErrorCode::BadFrame)]);
}

#[test]
fn a_session_that_cannot_open_takes_its_inputs_with_it() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.open_append(c, 7, "s");
    w.input(c, 7, &batch(&["a"]));
    w.fail_stream_load(LoadFailure::BasinNotFound);
    assert_eq!(w.heard(c, 7), [Said::refused(ErrorCode::BasinNotFound)]);
    w.input(c, 7, &batch(&["b"]));
    assert_eq!(w.heard(c, 7), []);
    assert_eq!(w.shard.counters().waiting_bytes, 0);
    w.release(Hold::StreamLoads);
    w.open_append(c, 7, "s");
    w.input(c, 7, &batch(&["c"]));
    assert_eq!(w.heard(c, 7), [Said::Opened { tail: 0 }, Said::ack(0, 1)], "the id is free again");
}

#[test]
fn b10_inputs_behind_an_opening_that_is_refused_are_discarded_without_a_word() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    for id in 1..=CONNECTION_REQUESTS_MAX as u64 {
        w.check_tail(c, id, "s");
    }
    let full = CONNECTION_REQUESTS_MAX as u64 + 1;
    w.open_append(c, full, "s");
    w.input(c, full, &batch(&["a"]));
    w.close_append(c, full);
    assert_eq!(w.heard(c, full), [Said::refused(ErrorCode::Overloaded)]);
    w.turn(vec![Event::DrainRequested]);
    w.take_said(c);
    w.open_append(c, 7, "s");
    w.input(c, 7, &batch(&["a"]));
    w.input(c, 7, &batch(&["b"]));
    w.close_append(c, 7);
    assert_eq!(w.heard(c, 7), [Said::refused(ErrorCode::Draining)]);
}

#[test]
fn b10_many_dead_sessions_are_all_left_in_peace() {
    let mut w = World::new();
    let c = connection(1);
    for id in 1..=3 * DEAD_SESSIONS_MAX as u64 {
        w.open_append(c, id, "s");
        w.input(c, id, &damaged());
    }
    w.take_said(c);
    for id in [1, 2, DEAD_SESSIONS_MAX as u64, 3 * DEAD_SESSIONS_MAX as u64] {
        w.input(c, id, &batch(&["late"]));
        w.close_append(c, id);
        assert_eq!(w.take_said(c), [], "{id}");
    }
    let never = 3 * DEAD_SESSIONS_MAX as u64 + 1;
    w.input(c, never, &batch(&["a"]));
    assert_eq!(w.heard(c, never), [Said::refused(ErrorCode::BadSession)]);
}

#[test]
fn a_session_frame_without_a_session_is_refused() {
    let mut w = World::new();
    let c = connection(1);
    w.input(c, 7, &batch(&["a"]));
    w.close_append(c, 8);
    assert_eq!(w.heard(c, 7), [Said::refused(ErrorCode::BadSession)]);
    assert_eq!(w.heard(c, 8), [Said::refused(ErrorCode::BadSession)]);
    w.open_append(c, 9, "s");
    w.open_append(c, 9, "s");
    assert_eq!(w.heard(c, 9), [Said::Opened { tail: 0 }, Said::refused(ErrorCode::BadSession)]);
}

#[test]
fn b6_sessions_share_a_stream_in_order_of_arrival() {
    let mut w = World::new();
    let (a, b) = (connection(1), connection(2));
    w.open_append(a, 1, "s");
    w.open_append(b, 1, "s");
    w.hold(Hold::Writes);
    let one = batch(&["x"]);
    let input =
        |connection| Event::RequestReceived { connection, id: 1, request: input_request(BatchBytes::Borrowed(&one)) };
    w.turn(vec![input(a), input(b), input(a)]);
    assert_eq!(w.disk.unwritten(), [1], "one block carries what came in one turn");
    w.release(Hold::Writes);
    let at = |start| Said::Ack { start, end: start + 1, tail: 3 };
    assert_eq!(w.heard(a, 1), [Said::Opened { tail: 0 }, at(0), at(2)]);
    assert_eq!(w.heard(b, 1), [Said::Opened { tail: 0 }, at(1)]);
}

#[test]
fn a_closed_connection_takes_its_sessions_along_but_not_what_they_appended() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 7, "s");
    w.hold(Hold::Writes);
    w.input(c, 7, &batch(&["a"]));
    w.close_connection(c);
    assert_eq!(w.shard.counters().append_sessions, 0);
    w.release(Hold::Writes);
    w.check_tail(connection(2), 1, "s");
    assert_eq!(w.heard(connection(2), 1), [Said::Tail { seq_num: 1, timestamp: WALL_MS }]);
}

#[test]
fn p9_a_failed_write_ends_sessions_with_a_doubt_only_where_there_is_one() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.open_append(c, 2, "s");
    w.take_said(c);
    w.hold(Hold::Writes);
    w.input(c, 1, &batch(&["a"]));
    w.fail_write(1);
    assert_eq!(w.heard(c, 1), [Said::maybe_done(ErrorCode::Storage)]);
    assert_eq!(w.heard(c, 2), [Said::refused(ErrorCode::Storage)]);
    // What was on its way behind that word is dropped, as behind any other; what begins is refused.
    w.input(c, 1, &batch(&["b"]));
    w.close_append(c, 1);
    assert_eq!(w.heard(c, 1), []);
    w.request(c, 3, ShardRequest::OpenAppendSession { target: target("s"), rights: AppendRights::ALL });
    w.input(c, 3, &batch(&["c"]));
    assert_eq!(w.heard(c, 3), [Said::refused(ErrorCode::Storage)]);
}

#[test]
fn e7_a_session_creates_its_stream_as_an_append_does() {
    let mut w = World::new();
    let c = connection(1);
    w.store.basins.insert(BASIN.to_owned(), (true, false));
    w.request(c, 1, ShardRequest::OpenAppendSession { target: target("s"), rights: AppendRights::ALL });
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 0 }]);
}

/// Like any other refusal: behind the acks of what came before it, as the session's last word.
#[test]
fn b10_an_input_that_cannot_be_parsed_poisons_its_session() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.take_said(c);
    w.hold(Hold::Writes);
    w.input(c, 1, &batch(&["a"]));
    w.request(c, 1, ShardRequest::BadSessionAppend(ErrorFrame::new(ErrorCode::Invalid, "too long a fencing token")));
    w.input(c, 1, &batch(&["b"]));
    assert_eq!(w.heard(c, 1), []);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1), Said::refused(ErrorCode::Invalid)]);
    w.check_tail(c, 2, "s");
    assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 1, timestamp: WALL_MS }]);
}
