//! Reading what is not in memory: pages of chunks, their failures, and who may load.

use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::client::{MUCH, Said, batch, batch_at, big_batch, connection, from, from_seq};
use super::world::{Hold, World, config};
use crate::event::LoadFailure;
use crate::limits::{LOADED_BYTES_MAX, PAGE_LOAD_BYTES_MAX, PAGE_LOADS_INFLIGHT_MAX};
use crate::shard::ShardConfig;

/// Another load of pages may not fit.
const LOADED_BYTES_FULL: usize = LOADED_BYTES_MAX - (PAGE_LOADS_INFLIGHT_MAX + 1) * PAGE_LOAD_BYTES_MAX;

/// Nothing stays in memory once it is published.
fn forgetful() -> World {
    World::with(ShardConfig { tail_cache_bytes_max: 0, chunk_bytes_max: 2 << 20, ..config() })
}

/// Ten chunks of one record each, `0` to `9`.
fn ten_chunks() -> World {
    let mut w = forgetful();
    for digit in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] {
        w.fill("s", &[digit]);
        w.publish();
    }
    assert_eq!((w.store.chunks.len(), w.shard.counters().tail_cache_bytes), (10, 0));
    w
}

fn bodies(heard: &[Said]) -> String {
    let mut all = String::new();
    for said in heard {
        if let Said::Records { bodies, .. } = said {
            bodies.iter().for_each(|body| all.push_str(std::str::from_utf8(body).unwrap()));
        }
    }
    all
}

#[test]
fn a_session_goes_from_chunk_to_chunk_to_memory_to_live() {
    let mut w = ten_chunks();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.open_read(c, 1, "s", from_seq(3), MUCH);
    let heard = w.heard(c, 1);
    assert_eq!(bodies(&heard), "3456789a");
    assert_eq!(heard.last(), Some(&Said::Heartbeat { tail: 11 }));
    w.fill("s", &["b"]);
    assert_eq!(w.heard(c, 1), [Said::live(11, &["b"], 12)]);
}

#[test]
fn c9_a_single_read_gathers_over_chunks() {
    let mut w = ten_chunks();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.read(c, 1, "s", ReadParams { count: Some(6), ..from_seq(3) });
    assert_eq!(bodies(&w.heard(c, 1)), "345678");
    w.read(c, 2, "s", from_seq(0));
    assert_eq!(bodies(&w.heard(c, 2)), "0123456789a");
}

#[test]
fn what_is_published_stays_in_memory_within_the_budget_oldest_out_first() {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 2_500_000, ..config() });
    let c = connection(1);
    for (id, stream) in [(1, "a"), (2, "b"), (3, "a")] {
        w.append(c, id, stream, &big_batch(1_000_000));
        w.publish();
    }
    assert!((2_000_000..=2_500_000).contains(&w.shard.counters().tail_cache_bytes));
    w.take_said(c);
    for (id, stream, seq_num, loads) in [(4, "a", 1, 0), (5, "b", 0, 0), (6, "a", 0, 1)] {
        w.read(c, id, stream, ReadParams { count: Some(1), ..from_seq(seq_num) });
        assert_eq!(w.heard(c, id).len(), 1);
        assert_eq!(w.shard.counters().page_loads, loads, "{stream} {seq_num}");
    }
}

#[test]
fn a_timestamp_start_is_found_in_a_chunk() {
    let mut w = forgetful();
    let c = connection(1);
    w.append(c, 1, "s", &batch_at(&[10, 20]));
    w.append(c, 2, "s", &batch_at(&[20, 30, 30]));
    w.publish();
    w.append(c, 3, "s", &batch_at(&[30, 40]));
    w.publish();
    w.append(c, 4, "s", &batch_at(&[40, 50]));
    w.take_said(c);
    for (timestamp, first) in [(0, 0), (11, 1), (20, 1), (21, 3), (30, 3), (31, 6), (40, 6), (41, 8), (50, 8)] {
        w.read(c, 9, "s", ReadParams { count: Some(1), ..from(ReadStart::Timestamp(timestamp)) });
        let heard = w.heard(c, 9);
        assert!(matches!(heard[..], [Said::Records { first: Some(n), .. }] if n == first), "{timestamp}: {heard:?}");
    }
}

#[test]
fn the_next_piece_is_fetched_while_one_is_sent() {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, chunk_bytes_max: 64 << 20, ..config() });
    let c = connection(1);
    for id in 1..=8 {
        w.append(c, id, "s", &big_batch(700_000));
    }
    w.publish();
    w.take_said(c);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    assert_eq!(w.page_loads.len(), 1, "one load in flight per session");
    w.load_some_pages();
    w.load_some_pages();
    assert_eq!(w.page_loads.len(), 1);
    w.release(Hold::PageLoads);
    let heard = w.heard(c, 1);
    assert_eq!((heard.len(), heard.last()), (10, Some(&Said::Heartbeat { tail: 8 })));
}

#[test]
fn c8_no_heartbeat_during_catch_up_however_long_a_load_takes() {
    let mut w = ten_chunks();
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.wait(std::time::Duration::from_secs(100));
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 10 }]);
}

#[test]
fn p8_corrupt_pages_end_the_read_and_name_the_place() {
    let mut w = ten_chunks();
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.load_some_pages();
    w.fail_pages(LoadFailure::Corrupt("chunk 1, page 0: checksum".to_owned()));
    let corrupt = Said::Error { code: ErrorCode::Corrupt, outcome: Outcome::Terminal, tail: None };
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 10 }, Said::records(0, &["0"]), corrupt]);
    w.read(c, 2, "s", from_seq(5));
    w.fail_pages(LoadFailure::Unavailable("no answer".to_owned()));
    assert_eq!(w.heard(c, 2), [Said::maybe_done(ErrorCode::Unavailable)]);
    assert_eq!(w.shard.counters().readers, 0);
}

#[test]
fn p8_a_chunk_that_does_not_hold_what_the_catalog_says_is_corrupt() {
    let mut w = ten_chunks();
    let c = connection(1);
    let (first, second) = {
        let mut ids = w.store.chunks.keys().copied();
        (ids.next().unwrap(), ids.next().unwrap())
    };
    let mut chunk = w.store.chunks[&second].clone();
    chunk.id = first;
    w.store.chunks.insert(first, chunk);
    w.read(c, 1, "s", ReadParams { count: Some(1), ..from_seq(0) });
    let corrupt = Said::Error { code: ErrorCode::Corrupt, outcome: Outcome::Terminal, tail: None };
    assert_eq!(w.heard(c, 1), [corrupt]);
}

#[test]
fn p13_loads_in_flight_are_bounded_and_everyone_gets_a_turn() {
    let mut w = ten_chunks();
    w.hold(Hold::PageLoads);
    let readers = PAGE_LOADS_INFLIGHT_MAX as u64 * 2;
    for serial in 0..readers {
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
    }
    assert_eq!(w.page_loads.len(), PAGE_LOADS_INFLIGHT_MAX);
    w.close_connection(connection(readers - 1));
    w.close_connection(connection(0));
    w.release(Hold::PageLoads);
    for serial in 1..readers - 1 {
        assert_eq!(bodies(&w.heard(connection(serial), 1)), "0123456789", "{serial}");
    }
}

#[test]
fn p13_loaded_pages_are_bounded_whatever_the_readers_take() {
    three_hundred_who_take_nothing(LOADED_BYTES_FULL, LOADED_BYTES_MAX);
}

#[test]
fn p13_loaded_pages_are_bounded_by_what_the_shard_is_given() {
    three_hundred_who_take_nothing(7 << 20, 8 << 20);
}

/// Each has what it asked for in the end.
fn three_hundred_who_take_nothing(loaded_bytes_min: usize, loaded_bytes_max: usize) {
    let config = ShardConfig { tail_cache_bytes_max: 0, chunk_bytes_max: 64 << 20, loaded_bytes_max, ..config() };
    let mut w = World::with(config);
    let c = connection(999);
    for id in 1..=4 {
        w.append(c, id, "s", &big_batch(1_000_000));
    }
    w.publish();
    w.take_said(c);
    w.hold(Hold::Output);
    for serial in 0..300 {
        // Its socket takes nothing: a megabyte is loaded ahead, and then nobody takes it.
        w.open_read(connection(serial), 1, "s", from_seq(0), MUCH);
    }
    let held = w.shard.loaded_bytes;
    assert!((loaded_bytes_min..=loaded_bytes_max).contains(&held), "{held}");
    for _ in 0..4 {
        w.send_output();
    }
    w.release(Hold::Output);
    for serial in 0..300 {
        assert_eq!(w.heard(connection(serial), 1).len(), 6, "four pushes and a heartbeat for {serial}");
    }
    assert_eq!((w.shard.loaded_bytes, w.shard.holders.len()), (0, 0));
}

#[test]
fn p13_what_single_reads_gathered_is_bounded_and_gathered_again() {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, chunk_bytes_max: 600_000, ..config() });
    let (a, b) = ("a".repeat(500_000), "b".repeat(500_000));
    w.fill("s", &[&a, &b]);
    w.publish();
    assert_eq!(w.store.chunks.len(), 2);
    w.hold(Hold::PageLoads);
    for serial in 0..1000 {
        w.read(connection(serial), 1, "s", from_seq(0));
    }
    // All get their first half, and then nobody the second.
    for _ in 0..1000 {
        w.load_some_pages();
        assert!(w.shard.loaded_bytes <= LOADED_BYTES_MAX, "{}", w.shard.loaded_bytes);
    }
    assert!(w.shard.loaded_bytes > LOADED_BYTES_FULL, "{}", w.shard.loaded_bytes);
    w.release(Hold::PageLoads);
    for serial in 0..1000 {
        assert_eq!(w.heard(connection(serial), 1), [Said::records(0, &[&a, &b])], "{serial}");
    }
    assert_eq!((w.shard.loaded_bytes, w.shard.holders.len()), (0, 0));
}

#[test]
fn records_published_while_a_reader_is_on_its_way_are_not_missed() {
    let mut w = forgetful();
    let c = connection(1);
    w.fill("s", &["a", "b"]);
    w.open_read(c, 1, "s", from_seq(0), 0);
    w.publish();
    assert_eq!(w.shard.counters().tail_cache_bytes, 0);
    w.fill("s", &["c"]);
    w.grant(c, 1, MUCH);
    assert_eq!(bodies(&w.heard(c, 1)), "abc");
}

#[test]
fn a_session_closed_during_its_load_hears_nothing_more() {
    let mut w = ten_chunks();
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    w.close_read(c, 1);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 10 }, Said::Ended]);
    w.release(Hold::PageLoads);
    assert_eq!(w.heard(c, 1), []);
    w.append(c, 2, "s", &batch(&["x"]));
    assert_eq!(w.heard(c, 2), [Said::ack(10, 11)]);
}
