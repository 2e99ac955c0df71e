//! Reads of streams whose head is removed: C4's rows for it, C16, D, A6.

use bytes::Bytes;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::client::{MUCH, Said, batch_at, batch_of, connection, data, from, from_seq, target, trim};
use super::world::{Hold, WALL_MS, World, config};
use crate::event::{Event, LoadFailure};
use crate::shard::ShardConfig;

/// Five records, `0` to `4`, of timestamps 10 to 50, each in a chunk of its own and not in memory any more; then a trim.
fn trimmed_to(seq_num: u64) -> World {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, ..config() });
    let c = connection(900);
    for (id, timestamp) in [(0, 10), (1, 20), (2, 30), (3, 40), (4, 50)] {
        w.append(c, id, "s", &batch_at(&[timestamp]));
        w.publish();
    }
    w.append(c, 5, "s", &batch_of(&[trim(seq_num)]));
    w.take_said(c);
    w
}

fn may_wait(params: ReadParams) -> ReadParams {
    ReadParams { wait_secs: Some(5), ..params }
}

fn first_of(said: &[Said]) -> Option<u64> {
    said.iter().find_map(|said| if let Said::Records { first, .. } = said { *first } else { None })
}

#[test]
fn c4_a_start_below_the_head_begins_at_the_first_survivor() {
    let mut w = trimmed_to(3);
    let c = connection(1);
    let starts = [
        (ReadStart::SeqNum(0), 3),
        (ReadStart::SeqNum(3), 3),
        (ReadStart::SeqNum(4), 4),
        (ReadStart::TailOffset(100), 3),
        (ReadStart::TailOffset(1), 5),
        (ReadStart::Timestamp(0), 3),
        (ReadStart::Timestamp(20), 3),
        (ReadStart::Timestamp(40), 3),
        (ReadStart::Timestamp(41), 4),
    ];
    for (id, (start, first)) in (1..).zip(starts) {
        w.read(c, id, "s", from(start));
        assert_eq!(first_of(&w.heard(c, id)), Some(first), "{start:?}");
    }
}

#[test]
fn c4_without_survivors_a_read_is_empty_or_follows() {
    let mut w = trimmed_to(u64::MAX);
    let c = connection(1);
    let starts = [ReadStart::SeqNum(0), ReadStart::TailOffset(3), ReadStart::Timestamp(0), ReadStart::Timestamp(50)];
    for (id, start) in (1..).zip(starts) {
        w.read(c, id, "s", from(start));
        assert_eq!(w.heard(c, id), [Said::nothing()], "{start:?}: 200, no records");
        w.open_read(c, id, "s", ReadParams { count: Some(9), ..from(start) }, MUCH);
        assert_eq!(w.heard(c, id), [Said::Opened { tail: 6 }, Said::Ended], "{start:?}: a clean end, no batch");
        w.open_read(c, id, "s", may_wait(from(start)), MUCH);
        assert_eq!(w.heard(c, id), [Said::Opened { tail: 6 }, Said::Heartbeat { tail: 6 }], "{start:?}: follows");
    }
    w.read(c, 50, "s", may_wait(from_seq(0)));
    assert_eq!(w.heard(c, 50), []);
    w.fill("s", &["new"]);
    assert_eq!(w.heard(c, 50), [Said::live(6, &["new"], 7)]);
}

#[test]
fn c4_the_tail_itself_is_as_unwritten_as_ever() {
    let mut w = trimmed_to(u64::MAX);
    let c = connection(1);
    w.read(c, 1, "s", from_seq(6));
    assert!(matches!(w.heard(c, 1)[..], [Said::Error { code: ErrorCode::Unwritten, .. }]));
}

#[test]
fn a6_d_the_tail_survives_everything_being_removed() {
    let mut w = trimmed_to(u64::MAX);
    let timestamp = w.now.wall_ms;
    assert!(timestamp > WALL_MS);
    w.publish();
    let mut w = w.crash();
    w.check_tail(connection(1), 1, "s");
    assert_eq!(w.heard(connection(1), 1), [Said::Tail { seq_num: 6, timestamp }]);
}

#[test]
fn c16_a_reader_that_is_overtaken_skips_what_is_gone() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.load_some_pages();
    assert_eq!(first_of(&w.heard(c, 1)), Some(0));
    w.append(connection(900), 6, "s", &batch_of(&[trim(4)]));
    w.release(Hold::PageLoads);
    assert_eq!(first_of(&w.heard(c, 1)), Some(4));
}

#[test]
fn c16_a_chunk_that_is_gone_is_skipped_and_one_that_should_be_there_is_not() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.open_read(c, 2, "s", from_seq(4), MUCH);
    w.read(c, 3, "s", from(ReadStart::Timestamp(15)));
    w.append(connection(900), 6, "s", &batch_of(&[trim(4)]));
    let gone = || LoadFailure::Unavailable("no such object".to_owned());
    (0..3).for_each(|_| w.fail_pages(gone()));
    w.release(Hold::PageLoads);
    assert_eq!(first_of(&w.heard(c, 1)), Some(4));
    assert!(matches!(w.heard(c, 2)[..], [_, Said::Error { code: ErrorCode::Unavailable, .. }]));
    assert_eq!(first_of(&w.heard(c, 3)), Some(4));
    assert_eq!((w.shard.loaded_bytes, w.shard.page_loads_inflight), (0, 0));
}

/// Everything in one chunk: what is looked through for the timestamp may be removed in the meantime.
#[test]
fn c16_a_timestamp_is_resolved_although_its_record_went() {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, ..config() });
    let c = connection(1);
    w.append(c, 1, "s", &batch_at(&[10]));
    w.append(c, 2, "s", &batch_at(&[20]));
    w.append(c, 3, "s", &batch_at(&[30]));
    w.publish();
    w.take_said(c);
    w.hold(Hold::PageLoads);
    w.read(c, 4, "s", ReadParams { bytes: Some(40), ..from(ReadStart::Timestamp(15)) });
    w.append(c, 5, "s", &batch_of(&[trim(2)]));
    w.release(Hold::PageLoads);
    assert_eq!(first_of(&w.heard(c, 4)), Some(2));
}

#[test]
fn c16_a_single_read_that_is_overtaken_has_no_gap_in_its_answer() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.read(c, 1, "s", from_seq(0));
    w.load_some_pages();
    w.append(connection(900), 6, "s", &batch_of(&[trim(4)]));
    w.release(Hold::PageLoads);
    assert_eq!(w.heard(c, 1), [Said::records(0, &["10"])]);
}

#[test]
fn c16_a_follower_gets_every_live_record_even_one_that_is_removable_at_once() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.open_read(c, 1, "s", from_seq(6), MUCH);
    w.take_said(c);
    let removed_at_once = batch_of(&[data("a"), trim(u64::MAX), data("b")]);
    w.append(connection(900), 6, "s", &removed_at_once);
    let trim = Bytes::from_static(&[0xff; 8]);
    let bodies = vec![Bytes::from_static(b"a"), trim, Bytes::from_static(b"b")];
    assert_eq!(w.heard(c, 1), [Said::Records { first: Some(6), bodies, tail: Some(9) }]);
}

#[test]
fn e8_what_the_catalog_says_has_expired_is_not_read() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.store.expired_to = 2;
    let (stream_id, other) = (w.stream_id("s"), riverrun_protocol::types::StreamId([0xee; 16]));
    let raised = |stream_id, start_seq_num| Event::StartRaised { target: target("s"), stream_id, start_seq_num };
    w.turn(vec![raised(other, 4)]);
    w.read(c, 1, "s", from_seq(0));
    assert_eq!(first_of(&w.heard(c, 1)), Some(0), "another stream of that name");
    w.turn(vec![raised(stream_id, 2), raised(stream_id, 1)]);
    w.read(c, 2, "s", from_seq(0));
    assert_eq!(first_of(&w.heard(c, 2)), Some(2), "never lower again");
    w.publish();
    let mut w = w.crash();
    w.read(c, 3, "s", from_seq(0));
    assert_eq!(first_of(&w.heard(c, 3)), Some(2), "the next chunk says it too");
}

/// Who loads the stream may have looked before the catalog knew.
#[test]
fn e8_what_expires_while_its_stream_is_loaded_is_not_read() {
    let mut w = trimmed_to(0);
    let c = connection(1);
    w.publish();
    let mut w = w.crash();
    let stream_id = w.stream_id("s");
    w.hold(Hold::StreamLoads);
    w.read(c, 1, "s", from_seq(0));
    w.turn(vec![Event::StartRaised { target: target("s"), stream_id, start_seq_num: 2 }]);
    w.release(Hold::StreamLoads);
    assert_eq!(first_of(&w.heard(c, 1)), Some(2));
}

/// Were the batches behind it lost with their journal, their numbers would be given out again, below the trim point.
#[test]
fn a_state_record_says_nothing_of_the_batches_behind_it() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a", "b", "c"]);
    w.publish();
    w.append(c, 1, "s", &batch_of(&[data("d"), trim(u64::MAX)]));
    let stream_id = w.stream_id("s");
    w.turn(vec![Event::StartRaised { target: target("s"), stream_id, start_seq_num: 1 }]);
    let stream = w.shard.streams.slab.keys().next().expect("open");
    let sealed = &w.shard.streams[stream].sealed;
    assert_eq!((sealed.next.seq_num, sealed.trim_point), (3, 1), "the trim is not sealed yet");
}

#[test]
fn e8_the_start_is_never_raised_above_what_is_stable() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch_at(&[1]));
    let raised = Event::StartRaised { target: target("s"), stream_id: w.stream_id("s"), start_seq_num: 9 };
    w.turn(vec![raised]);
    w.release(Hold::Writes);
    w.read(c, 2, "s", from_seq(0));
    assert_eq!(first_of(&w.heard(c, 2)), Some(1));
}
