//! C5: count, bytes and until, strictly.

use riverrun_protocol::request::{ReadParams, ReadStart};

use super::client::{MUCH, Said, batch, batch_at, connection, from, from_seq};
use super::world::{WALL_MS, World};

/// Six records of 9 metered bytes each, in batches of two.
fn filled() -> World {
    let mut w = World::new();
    let c = connection(999);
    for (id, bodies) in [(1, ["a", "b"]), (2, ["c", "d"]), (3, ["e", "f"])] {
        w.append(c, id, "s", &batch(&bodies));
    }
    w.take_said(c);
    w
}

fn count(count: u64) -> ReadParams {
    ReadParams { count: Some(count), ..from_seq(0) }
}

fn bytes(bytes: u64) -> ReadParams {
    ReadParams { bytes: Some(bytes), ..from_seq(0) }
}

#[test]
fn c5_bounds_are_strict_for_single_reads_and_sessions() {
    let table = [
        (count(1), &["a"][..]),
        (count(3), &["a", "b", "c"]),
        (count(6), &["a", "b", "c", "d", "e", "f"]),
        (count(7), &["a", "b", "c", "d", "e", "f"]),
        (count(0), &[]),
        (bytes(0), &[]),
        // No "at least one".
        (bytes(8), &[]),
        (bytes(9), &["a"]),
        (bytes(26), &["a", "b"]),
        (bytes(27), &["a", "b", "c"]),
        (ReadParams { count: Some(2), ..bytes(1000) }, &["a", "b"]),
        (ReadParams { count: Some(1000), ..bytes(36) }, &["a", "b", "c", "d"]),
        (ReadParams { count: Some(2), ..from_seq(3) }, &["d", "e"]),
        (ReadParams { until: Some(WALL_MS), ..from_seq(0) }, &[]),
        (ReadParams { until: Some(WALL_MS + 1), ..from_seq(0) }, &["a", "b", "c", "d", "e", "f"]),
    ];
    for (params, expected) in table {
        let mut w = filled();
        let c = connection(1);
        let ReadStart::SeqNum(first) = params.start else { unreachable!() };
        w.read(c, 1, "s", params.clone());
        let answer = if expected.is_empty() { Said::nothing() } else { Said::records(first, expected) };
        assert_eq!(w.heard(c, 1), [answer], "{params:?}");
        w.open_read(c, 2, "s", params.clone(), MUCH);
        let heard = w.heard(c, 2);
        let mut session = vec![Said::Opened { tail: 6 }];
        if !expected.is_empty() {
            session.push(Said::records(first, expected));
        }
        session.push(Said::Ended);
        assert_eq!(heard, session, "{params:?}");
    }
}

#[test]
fn c5_until_ends_at_the_first_too_late_record() {
    let mut w = World::new();
    let c = connection(1);
    w.append(c, 1, "s", &batch_at(&[10, 20, 30]));
    w.append(c, 2, "s", &batch_at(&[30, 40]));
    let until = |until| ReadParams { until: Some(until), ..from(ReadStart::Timestamp(15)) };
    for (id, bound, expected) in [(3, 20, &[][..]), (4, 21, &["20"]), (5, 31, &["20", "30", "30"])] {
        w.read(c, id, "s", until(bound));
        let answer = if expected.is_empty() { Said::nothing() } else { Said::records(1, expected) };
        assert_eq!(w.heard(c, id), [answer], "{bound}");
    }
}

#[test]
fn c5_bounds_add_up_over_catch_up_and_live_records() {
    let mut w = filled();
    let c = connection(1);
    w.open_read(c, 1, "s", ReadParams { wait_secs: Some(60), ..count(9) }, MUCH);
    let all = Said::records(0, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 6 }, all, Said::Heartbeat { tail: 6 }]);
    w.fill("s", &["g"]);
    assert_eq!(w.heard(c, 1), [Said::live(6, &["g"], 7)]);
    w.append(c, 2, "s", &batch(&["h", "i", "j"]));
    assert_eq!(w.heard(c, 1), [Said::live(7, &["h", "i"], 10), Said::Ended], "the allowed prefix, then the end");
}

#[test]
fn c5_a_limit_reached_exactly_ends_at_once() {
    let mut w = filled();
    let c = connection(1);
    w.open_read(c, 1, "s", ReadParams { wait_secs: Some(60), ..count(6) }, MUCH);
    let all = Said::records(0, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 6 }, all, Said::Ended]);
}

#[test]
fn c5_a_bounded_session_does_not_chase_later_appends() {
    let mut w = filled();
    let c = connection(1);
    w.open_read(c, 1, "s", count(100), 1);
    assert_eq!(w.heard(c, 1).len(), 3, "one push, credit or not");
    let mut w = filled();
    w.open_read(c, 1, "s", count(100), 0);
    w.fill("s", &["later"]);
    w.grant(c, 1, MUCH);
    let all = Said::records(0, &["a", "b", "c", "d", "e", "f"]);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 6 }, all, Said::Ended]);
}

#[test]
fn c5_an_unbounded_follower_with_a_zero_bound_ends_with_the_first_record() {
    let mut w = filled();
    let c = connection(1);
    let params = ReadParams { count: Some(0), wait_secs: Some(60), ..from(ReadStart::TailOffset(0)) };
    w.open_read(c, 1, "s", params, MUCH);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 6 }, Said::Heartbeat { tail: 6 }], "C4 comes first");
    w.fill("s", &["g"]);
    assert_eq!(w.heard(c, 1), [Said::Ended]);
}

#[test]
fn c6_pushes_hold_at_most_1000_records_and_a_mebibyte() {
    let mut w = World::new();
    let c = connection(1);
    let many: Vec<&str> = vec!["x"; 600];
    for id in 1..=5 {
        w.append(c, id, "s", &batch(&many));
    }
    w.take_said(c);
    w.open_read(c, 6, "s", from_seq(100), MUCH);
    let sizes: Vec<usize> = w
        .heard(c, 6)
        .iter()
        .filter_map(|said| if let Said::Records { bodies, .. } = said { Some(bodies.len()) } else { None })
        .collect();
    assert_eq!(sizes, [500, 600, 600, 600, 600], "whole batches; the world checks the limits");
    w.read(c, 7, "s", from_seq(100));
    let Said::Records { bodies, .. } = &w.heard(c, 7)[0] else { panic!("records") };
    assert_eq!(bodies.len(), 1000, "C2: a single read is cut at its implicit bound");
}
