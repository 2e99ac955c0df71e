//! Streams that are not in memory: who waits, what they hear, who is evicted.

use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::limits::CONNECTION_REQUESTS_MAX;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq, input_request, target};
use super::world::{BASIN, Hold, WALL_MS, World, config};
use crate::event::{BatchBytes, Event, LoadFailure, ShardRequest};
use crate::limits::{CONNECTION_WAITING_BYTES_MAX, LOADS_WAITING_REQUESTS_MAX};
use crate::shard::ShardConfig;

#[test]
fn requests_wait_for_their_stream_in_order_and_it_is_asked_for_once() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch(&["a"]));
    w.check_tail(c, 2, "s");
    w.append(c, 3, "s", &batch(&["b"]));
    w.open_read(c, 4, "s", from_seq(0), MUCH);
    w.read(c, 5, "s", from_seq(0));
    assert_eq!(w.trace.iter().filter(|action| action.starts_with("LoadStream")).count(), 1);
    assert_eq!(w.take_said(c), []);
    w.release(Hold::StreamLoads);
    assert_eq!(w.heard(c, 1), [Said::Ack { start: 0, end: 1, tail: 2 }]);
    assert_eq!(w.heard(c, 3), [Said::ack(1, 2)]);
    assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 0, timestamp: 0 }], "as of its turn: nothing was stable");
    assert_eq!(w.heard(c, 5), [Said::unwritten(0, 0)]);
    let heard = w.heard(c, 4);
    assert_eq!(heard.first(), Some(&Said::Opened { tail: 0 }));
    assert_eq!(heard.last(), Some(&Said::live(0, &["a", "b"], 2)));
}

#[test]
fn every_failure_to_load_answers_everyone_who_waits_and_was_not_done() {
    let not_done = |code| Said::Error { code, outcome: Outcome::NotDone, tail: None };
    let corrupt = Said::Error { code: ErrorCode::Corrupt, outcome: Outcome::Terminal, tail: None };
    let failures = [
        (LoadFailure::TransactionConflict, not_done(ErrorCode::TransactionConflict)),
        (LoadFailure::Unavailable("slow".to_owned()), not_done(ErrorCode::Unavailable)),
        (LoadFailure::Corrupt("bad".to_owned()), corrupt),
    ];
    for (failure, said) in failures {
        let mut w = World::new();
        let c = connection(1);
        w.hold(Hold::StreamLoads);
        w.append(c, 1, "s", &batch(&["a"]));
        w.check_tail(c, 2, "s");
        w.open_append(c, 3, "s");
        w.open_read(c, 4, "s", from_seq(0), MUCH);
        w.read(c, 5, "s", from_seq(0));
        w.fail_stream_load(failure);
        for id in 1..=5 {
            assert_eq!(w.heard(c, id), std::slice::from_ref(&said), "{id}");
        }
        let counters = w.shard.counters();
        assert_eq!((counters.readers, counters.append_sessions, counters.waiting_bytes), (0, 0, 0));
        w.release(Hold::StreamLoads);
        w.append(c, 6, "s", &batch(&["a"]));
        assert_eq!(w.heard(c, 6), [Said::ack(0, 1)], "the next request asks again");
    }
}

/// E3: whoever was told that a stream is created finds it, also behind somebody whose look at the catalog began before that.
#[test]
fn e3_that_there_is_no_stream_is_told_only_to_those_who_waited_when_it_was_asked() {
    let verdicts = [
        (LoadFailure::BasinNotFound, ErrorCode::BasinNotFound),
        (LoadFailure::StreamDeletionPending, ErrorCode::StreamDeletionPending),
        (LoadFailure::BasinDeletionPending, ErrorCode::BasinDeletionPending),
    ];
    for (failure, code) in verdicts {
        let mut w = World::new();
        let c = connection(1);
        w.hold(Hold::StreamLoads);
        w.check_tail(c, 1, "s");
        w.check_tail(c, 2, "s");
        w.append(c, 3, "s", &batch(&["a"]));
        w.fail_stream_load(failure);
        assert_eq!(w.heard(c, 1), [Said::refused(code)]);
        assert_eq!(w.heard(c, 2), []);
        w.release(Hold::StreamLoads);
        assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 0, timestamp: 0 }]);
        assert_eq!(w.heard(c, 3), [Said::ack(0, 1)]);
    }
}

/// Neither bytes nor places are held for somebody who is gone, however long the load takes.
#[test]
fn who_is_gone_frees_its_place_at_once() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch(&["a"]));
    w.open_append(c, 2, "s");
    w.input(c, 2, &batch(&["b"]));
    assert_ne!(w.shard.counters().waiting_bytes, 0);
    w.close_connection(c);
    assert_eq!(w.shard.counters().waiting_bytes, 0);
}

#[test]
fn a_read_session_that_is_closed_before_its_stream_is_there_ends_when_it_is() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.close_read(c, 1);
    assert_eq!(w.heard(c, 1), []);
    w.release(Hold::StreamLoads);
    assert_eq!(w.heard(c, 1), [Said::Ended]);
    assert_eq!(w.shard.counters().readers, 0);
}

#[test]
fn e7_who_waits_behind_another_cause_gets_its_own_switch() {
    let mut w = World::new();
    let c = connection(1);
    w.store.basins.insert(BASIN.to_owned(), (true, false));
    w.hold(Hold::StreamLoads);
    w.check_tail(c, 1, "s");
    w.append(c, 2, "s", &batch(&["a"]));
    w.read(c, 3, "s", from_seq(0));
    w.append(c, 4, "s", &batch(&["b"]));
    w.release(Hold::StreamLoads);
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::StreamNotFound)]);
    assert_eq!(w.heard(c, 2), [Said::Ack { start: 0, end: 1, tail: 2 }]);
    assert_eq!(w.heard(c, 3), [Said::unwritten(0, 0)], "it came behind the append that made the stream");
    assert_eq!(w.heard(c, 4), [Said::ack(1, 2)]);
}

#[test]
fn who_is_gone_when_the_stream_comes_is_forgotten() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch(&["a"]));
    w.open_read(c, 2, "s", from_seq(0), MUCH);
    w.open_append(c, 3, "s");
    w.input(c, 3, &batch(&["b"]));
    w.check_tail(c, 4, "s");
    w.close_connection(c);
    w.release(Hold::StreamLoads);
    assert_eq!(w.take_said(c), []);
    w.check_tail(connection(2), 1, "s");
    assert_eq!(w.heard(connection(2), 1), [Said::Tail { seq_num: 0, timestamp: 0 }], "nothing was accepted");
    assert_eq!(w.shard.counters().waiting_bytes, 0);
}

/// Requests that wait for their streams, as many as may.
fn no_room_to_wait() -> World {
    let mut w = World::new();
    w.hold(Hold::StreamLoads);
    let per_connection = CONNECTION_REQUESTS_MAX as u64;
    for serial in 0..LOADS_WAITING_REQUESTS_MAX as u64 / per_connection {
        let check = |id| Event::RequestReceived {
            connection: connection(serial + 10),
            id,
            request: ShardRequest::CheckTail(target("s")),
        };
        w.turn((1..=per_connection).map(check).collect());
    }
    w
}

#[test]
fn p13_a_request_without_room_to_wait_is_refused_before_anything_is_begun_for_it() {
    let mut w = no_room_to_wait();
    let c = connection(1);
    for stream in ["s", "new"] {
        w.append(c, 1, stream, &batch(&["a"]));
        w.check_tail(c, 2, stream);
        w.read(c, 3, stream, from_seq(0));
        w.open_read(c, 4, stream, from_seq(0), MUCH);
        w.open_append(c, 5, stream);
        w.input(c, 5, &batch(&["b"]));
        for id in 1..=5 {
            assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Overloaded)], "{stream} {id}");
        }
    }
    let counters = w.shard.counters();
    assert_eq!((counters.readers, counters.append_sessions, counters.waiting_bytes), (0, 0, 0));
    w.release(Hold::StreamLoads);
    assert_eq!(w.store.streams.len(), 1, "no refused request created its stream");
    w.append(c, 1, "new", &batch(&["a"]));
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1)]);
}

#[test]
fn p13_nor_is_anything_begun_for_an_append_beyond_its_connections_bytes() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    for id in 0..100 {
        w.append(c, id, &format!("stream-{id}"), &big_batch(1_000_000));
    }
    let begun = w.trace.iter().filter(|action| action.starts_with("LoadStream")).count();
    assert_eq!(begun, CONNECTION_WAITING_BYTES_MAX / 1_000_000);
}

#[test]
fn inputs_are_no_requests_that_others_wait_behind() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.open_append(c, 1, "s");
    let one = batch(&["x"]);
    let input = |_| Event::RequestReceived { connection: c, id: 1, request: input_request(BatchBytes::Borrowed(&one)) };
    let inputs = LOADS_WAITING_REQUESTS_MAX + 1;
    w.turn((0..inputs).map(input).collect());
    w.check_tail(connection(2), 1, "s");
    w.release(Hold::StreamLoads);
    assert_eq!(w.heard(c, 1).len(), inputs + 1);
    assert_eq!(w.heard(connection(2), 1).len(), 1);
}

fn three_streams() -> World {
    World::with(ShardConfig { streams_open_max: 3, ..config() })
}

#[test]
fn an_idle_published_stream_makes_room_and_comes_back_as_it_was() {
    let mut w = three_streams();
    let c = connection(1);
    for stream in ["a", "b", "c", "d", "e"] {
        w.fill(stream, &["1", "2"]);
        w.publish();
    }
    assert_eq!((w.shard.counters().streams_open, w.shard.counters().streams_evicted), (3, 2));
    for stream in ["a", "b", "c", "d", "e"] {
        w.append(c, 1, stream, &batch(&["3"]));
        assert_eq!(w.heard(c, 1), [Said::ack(2, 3)], "{stream}");
        w.read(c, 2, stream, from_seq(0));
        assert_eq!(w.heard(c, 2), [Said::records(0, &["1", "2", "3"])], "{stream}");
        w.publish();
    }
}

#[test]
fn streams_in_use_or_unpublished_are_not_evicted() {
    let mut w = three_streams();
    let c = connection(1);
    w.open_append(c, 1, "a");
    w.open_read(c, 2, "b", from_seq(0), MUCH);
    w.fill("c", &["1"]);
    w.check_tail(c, 3, "d");
    assert_eq!(w.heard(c, 3), [Said::refused(ErrorCode::Overloaded)]);
    w.publish();
    w.check_tail(c, 3, "d");
    assert_eq!(w.heard(c, 3), [Said::Tail { seq_num: 0, timestamp: 0 }]);
    w.check_tail(c, 4, "c");
    assert_eq!(w.heard(c, 4), [Said::Tail { seq_num: 1, timestamp: WALL_MS }], "d, idle, went for it");
    w.close_append(c, 1);
    w.close_read(c, 2);
    for (id, stream) in [(5, "d"), (6, "e"), (7, "f")] {
        w.check_tail(c, id, stream);
        assert_eq!(w.heard(c, id).len(), 1);
    }
    assert_eq!(w.shard.counters().streams_open, 3);
}

#[test]
fn p13_the_tail_cache_forgets_evicted_streams() {
    let mut w = three_streams();
    for round in 0..200 {
        w.fill(&format!("stream-{round}"), &["1"]);
        w.publish();
    }
    let cached = w.shard.counters().tail_cache_bytes;
    assert!(cached < 4 * 8192, "{cached}");
    assert!(format!("{:?}", w.shard.tail_cache).matches('#').count() < 20, "{:?}", w.shard.tail_cache);
}
