//! C5: bounds of reads, and C6: how a session ends by them.

use riverrun_protocol::batch::Record;
use riverrun_protocol::config::PartialStreamConfig;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{ReadParams, StreamRef};

use crate::row::Row;
use crate::stage::data::{body_of, fence, from_seq};
use crate::stage::{Stage, refused};

pub(super) const ROWS: &[Row] = &[
    Row::new("C5", "count 0: nothing, and no error", |stage| both(stage, count(0), &[])),
    Row::new("C5", "bytes 0: nothing, and no error", |stage| both(stage, bytes(0), &[])),
    Row::new("C5", "until 0: nothing, and no error", |stage| both(stage, until(0), &[])),
    Row::new("C5", "count 0 at the tail is 416: where a read starts comes first", |stage| {
        let target = five(stage);
        let params = ReadParams { count: Some(0), ..from_seq(5) };
        refused(stage.try_read(&target, params.clone()), ErrorCode::Unwritten);
        refused(stage.try_open_read(&target, params).1, ErrorCode::Unwritten);
    }),
    Row::new("C5", "count 1", |stage| both(stage, count(1), &[0])),
    Row::new("C5", "count within a batch", |stage| both(stage, count(4), &[0, 1, 2, 3])),
    Row::new("C5", "count at a batch's end", |stage| both(stage, count(3), &[0, 1, 2])),
    Row::new("C5", "count of all", |stage| both(stage, count(5), &[0, 1, 2, 3, 4])),
    Row::new("C5", "count beyond all", |stage| both(stage, count(u64::MAX), &[0, 1, 2, 3, 4])),
    Row::new("C5", "bytes of exactly two records", |stage| both(stage, bytes(20), &[0, 1])),
    Row::new("C5", "bytes one short of two records", |stage| both(stage, bytes(19), &[0])),
    Row::new("C5", "a first record bigger than bytes is not given", |stage| both(stage, bytes(9), &[])),
    Row::new("C5", "bytes beyond all", |stage| both(stage, bytes(u64::MAX), &[0, 1, 2, 3, 4])),
    Row::new("C5", "until is exclusive", |stage| both(stage, until(200), &[0])),
    Row::new("C5", "until just above", |stage| both(stage, until(201), &[0, 1, 2])),
    Row::new("C5", "until beyond all", |stage| both(stage, until(u64::MAX), &[0, 1, 2, 3, 4])),
    Row::new("C5", "count before bytes", |stage| {
        both(stage, ReadParams { bytes: Some(40), ..count(3) }, &[0, 1, 2]);
    }),
    Row::new("C5", "bytes before count", |stage| {
        both(stage, ReadParams { bytes: Some(20), ..count(3) }, &[0, 1]);
    }),
    Row::new("C5", "until before count", |stage| {
        both(stage, ReadParams { until: Some(200), ..count(3) }, &[0]);
    }),
    Row::new(
        "C5",
        "the first record that is too big ends the read: smaller ones behind it are not looked at",
        |stage| {
            let target = stage.stream();
            stage.say(&target, &["a", "much too long", "b"]);
            assert_eq!(stage.read(&target, bytes(20)).seq_nums(), [0]);
        },
    ),
    Row::new("C5", "the first record at until ends the read", |stage| {
        let target = stage
            .stream_with(PartialStreamConfig { timestamping_uncapped: Some(true), ..PartialStreamConfig::default() });
        stage.stamp(&target, &[Some(5), Some(u64::MAX)]);
        stage.stamp(&target, &[Some(6)]);
        assert_eq!(stage.read(&target, until(10)).seq_nums(), [0]);
        let session = stage.open_read(&target, until(10));
        assert_eq!(stage.read_to_end(session), [0]);
    }),
    Row::new("C5", "command records count", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("abc"), body_of("x")]);
        assert_eq!(stage.read(&target, bytes(18)).seq_nums(), [0]);
        assert_eq!(stage.read(&target, bytes(17)).records, []);
    }),
    Row::new("C5", "a limit that is reached ends a waiting session at once", |stage| {
        let target = five(stage);
        let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), ..count(5) });
        stage.next_seq_nums(session, &[0, 1, 2, 3, 4]);
        stage.next_end(session);
    }),
    Row::new("C5", "a session's count goes over history and live records", |stage| {
        let target = five(stage);
        let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), ..count(7) });
        stage.next_seq_nums(session, &[0, 1, 2, 3, 4]);
        stage.next_heartbeat(session);
        stage.say(&target, &["x"]);
        stage.next_seq_nums(session, &[5]);
        stage.say(&target, &["y", "z"]);
        stage.next_seq_nums(session, &[6]);
        stage.next_end(session);
    }),
    Row::new("C5", "a session's bytes go over history and live records", |stage| {
        let target = five(stage);
        let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), ..bytes(60) });
        stage.next_seq_nums(session, &[0, 1, 2, 3, 4]);
        stage.next_heartbeat(session);
        stage.say(&target, &["12"]);
        stage.next_seq_nums(session, &[5]);
        stage.next_end(session);
    }),
    Row::new("C5", "a live record that is too late ends the session", |stage| {
        let target = five(stage);
        let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), until: Some(450), ..from_seq(0) });
        stage.next_seq_nums(session, &[0, 1, 2, 3, 4]);
        stage.next_heartbeat(session);
        stage.stamp(&target, &[Some(440), Some(450)]);
        stage.next_seq_nums(session, &[5]);
        stage.next_end(session);
    }),
    Row::new("C5", "a live batch that is too big at once ends the session without a record", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), ..bytes(10) });
        stage.next_heartbeat(session);
        stage.say(&target, &["much too long"]);
        stage.next_end(session);
    }),
    Row::new("C5", "a bounded session without wait ends at the tail", |stage| {
        let target = five(stage);
        let session = stage.open_read(&target, count(100));
        assert_eq!(stage.read_to_end(session), [0, 1, 2, 3, 4]);
    }),
    Row::new("C5", "it does not chase what is appended while it reads", |stage| {
        let target = five(stage);
        let session = stage.open_slow_read(&target, count(100));
        stage.say(&target, &["later"]);
        stage.grant(session, 1 << 20);
        assert_eq!(stage.read_to_end(session), [0, 1, 2, 3, 4]);
    })
    .needs_binary("credit of read sessions"),
    Row::new("C6", "a long history comes whole, in batches within the limits", |stage| {
        let target = stage.stream();
        for _ in 0..3 {
            stage.append(&target, &vec![body_of("x"); 1000]);
        }
        for _ in 0..3 {
            stage.append(&target, &[Record::new(vec![1; 700_000])]);
        }
        let session = stage.open_read(&target, ReadParams { count: Some(5000), ..from_seq(0) });
        let mut next = 0;
        while next < 3003 {
            let got = stage.next_records(session);
            let metered: u64 = got.records.iter().map(riverrun_protocol::batch::RecordView::metered_bytes).sum();
            assert!(got.records.len() <= 1000 && metered <= 1 << 20, "{} records, {metered} bytes", got.records.len());
            assert_eq!(got.seq_nums(), (next..next + got.records.len() as u64).collect::<Vec<_>>());
            next += got.records.len() as u64;
        }
        stage.next_end(session);
    }),
    Row::new("C6", "a follower that falls far behind misses nothing", |stage| {
        let target = stage.stream();
        let session = stage.open_slow_read(&target, from_seq(0));
        for n in 0..100 {
            stage.say(&target, &[&n.to_string()]);
        }
        stage.next_heartbeat(session);
        stage.grant(session, 1 << 20);
        stage.next_seq_nums(session, &(0..100).collect::<Vec<_>>());
        stage.say(&target, &["live"]);
        let mut said = stage.next(session);
        // What brought it back to the tail may have said so (C8).
        if let crate::Said::Push(riverrun_protocol::Push::Heartbeat { tail }) = said {
            assert!(tail.seq_num >= 100);
            said = stage.next(session);
        }
        let crate::Said::Push(riverrun_protocol::Push::Records(batches)) = said else { panic!("not {said:?}") };
        assert_eq!(crate::stage::Got::of(&batches).seq_nums(), [100]);
    })
    .needs_binary("credit of read sessions"),
    Row::new("C6", "closing a session ends it cleanly", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        stage.close_read(session);
        stage.next_end(session);
    })
    .needs_binary("an answer to a reader that closes"),
];

fn count(count: u64) -> ReadParams {
    ReadParams { count: Some(count), ..from_seq(0) }
}

fn bytes(bytes: u64) -> ReadParams {
    ReadParams { bytes: Some(bytes), ..from_seq(0) }
}

fn until(until: u64) -> ReadParams {
    ReadParams { until: Some(until), ..from_seq(0) }
}

/// Numbers 0 to 4 at 100, 200, 200, 300, 400, in two batches, ten bytes each.
fn five(stage: &mut Stage<'_>) -> StreamRef {
    let target = stage.stream();
    for batch in [&[100, 200, 200][..], &[300, 400]] {
        let record = |timestamp: &u64| Record { timestamp: Some(*timestamp), ..Record::new("12") };
        stage.append(&target, &batch.iter().map(record).collect::<Vec<_>>());
    }
    target
}

/// The same for the single-batch read and for the session.
fn both(stage: &mut Stage<'_>, params: ReadParams, seq_nums: &[u64]) {
    let target = five(stage);
    assert_eq!(stage.read(&target, params.clone()).seq_nums(), seq_nums);
    let session = stage.open_read(&target, params);
    assert_eq!(stage.read_to_end(session), seq_nums);
}
