//! E6, C16: a stream is closed, then deleted; everyone is told, and then the name is free.

use bytes::Bytes;
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::ReadParams;
use riverrun_protocol::types::Position;

use super::client::{MUCH, Said, batch, big_batch, connection, from_seq};
use super::world::{BASIN, Hold, Told, WALL_MS, World, config};
use crate::action::NotClosed;
use crate::event::{CloseWhen, Event, LoadFailure};
use crate::shard::ShardConfig;

fn pending() -> Said {
    Said::refused(ErrorCode::StreamDeletionPending)
}

fn closed(call: u64, seq_num: u64) -> Told {
    let timestamp = if seq_num == 0 { 0 } else { WALL_MS };
    Told::Closed { call, outcome: Ok(Position { seq_num, timestamp }) }
}

fn not_closed(call: u64, why: LoadFailure) -> Told {
    Told::Closed { call, outcome: Err(NotClosed::Load(why)) }
}

/// Two records, closed.
fn closed_world() -> World {
    let mut w = World::new();
    w.fill("s", &["a", "b"]);
    w.close_stream(1, "s", CloseWhen::Always);
    assert_eq!(w.take_told(), [closed(1, 2)]);
    w
}

#[test]
fn e6_a_close_is_answered_when_everything_accepted_is_stable_and_acknowledged() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["a"]));
    w.append(c, 2, "s", &batch(&["b"]));
    w.close_stream(1, "s", CloseWhen::Always);
    w.complete_write(1);
    assert_eq!(w.take_told(), []);
    w.release(Hold::Writes);
    assert_eq!((w.heard(c, 2), w.take_told()), (vec![Said::ack(1, 2)], vec![closed(1, 2)]));
}

#[test]
fn e6_a_standard_stream_is_closed_when_its_records_are_stored() {
    let mut w = World::new();
    w.create_standard("s");
    w.hold(Hold::Chunks);
    w.append(connection(1), 1, "s", &batch(&["a"]));
    w.close_stream(1, "s", CloseWhen::Always);
    assert_eq!(w.take_told(), []);
    w.release(Hold::Chunks);
    assert_eq!(w.take_told(), [closed(1, 1)]);
}

#[test]
fn e6_while_closed_everything_new_is_refused_and_open_readers_go_on() {
    let mut w = World::new();
    let (c, reader) = (connection(1), connection(2));
    w.fill("s", &["a"]);
    w.open_append(c, 7, "s");
    w.open_read(reader, 1, "s", from_seq(0), 1);
    w.take_said(c);
    w.close_stream(1, "s", CloseWhen::Always);
    w.append(c, 1, "s", &batch(&["never"]));
    w.open_append(c, 2, "s");
    w.check_tail(c, 3, "s");
    w.read(c, 4, "s", from_seq(0));
    w.open_read(c, 5, "s", from_seq(0), MUCH);
    w.input(c, 7, &batch(&["never"]));
    w.input(c, 7, &batch(&["never either"]));
    // Whether it is deleted is not known before the catalog has it: nobody is told so yet.
    for id in [1, 2, 3, 4, 5, 7] {
        assert_eq!(w.heard(c, id), [Said::refused(ErrorCode::Unavailable)], "{id}");
    }
    w.grant(reader, 1, MUCH);
    assert_eq!(w.heard(reader, 1)[2..], [Said::Heartbeat { tail: 1 }]);
}

#[test]
fn e6_what_waits_for_room_when_its_stream_is_closed_is_refused() {
    let mut w = super::backlog::small_backlog();
    let (filler, c) = (connection(1), connection(2));
    w.create("s");
    w.open_append(c, 7, "s");
    w.hold(Hold::Chunks);
    let _ = super::backlog::fill_backlog(&mut w, filler, "other");
    w.input(c, 7, &big_batch(10));
    w.append(c, 8, "s", &batch(&["never"]));
    w.take_said(c);
    w.close_stream(1, "s", CloseWhen::Always);
    let refused = || vec![Said::refused(ErrorCode::Unavailable)];
    assert_eq!((w.heard(c, 7), w.heard(c, 8)), (refused(), refused()));
    assert_eq!(w.take_told(), [closed(1, 0)]);
}

#[test]
fn e6_reopening_undoes_a_close_and_so_does_a_crash() {
    let mut w = closed_world();
    w.reopen_stream("s");
    w.append(connection(1), 1, "s", &batch(&["c"]));
    assert_eq!(w.heard(connection(1), 1), [Said::ack(2, 3)]);
    w.close_stream(2, "s", CloseWhen::Always);
    let mut w = w.crash();
    w.append(connection(1), 2, "s", &batch(&["d"]));
    assert_eq!(w.heard(connection(1), 2), [Said::ack(3, 4)]);
}

#[test]
fn e6_a_closed_stream_is_not_evicted_and_so_not_opened_by_chance() {
    let mut w = World::with(ShardConfig { streams_open_max: 1, ..config() });
    w.fill("s", &["a"]);
    w.publish();
    w.close_stream(1, "s", CloseWhen::Always);
    let c = connection(1);
    w.append(c, 1, "other", &batch(&["x"]));
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::Overloaded)]);
    w.append(c, 2, "s", &batch(&["never"]));
    assert_eq!(w.heard(c, 2), [Said::refused(ErrorCode::Unavailable)]);
}

/// Whoever deletes a stream has seen its row; a reader's look at the catalog may have begun before there was one.
#[test]
fn e6_a_close_behind_a_load_is_not_told_what_that_found_before() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.check_tail(c, 1, "s");
    w.close_stream(1, "s", CloseWhen::Always);
    w.fail_stream_load(LoadFailure::BasinNotFound);
    assert_eq!((w.heard(c, 1), w.take_told()), (vec![Said::refused(ErrorCode::BasinNotFound)], vec![]));
    w.create("s");
    w.release(Hold::StreamLoads);
    assert_eq!(w.take_told(), [closed(1, 0)]);
}

#[test]
fn e6_a_stream_that_is_not_in_memory_is_loaded_to_be_closed_and_never_created() {
    let mut w = World::new();
    w.close_stream(1, "s", CloseWhen::Always);
    assert_eq!(w.take_told(), [not_closed(1, LoadFailure::StreamNotFound)]);
    assert!(w.store.streams.is_empty());
    w.create("s");
    w.close_stream(2, "s", CloseWhen::Always);
    assert_eq!(w.take_told(), [closed(2, 0)]);
    w.hold(Hold::StreamLoads);
    w.create("slow");
    w.close_stream(3, "slow", CloseWhen::Always);
    w.fail_stream_load(LoadFailure::Unavailable("slow".to_owned()));
    assert_eq!(w.take_told(), [not_closed(3, LoadFailure::Unavailable("slow".to_owned()))]);
}

/// One load serves both, whoever came first; an append is not kept from creating its stream by a close that came before.
#[test]
fn e6_a_close_that_meets_a_load_waits_behind_the_others() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    w.append(c, 1, "s", &batch(&["a"]));
    w.close_stream(1, "s", CloseWhen::Always);
    w.close_stream(2, "t", CloseWhen::Always);
    w.append(c, 2, "t", &batch(&["a"]));
    w.release(Hold::StreamLoads);
    assert_eq!((w.heard(c, 1), w.heard(c, 2)), (vec![Said::ack(0, 1)], vec![Said::ack(0, 1)]));
    assert_eq!(w.take_told(), [closed(1, 1), not_closed(2, LoadFailure::StreamNotFound)]);
}

#[test]
fn c16_followers_get_the_terminal_trim_and_then_the_end() {
    let mut w = World::new();
    let (c, slow) = (connection(1), connection(2));
    w.fill("s", &["a"]);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.open_read(slow, 1, "s", from_seq(0), 1);
    w.read(c, 2, "s", ReadParams { wait_secs: Some(60), ..from_seq(1) });
    w.take_said(slow);
    w.heard(c, 1);
    w.close_stream(1, "s", CloseWhen::Always);
    w.delete_stream(2, "s");
    let bodies = vec![Bytes::from_static(&[0xff; 8])];
    let gone = Said::maybe_done(ErrorCode::Unavailable);
    assert_eq!(w.heard(c, 1), [Said::Records { first: Some(1), bodies, tail: Some(2) }, gone.clone()]);
    assert_eq!(w.heard(c, 2), [pending()], "a single read");
    assert_eq!(w.heard(slow, 1), [gone], "who takes nothing is not waited for");
    assert_eq!(w.take_told(), [closed(1, 1), Told::Gone { call: 2 }]);
}

#[test]
fn c16_who_catches_up_is_sent_away() {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, ..config() });
    let c = connection(1);
    w.fill("s", &["a"]);
    w.publish();
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.read(c, 2, "s", from_seq(0));
    w.close_stream(1, "s", CloseWhen::Always);
    w.delete_stream(2, "s");
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 1 }, pending()]);
    assert_eq!(w.heard(c, 2), [pending()]);
    assert_eq!(w.take_told()[1..], [Told::Gone { call: 2 }]);
    w.release(Hold::PageLoads);
    assert_eq!(w.take_said(c), [], "late pages find nobody");
    assert_eq!((w.shard.loaded_bytes, w.shard.page_loads_inflight), (0, 0));
}

#[test]
fn b10_e6_append_sessions_end_when_their_stream_is_deleted() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.open_append(c, 2, "other");
    w.take_said(c);
    w.close_stream(1, "s", CloseWhen::Always);
    assert_eq!(w.heard(c, 1), [], "an idle one stays until then");
    w.delete_stream(2, "s");
    assert_eq!(w.heard(c, 1), [pending()]);
    assert_eq!(w.shard.counters().append_sessions, 1);
}

#[test]
fn e6_it_is_gone_when_everything_of_it_is_published() {
    let mut w = closed_world();
    w.hold(Hold::Chunks);
    w.delete_stream(2, "s");
    assert_eq!(w.take_told(), []);
    w.append(connection(1), 1, "s", &batch(&["never"]));
    assert_eq!(w.heard(connection(1), 1), [pending()]);
    w.release(Hold::Chunks);
    assert_eq!(w.take_told(), [Told::Gone { call: 2 }], "without waiting for a chunk's age");
    let state = &w.store.streams[&(BASIN.to_owned(), "s".to_owned())].state;
    assert_eq!((state.next.seq_num, state.trim_point), (3, 3), "everything is removed, the last record too");
    assert_eq!((w.shard.counters().streams_open, w.shard.counters().unpublished_bytes), (0, 0));
}

#[test]
fn e6_the_catalog_decides_about_a_name_that_is_gone() {
    let mut w = closed_world();
    let c = connection(1);
    w.delete_stream(2, "s");
    w.check_tail(c, 1, "s");
    assert_eq!(w.heard(c, 1), [pending()], "the catalog still has it");
    w.store.streams.clear();
    w.append(c, 2, "s", &batch(&["new"]));
    assert_eq!(w.heard(c, 2), [Said::ack(0, 1)], "purged, and created anew at 0");
}

#[test]
fn e6_a_deletion_of_a_stream_that_is_not_here_is_answered_at_once() {
    let mut w = World::new();
    w.create("s");
    w.delete_stream(1, "s");
    assert_eq!(w.take_told(), [Told::Gone { call: 1 }]);
    let c = connection(1);
    w.append(c, 1, "s", &batch(&["never"]));
    assert_eq!(w.heard(c, 1), [pending()]);
}

#[test]
fn e6_a_standard_stream_goes_the_same_way() {
    let mut w = World::new();
    let c = connection(1);
    w.create_standard("s");
    w.fill("s", &["a"]);
    w.open_read(c, 1, "s", from_seq(1), MUCH);
    w.take_said(c);
    w.close_stream(1, "s", CloseWhen::Always);
    w.hold(Hold::Chunks);
    w.delete_stream(2, "s");
    assert_eq!(w.take_said(c), [], "the last record is not stable yet");
    w.release(Hold::Chunks);
    assert_eq!(w.heard(c, 1).len(), 2);
    assert_eq!(w.take_told()[1..], [Told::Gone { call: 2 }]);
}

/// The catalog has the deletion, and the journal records that no chunk has: they are published, and nobody gets at them.
#[test]
fn e6_after_a_crash_in_the_middle_it_is_deleted_again() {
    let mut w = closed_world();
    w.hold(Hold::Writes);
    w.delete_stream(2, "s");
    let mut w = w.crash_holding(Hold::Chunks);
    let c = connection(1);
    w.append(c, 1, "s", &batch(&["never"]));
    w.check_tail(c, 2, "s");
    assert_eq!((w.heard(c, 1), w.heard(c, 2)), (vec![pending()], vec![pending()]));
    w.delete_stream(3, "s");
    w.release(Hold::Chunks);
    assert_eq!(w.take_told(), [Told::Gone { call: 3 }]);
    assert!(w.inherited_published);
}

#[test]
fn e6_a_drain_finishes_a_deletion_that_has_begun() {
    let mut w = closed_world();
    let c = connection(1);
    w.hold(Hold::Writes);
    w.delete_stream(2, "s");
    w.turn(vec![Event::DrainRequested]);
    assert!(!w.drained);
    w.release(Hold::Writes);
    assert!(w.drained);
    w.close_stream(3, "s", CloseWhen::Always);
    assert!(matches!(w.take_told().last(), Some(Told::Closed { call: 3, outcome: Err(NotClosed::Load(_)) })));
    assert_eq!(w.take_said(c), []);
}

#[test]
fn e6_a_failure_answers_those_who_wait_for_a_close() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["b"]));
    w.close_stream(1, "s", CloseWhen::Always);
    w.fail_write(2);
    assert!(matches!(
        w.take_told()[..],
        [Told::Closed { call: 1, outcome: Err(NotClosed::Load(LoadFailure::Unavailable(_))) }]
    ));
    let failed = Said::Error { code: ErrorCode::Storage, outcome: Outcome::MaybeDone, tail: None };
    assert_eq!(w.heard(c, 1), [failed]);
}
