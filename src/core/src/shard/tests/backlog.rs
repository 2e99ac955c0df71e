//! Holding producers up: nothing is refused, lost or reordered (design.md 6, backlog).

use riverrun_protocol::error::ErrorCode;

use super::client::{Said, append_request, batch, big_batch, connection, input_request, received};
use super::world::{Hold, World, config};
use crate::event::{BatchBytes, ConnectionId};
use crate::limits::{CONNECTION_FORWARD_BYTES_MAX, SHARD_WAITING_BYTES_MAX};
use crate::shard::ShardConfig;

/// Room for eight batches of a megabyte.
pub(super) fn small_backlog() -> World {
    World::with(ShardConfig { unpublished_bytes_max: 8 << 20, chunk_bytes_max: 2 << 20, ..config() })
}

/// Appends to it until whatever comes next has to wait; returns how many records that were. Chunks are held.
pub(super) fn fill_backlog(w: &mut World, filler: ConnectionId, stream: &str) -> u64 {
    let records = 12;
    (0..records).for_each(|id| w.append(filler, id, stream, &big_batch(1_000_000)));
    assert!(w.shard.counters().waiting_bytes > 0);
    records
}

/// The first sequence number of each ack.
fn starts(heard: &[Said]) -> Vec<u64> {
    let start = |said: &Said| if let Said::Ack { start, .. } = said { Some(*start) } else { None };
    heard.iter().filter_map(start).collect()
}

#[test]
fn d10_appends_wait_while_nothing_is_published_and_go_on_in_order() {
    let mut w = small_backlog();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.take_said(c);
    w.hold(Hold::Chunks);
    let big = big_batch(1_000_000);
    for _ in 0..15 {
        w.input(c, 1, &big);
    }
    let acked = w.take_said(c).len() as u64;
    assert!((8..=9).contains(&acked), "{acked}");
    assert!(w.stopped.contains(&c), "its socket is left unread");
    assert!(w.shard.counters().waiting_bytes > 0);
    w.release(Hold::Chunks);
    assert_eq!(starts(&w.heard(c, 1)), (acked..15).collect::<Vec<_>>(), "nothing was lost or reordered");
    assert!(w.stopped.is_empty());
    assert_eq!(w.shard.counters().waiting_bytes, 0);
}

#[test]
fn nobody_overtakes_those_who_wait() {
    let mut w = small_backlog();
    let (c, late) = (connection(1), connection(2));
    w.open_append(c, 1, "s");
    w.open_append(late, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..12 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    w.input(late, 1, &batch(&["late"]));
    assert!(w.stopped.contains(&late));
    w.take_said(late);
    w.release(Hold::Chunks);
    assert_eq!(w.heard(late, 1), [Said::ack(12, 13)]);
}

#[test]
fn sockets_are_not_opened_and_closed_for_every_chunk() {
    let mut w = small_backlog();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..12 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    assert_eq!(w.shard.counters().receive_stops, 1);
    while !w.chunks.is_empty() {
        w.store_chunk(0);
    }
    assert!(w.stopped.is_empty());
    assert_eq!(w.shard.counters().receive_stops, 1);
}

#[test]
fn waiting_large_frames_are_still_not_copied() {
    let mut w = small_backlog();
    let c = connection(1);
    w.create("s");
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..12 {
        let frame = received(&big_batch(1_000_000), 16);
        w.request(c, 1, input_request(frame));
    }
    w.release(Hold::Chunks);
    assert_eq!(w.take_said(c).len(), 13);
    assert_eq!(w.shard.counters().copied_bytes, 0);
}

#[test]
fn p13_a_connection_that_goes_on_sending_is_refused_at_its_limit() {
    let mut w = small_backlog();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.take_said(c);
    w.hold(Hold::Chunks);
    for _ in 0..60 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    let waiting = w.shard.counters().waiting_bytes;
    assert!(waiting <= 16 << 20, "{waiting}");
    w.release(Hold::Chunks);
    let heard = w.heard(c, 1);
    let (last, acks) = heard.split_last().unwrap();
    assert_eq!(last, &Said::refused(ErrorCode::Overloaded), "behind the acks of what came before it");
    assert_eq!(starts(acks), (0..acks.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_client_that_is_left_unread_in_time_is_held_up_and_never_refused() {
    let mut w = small_backlog();
    w.hold(Hold::Chunks);
    let connections: Vec<_> = (0..70).map(connection).collect();
    let big = big_batch(1_000_000);
    for c in &connections {
        w.open_append(*c, 1, "s");
        // What was on its way when the shard said stop.
        for _ in 0..CONNECTION_FORWARD_BYTES_MAX / big.len() {
            w.input(*c, 1, &big);
        }
    }
    let per_connection = CONNECTION_FORWARD_BYTES_MAX / big.len() + 1;
    assert!(w.shard.counters().waiting_bytes > SHARD_WAITING_BYTES_MAX as u64, "more than the shard wants to hold");
    assert!(w.stopped.len() > 60, "{}", w.stopped.len());
    w.release(Hold::Chunks);
    for c in &connections {
        let heard = w.heard(*c, 1);
        assert!(heard.iter().all(|said| !matches!(said, Said::Error { .. })), "{heard:?}");
        assert_eq!(heard.len(), per_connection, "all are acknowledged");
    }
}

#[test]
fn what_a_closed_connection_had_waiting_was_never_accepted() {
    let mut w = small_backlog();
    let (c, other) = (connection(1), connection(2));
    w.open_append(c, 1, "s");
    w.hold(Hold::Chunks);
    for _ in 0..10 {
        w.input(c, 1, &big_batch(1_000_000));
    }
    let acked = w.take_said(c).len() as u64 - 1;
    w.request(c, 5, append_request("s", BatchBytes::Borrowed(&batch(&["x"]))));
    w.stopped.clear();
    w.close_connection(c);
    assert_eq!(w.shard.counters().waiting_bytes, 0);
    w.release(Hold::Chunks);
    w.check_tail(other, 1, "s");
    let heard = w.heard(other, 1);
    assert!(matches!(heard[..], [Said::Tail { seq_num, .. }] if seq_num == acked), "{heard:?}");
}

#[test]
fn a_client_that_takes_no_acks_is_not_read_from() {
    let mut w = World::new();
    let c = connection(1);
    w.open_append(c, 1, "s");
    w.hold(Hold::Output);
    let one = batch(&["x"]);
    let mut sent = 0;
    while w.stopped.is_empty() {
        w.input(c, 1, &one);
        sent += 1;
        assert!(w.unsent(c) < 5 << 20, "P13: its acks pile up");
    }
    assert!(sent > 10_000, "{sent}");
    w.release(Hold::Output);
    assert!(w.stopped.is_empty());
}
