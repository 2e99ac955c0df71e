//! C9: the read that is answered once.

use std::time::Duration;

use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::ReadParams;

use super::client::{Said, append_request, batch, batch_at, connection, from_seq, input_request};
use super::world::{Hold, World};
use crate::event::{BatchBytes, Event};

fn waiting(seq_num: u64, secs: u32) -> ReadParams {
    ReadParams { wait_secs: Some(secs), ..from_seq(seq_num) }
}

#[test]
fn c9_what_is_there_is_returned_at_once_without_a_tail() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a", "b"]);
    w.read(c, 1, "s", waiting(0, 60));
    assert_eq!(w.heard(c, 1), [Said::records(0, &["a", "b"])]);
}

#[test]
fn c9_a_wait_returns_the_first_live_batch_only_with_the_tail() {
    let mut w = World::new();
    let (c, producer) = (connection(1), connection(2));
    w.open_append(producer, 1, "s");
    w.read(c, 1, "s", waiting(0, 60));
    let (a, b) = (batch(&["a", "b"]), batch(&["c"]));
    let input = |batch| Event::RequestReceived {
        connection: producer,
        id: 1,
        request: input_request(BatchBytes::Borrowed(batch)),
    };
    w.turn(vec![input(&a), input(&b)]);
    assert_eq!(w.heard(c, 1), [Said::live(0, &["a", "b"], 3)]);
}

#[test]
fn c9_a_wait_is_over_however_much_comes_at_once() {
    let mut w = World::new();
    let c = connection(1);
    w.read(c, 1, "s", waiting(0, 60));
    let thousand = batch(&["x"; 1000]);
    let append = |id| Event::RequestReceived {
        connection: connection(2),
        id,
        request: append_request("s", BatchBytes::Borrowed(&thousand)),
    };
    w.turn((1..=26).map(append).collect());
    assert_eq!(w.heard(c, 1), [Said::live(0, &["x"; 1000], 26_000)]);
}

#[test]
fn c9_an_expired_wait_is_an_empty_answer_without_a_tail() {
    let mut w = World::new();
    let c = connection(1);
    w.read(c, 1, "s", waiting(0, 5));
    w.wait(Duration::from_millis(4999));
    assert_eq!(w.heard(c, 1), []);
    w.wait(Duration::from_millis(1));
    assert_eq!(w.heard(c, 1), [Said::nothing()]);
}

#[test]
fn a5_nobody_waits_for_longer_than_a_minute() {
    let mut w = World::new();
    let c = connection(1);
    w.read(c, 1, "s", waiting(0, u32::MAX));
    w.wait(Duration::from_secs(60));
    assert_eq!(w.heard(c, 1), [Said::nothing()]);
}

#[test]
fn c5_a_live_record_against_a_bound_is_an_empty_answer() {
    let mut w = World::new();
    let c = connection(1);
    w.read(c, 1, "s", ReadParams { bytes: Some(5), ..waiting(0, 60) });
    w.read(c, 2, "s", ReadParams { until: Some(20), ..waiting(0, 60) });
    w.append(c, 3, "s", &batch_at(&[10, 30]));
    assert_eq!(w.heard(c, 1), [Said::nothing()]);
    assert_eq!(w.heard(c, 2), [Said::live(0, &["10"], 2)]);
}

#[test]
fn a_single_read_does_not_chase_what_comes_after_its_admission() {
    let mut w = World::new();
    let c = connection(1);
    w.fill("s", &["a"]);
    w.publish();
    let mut w = w.crash();
    w.hold(Hold::PageLoads);
    w.read(c, 1, "s", waiting(0, 60));
    w.fill("s", &["b"]);
    w.release(Hold::PageLoads);
    assert_eq!(w.heard(c, 1), [Said::records(0, &["a"])]);
}

#[test]
fn a_waiting_read_counts_as_a_request_in_progress() {
    let mut w = World::new();
    let c = connection(1);
    w.read(c, 1, "s", waiting(0, 60));
    w.read(c, 1, "s", from_seq(0));
    assert_eq!(w.heard(c, 1), [Said::refused(ErrorCode::BadSession)]);
    w.close_connection(c);
    assert_eq!(w.shard.counters().readers, 0);
    w.fill("s", &["a"]);
    assert_eq!(w.take_said(c), []);
}
