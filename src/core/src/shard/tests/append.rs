//! Single appends: what is refused and when, positions, timestamps, copies.

use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::ReadStart;

use super::client::{MUCH, Said, append_request, batch, batch_at, big_batch, connection, from, from_seq, received};
use super::world::{BASIN, Hold, WALL_MS, World, config};
use crate::shard::ShardConfig;

#[test]
fn b8_positions_are_dense_and_acks_tell_them() {
    let mut w = World::new();
    let c = connection(1);
    for (id, bodies) in [(1, &["a", "b", "c"][..]), (2, &["d"]), (3, &["e", "f"])] {
        w.append(c, id, "s", &batch(bodies));
    }
    assert_eq!(w.heard(c, 1), [Said::ack(0, 3)]);
    assert_eq!(w.heard(c, 2), [Said::ack(3, 4)]);
    assert_eq!(w.heard(c, 3), [Said::ack(4, 6)]);
}

#[test]
fn b8_the_tail_of_an_ack_is_the_streams_when_it_is_released() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["a"]));
    w.append(c, 2, "s", &batch(&["b"]));
    w.complete_write(2);
    assert_eq!(w.take_said(c), [], "block 1 is not durable: neither is");
    w.complete_write(1);
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1)]);
    assert_eq!(w.heard(c, 2), [Said::ack(1, 2)]);
}

#[test]
fn b7_timestamps_never_go_back_when_the_clock_does() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch(&["a"]));
    w.now.wall_ms = WALL_MS - 500;
    w.append(c, 2, "s", &batch(&["b"]));
    w.append(c, 3, "s", &batch_at(&[7]));
    w.check_tail(c, 4, "s");
    assert_eq!(w.heard(c, 4), [Said::Tail { seq_num: 3, timestamp: WALL_MS }], "P12");
}

#[test]
fn b7_client_timestamps_are_kept_and_capped() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch_at(&[500, 400, WALL_MS + 5]));
    w.check_tail(c, 2, "s");
    assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 3, timestamp: WALL_MS }]);
    w.read(c, 3, "s", from(ReadStart::Timestamp(501)));
    assert_eq!(w.heard(c, 3), [Said::records(2, &["1000005"])], "400 was raised to 500");
}

#[test]
fn a_batch_against_a_rule_is_refused_before_its_stream_is_looked_up() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::StreamLoads);
    let mut flipped = batch(&["a"]);
    *flipped.last_mut().unwrap() ^= 1;
    w.append(c, 1, "s", &flipped);
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::BadFrame)]);
    w.append(c, 2, "s", &flipped[..100]);
    assert_eq!(w.heard(c, 2), [Said::refused(ErrorCode::BadFrame)]);
    w.release(Hold::StreamLoads);
    assert!(w.store.streams.is_empty(), "no stream was created for it");
    assert_eq!(w.shard.counters().appends_refused, 2);
}

#[test]
fn e7_a_missing_stream_is_created_only_where_the_basin_says_so() {
    let mut w = World::new();
    let c = connection(1);
    w.store.basins.insert(BASIN.to_owned(), (false, true));
    w.append(c, 1, "s", &batch(&["a"]));
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::StreamNotFound)]);
    w.check_tail(c, 2, "s");
    assert_eq!(w.heard(c, 2), [Said::Tail { seq_num: 0, timestamp: 0 }], "created by the read");
    w.append(c, 3, "s", &batch(&["a"]));
    assert_eq!(w.heard(c, 3), [Said::ack(0, 1)]);
}

#[test]
fn one_id_is_one_request_at_a_time() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["a"]));
    w.append(c, 1, "s", &batch(&["b"]));
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::BadSession)]);
    w.release(Hold::Writes);
    assert_eq!(w.heard(c, 1), [Said::ack(0, 1)]);
    w.append(c, 1, "s", &batch(&["b"]));
    assert_eq!(w.heard(c, 1), [Said::ack(1, 2)]);
}

#[test]
fn a_large_frame_reaches_the_journal_uncopied() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    w.check_tail(c, 1, "s");
    let frame = received(&big_batch(100_000), 40);
    w.request(c, 2, append_request("s", frame));
    assert_eq!(w.heard(c, 2), [Said::ack(0, 1)]);
    assert_eq!(w.shard.counters().copied_bytes, 0);
    let small = batch(&["small"]);
    w.append(c, 3, "s", &small);
    assert_eq!(w.shard.counters().copied_bytes, small.len() as u64, "copied once");
    w.open_read(c, 4, "s", from_seq(0), MUCH);
    let Said::Records { bodies, .. } = &w.heard(c, 4)[1] else { panic!("records") };
    assert_eq!((bodies[0].len(), &bodies[1][..]), (100_000, &b"small"[..]));
}

#[test]
fn too_many_requests_in_progress_are_refused() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    let one = batch(&["a"]);
    for id in 0..4096 {
        w.append(c, id + 1, "s", &one);
    }
    assert_eq!(w.take_said(c), []);
    w.append(c, 5000, "s", &one);
    assert_eq!(w.heard(c, 5000), [Said::refused(ErrorCode::Overloaded)]);
    w.release(Hold::Writes);
    assert_eq!(w.take_said(c).len(), 4096);
}

#[test]
fn what_a_closed_connection_appended_becomes_stable_unheard() {
    let mut w = World::new();
    let (c, other) = (connection(1), connection(2));
    w.hold(Hold::Writes);
    w.append(c, 1, "s", &batch(&["a"]));
    w.close_connection(c);
    w.release(Hold::Writes);
    assert_eq!(w.take_said(c), []);
    w.check_tail(other, 1, "s");
    assert_eq!(w.heard(other, 1), [Said::Tail { seq_num: 1, timestamp: WALL_MS }]);
}

#[test]
fn e8_retention_is_stamped_as_an_expiry_time() {
    let mut w = World::new();
    let c = connection(1);
    w.create("s");
    let stream = w.store.streams.get_mut(&(BASIN.to_owned(), "s".to_owned())).unwrap();
    std::sync::Arc::make_mut(&mut stream.entry).config.retention = riverrun_protocol::config::Retention::Age(60);
    w.append(c, 1, "s", &batch(&["a"]));
    w.create("for-ever");
    w.append(c, 2, "for-ever", &batch(&["a"]));
    let expiries: Vec<u64> =
        w.disk.durable_blocks().flat_map(|block| &block.batches).map(riverrun_protocol::Batch::expires_at_ms).collect();
    assert_eq!(expiries, [WALL_MS + 60_000, 0]);
}

/// D19: a clock that is set back stamps what arrives then, and does not make it expire early once the clock is right again.
#[test]
fn e8_a_clock_that_is_set_back_lets_nothing_expire_early() {
    let mut w = World::with(ShardConfig { wall_floor_ms: WALL_MS, ..config() });
    w.create("s");
    w.reconfigure("s", |config| config.retention = riverrun_protocol::config::Retention::Age(60));
    w.now.wall_ms = WALL_MS - 1_000_000;
    w.append(connection(1), 1, "s", &batch(&["a"]));
    let batches: Vec<_> = w.disk.durable_blocks().flat_map(|block| &block.batches).collect();
    let passed_ms = w.now.monotonic.as_millis() as u64;
    assert_eq!(batches[0].arrival_ms(), WALL_MS - 1_000_000);
    assert!((WALL_MS + 60_000..=WALL_MS + 60_000 + passed_ms).contains(&batches[0].expires_at_ms()));
}

#[test]
fn p9_d8_after_a_failed_write_nothing_is_acknowledged() {
    let mut w = World::new();
    let c = connection(1);
    w.hold(Hold::Writes);
    for id in 1..=3 {
        w.append(c, id, "s", &batch(&["a"]));
    }
    w.fail_write(2);
    assert!(w.fatal.as_ref().unwrap().contains("block 2 failed: EIO"), "{:?}", w.fatal);
    for id in 1..=3 {
        assert_eq!(w.heard(c, id), [Said::maybe_done(ErrorCode::Storage)], "{id}");
    }
    w.complete_write(1);
    w.complete_write(3);
    assert_eq!(w.take_said(c), [], "not even what is durable now");
    w.append(c, 4, "s", &batch(&["a"]));
    let refused = Said::Error { code: ErrorCode::Storage, outcome: Outcome::NotDone, tail: None };
    assert_eq!(w.heard(c, 4), [refused]);
    assert_eq!(w.shard.next_timeout(), None);
}
