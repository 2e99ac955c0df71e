//! History as it is stored: pages that a reader opens itself (docs/PROTOCOL.md, Page).

use std::time::Duration;

use riverrun_protocol::request::{ReadParams, ReadStart};

use super::client::{MUCH, Said, batch, batch_of, connection, from, from_seq, trim};
use super::world::{Hold, WALL_MS, World, config};
use crate::shard::ShardConfig;

/// One chunk of `0` to `4`, a batch each; the model of the store puts two into a page. Nothing of it is in memory.
fn stored() -> World {
    let mut w = World::with(ShardConfig { tail_cache_bytes_max: 0, ..config() });
    for digit in ["0", "1", "2", "3", "4"] {
        w.fill("s", &[digit]);
    }
    w.publish();
    w.takes_pages = true;
    w
}

fn pages(w: &World) -> u64 {
    w.shard.counters().read_pages
}

#[test]
fn a_session_that_takes_pages_goes_from_pages_to_memory_to_live() {
    let mut w = stored();
    let c = connection(1);
    w.fill("s", &["5"]);
    w.open_read(c, 1, "s", from_seq(0), MUCH);
    let history = [Said::records(0, &["0", "1"]), Said::records(2, &["2", "3"]), Said::records(4, &["4"])];
    let end = [Said::records(5, &["5"]), Said::Heartbeat { tail: 6 }];
    assert_eq!(w.heard(c, 1), [&[Said::Opened { tail: 6 }][..], &history, &end].concat());
    assert_eq!((pages(&w), w.shard.counters().read_records), (3, 6));
    w.fill("s", &["6"]);
    assert_eq!(w.heard(c, 1), [Said::live(6, &["6"], 7)]);
    assert_eq!((w.shard.loaded_bytes, w.shard.page_loads_inflight), (0, 0));
}

#[test]
fn nobody_else_gets_one() {
    let mut w = stored();
    let c = connection(1);
    let plain = from_seq(0);
    for (id, params) in [
        (1, ReadParams { count: Some(4), ..plain.clone() }),
        (2, ReadParams { bytes: Some(100_000), ..plain.clone() }),
        (3, ReadParams { until: Some(WALL_MS), ..plain.clone() }),
    ] {
        w.open_read(c, id, "s", params, MUCH);
        assert_eq!(w.heard(c, id).last(), Some(&Said::Ended));
    }
    w.read(c, 4, "s", plain.clone());
    w.takes_pages = false;
    w.open_read(c, 5, "s", plain, MUCH);
    assert_eq!(pages(&w), 0);
}

#[test]
fn c5_bounds_that_let_all_of_a_chunk_through_let_its_pages_through() {
    let mut w = stored();
    let c = connection(1);
    let plain = from_seq(0);
    for (id, params) in [
        (1, ReadParams { count: Some(5), ..plain.clone() }),
        (2, ReadParams { count: Some(6), ..plain.clone() }),
        (3, ReadParams { until: Some(u64::MAX), ..plain.clone() }),
    ] {
        w.open_read(c, id, "s", params, MUCH);
        let history = [Said::records(0, &["0", "1"]), Said::records(2, &["2", "3"]), Said::records(4, &["4"])];
        assert_eq!(w.heard(c, id), [&[Said::Opened { tail: 5 }][..], &history, &[Said::Ended]].concat());
    }
    assert_eq!(pages(&w), 9);
}

/// C5: the next chunk is fetched while records of this one are still to be sent, and to be counted.
#[test]
fn c5_a_count_is_kept_to_whatever_is_fetched_ahead() {
    for credit in [150, 400, MUCH] {
        for count in 0..=11 {
            let mut w = stored();
            for digit in ["5", "6", "7", "8", "9"] {
                w.fill("s", &[digit]);
            }
            w.publish();
            let c = connection(1);
            w.open_read(c, 1, "s", ReadParams { count: Some(count), wait_secs: Some(0), ..from_seq(0) }, credit);
            let mut heard = w.heard(c, 1);
            for _ in 0..20 {
                w.grant(c, 1, credit);
                heard.extend(w.heard(c, 1));
            }
            let records: usize =
                heard.iter().map(|said| if let Said::Records { bodies, .. } = said { bodies.len() } else { 0 }).sum();
            assert_eq!(records as u64, count.min(10), "count {count}, credit {credit}");
            assert_eq!(heard.last(), Some(&Said::Ended), "count {count}, credit {credit}");
            assert_eq!((w.shard.loaded_bytes, w.shard.page_loads_inflight), (0, 0));
        }
    }
}

#[test]
fn a_start_within_a_page_or_by_timestamp_has_it_opened() {
    let mut w = stored();
    w.fill("s", &["5", "6"]);
    w.fill("s", &["7"]);
    w.publish();
    let c = connection(1);
    for (id, params, first) in [(1, from_seq(6), "6"), (2, from(ReadStart::TailOffset(1)), "7")] {
        w.open_read(c, id, "s", params, MUCH);
        assert!(matches!(&w.heard(c, id)[1], Said::Records { bodies, .. } if bodies[0] == first));
    }
    assert_eq!(pages(&w), 1, "the one of which the last batch is the first that is wanted");
    w.fill("s", &["8"]);
    w.wait(Duration::from_millis(5));
    let timestamp = w.now.wall_ms;
    w.fill("s", &["9"]);
    w.publish();
    w.open_read(c, 3, "s", from(ReadStart::Timestamp(timestamp)), MUCH);
    assert_eq!(w.heard(c, 3)[1..], [Said::records(9, &["9"]), Said::Heartbeat { tail: 10 }]);
    assert_eq!(pages(&w), 1, "where in a chunk a timestamp is, only an opened page tells");
}

/// C6: credit is what the reader has to hold, and that is the page as it opens it.
#[test]
fn a_page_costs_what_it_holds() {
    let mut w = stored();
    let c = connection(1);
    let raw_bytes: u64 = ["0", "1"].iter().map(|body| stamped_bytes(body)).sum();
    w.open_read(c, 1, "s", from_seq(0), raw_bytes);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 5 }, Said::records(0, &["0", "1"])]);
    w.grant(c, 1, 1);
    assert_eq!(w.heard(c, 1), [Said::records(2, &["2", "3"])]);
    w.grant(c, 1, raw_bytes - 1);
    assert_eq!(w.heard(c, 1), [], "the debt of the last one is paid, and no more");
    w.grant(c, 1, 1);
    assert_eq!(w.heard(c, 1), [Said::records(4, &["4"])]);
}

fn stamped_bytes(body: &str) -> u64 {
    batch(&[body]).len() as u64
}

/// C16: what was removed before it is sent does not leave, and a page is all or nothing.
#[test]
fn a_page_of_which_some_is_removed_meanwhile_is_opened() {
    let mut w = stored();
    let c = connection(1);
    w.hold(Hold::PageLoads);
    w.open_read(c, 1, "s", from_seq(0), 1);
    w.load_some_pages();
    assert_eq!(w.heard(c, 1)[1..], [Said::records(0, &["0", "1"])]);
    w.append(connection(900), 6, "s", &batch_of(&[trim(3)]));
    w.grant(c, 1, MUCH);
    w.release(Hold::PageLoads);
    let heard = w.heard(c, 1);
    assert!(matches!(&heard[0], Said::Records { first: Some(3), bodies, .. } if bodies[0] == "3"), "{heard:?}");
    assert_eq!(pages(&w), 1, "only the first");
}
