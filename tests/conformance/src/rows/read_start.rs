//! C1, C3, C4: where a read starts. Every row of the truth table, for the single-batch read and for the session.

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{ReadParams, ReadStart, StreamRef};
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, from_seq, from_tail, from_timestamp};
use crate::stage::{Stage, invalid, refused};

/// What streams are like: see `prepare`.
#[derive(Clone, Copy)]
enum Kind {
    Empty,
    /// Numbers 0 to 4 at 100, 200, 200, 300, 400.
    Five,
    /// The same, of which 0 and 1 are trimmed; 5 is the trim record at 400.
    Cut,
    /// The same, of which nothing is left.
    Nothing,
}
use Kind::{Cut, Empty, Five, Nothing};

/// What a read comes to.
#[derive(Clone, Copy)]
enum Outcome {
    /// These numbers; a read that may not follow ends behind them.
    Records(&'static [u64]),
    /// No record and no error.
    Clean,
    /// 416, with the tail.
    Unwritten,
    /// Waits at the tail.
    Follows,
}
use Outcome::{Clean, Follows, Records, Unwritten};

const SEQ: fn(u64) -> ReadParams = from_seq;
const TIME: fn(u64) -> ReadParams = from_timestamp;
const TAIL: fn(u64) -> ReadParams = from_tail;

macro_rules! truth {
    ($($kind:ident, $start:ident($value:expr), $name:literal: $unclamped:expr, $unclamped_follow:expr,
       $clamped:expr, $clamped_follow:expr;)+) => {
        &[$(
            Row::new("C4", concat!($name, ", unary"), |stage| {
                unary(stage, $kind, $start($value), false, false, $unclamped);
                unary(stage, $kind, $start($value), false, true, $unclamped_follow);
            }),
            Row::new("C4", concat!($name, ", unary, clamped"), |stage| {
                unary(stage, $kind, $start($value), true, false, $clamped);
                unary(stage, $kind, $start($value), true, true, $clamped_follow);
            }),
            Row::new("C4", concat!($name, ", session"), |stage| {
                session(stage, $kind, $start($value), false, false, $unclamped);
                session(stage, $kind, $start($value), false, true, $unclamped_follow);
            }),
            Row::new("C4", concat!($name, ", session, clamped"), |stage| {
                session(stage, $kind, $start($value), true, false, $clamped);
                session(stage, $kind, $start($value), true, true, $clamped_follow);
            }),
        )+]
    };
}

// Each: without permission to follow, with it; clamped without, clamped with.
pub(super) const TRUTH: &[Row] = truth! {
    Five, SEQ(0), "seq_num 0 of five": Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]),
        Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]);
    Five, SEQ(4), "the last seq_num of five": Records(&[4]), Records(&[4]), Records(&[4]), Records(&[4]);
    Five, SEQ(5), "seq_num at the tail": Unwritten, Follows, Unwritten, Follows;
    Five, SEQ(6), "seq_num beyond the tail": Unwritten, Unwritten, Unwritten, Follows;
    Five, SEQ(u64::MAX), "seq_num u64 max": Unwritten, Unwritten, Unwritten, Follows;
    Five, TAIL(0), "tail_offset 0 of five": Unwritten, Follows, Unwritten, Follows;
    Five, TAIL(2), "tail_offset 2 of five": Records(&[3, 4]), Records(&[3, 4]), Records(&[3, 4]), Records(&[3, 4]);
    Five, TAIL(5), "tail_offset of all": Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]),
        Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]);
    Five, TAIL(u64::MAX), "tail_offset u64 max": Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]),
        Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]);
    Five, TIME(0), "timestamp 0 of five": Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]),
        Records(&[0, 1, 2, 3, 4]), Records(&[0, 1, 2, 3, 4]);
    Five, TIME(200), "a timestamp that two records have": Records(&[1, 2, 3, 4]), Records(&[1, 2, 3, 4]),
        Records(&[1, 2, 3, 4]), Records(&[1, 2, 3, 4]);
    Five, TIME(201), "a timestamp between records": Records(&[3, 4]), Records(&[3, 4]),
        Records(&[3, 4]), Records(&[3, 4]);
    Five, TIME(400), "the tail's timestamp": Records(&[4]), Records(&[4]), Records(&[4]), Records(&[4]);
    Five, TIME(401), "a timestamp beyond the tail's": Unwritten, Unwritten, Unwritten, Follows;
    Empty, SEQ(0), "seq_num 0 of an empty stream": Unwritten, Follows, Unwritten, Follows;
    Empty, SEQ(1), "seq_num 1 of an empty stream": Unwritten, Unwritten, Unwritten, Follows;
    Empty, TAIL(0), "tail_offset 0 of an empty stream": Unwritten, Follows, Unwritten, Follows;
    Empty, TAIL(7), "tail_offset 7 of an empty stream": Unwritten, Follows, Unwritten, Follows;
    Empty, TIME(0), "timestamp 0 of an empty stream": Clean, Follows, Clean, Follows;
    Empty, TIME(1), "timestamp 1 of an empty stream": Unwritten, Unwritten, Unwritten, Follows;
    Cut, SEQ(0), "seq_num below the head": Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]),
        Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]);
    Cut, TAIL(6), "tail_offset below the head": Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]),
        Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]);
    Cut, TIME(100), "a timestamp below the head": Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]),
        Records(&[2, 3, 4, 5]), Records(&[2, 3, 4, 5]);
    Nothing, SEQ(0), "seq_num 0 with no survivors": Clean, Follows, Clean, Follows;
    Nothing, SEQ(5), "the last seq_num with no survivors": Clean, Follows, Clean, Follows;
    Nothing, SEQ(6), "seq_num at the tail with no survivors": Unwritten, Follows, Unwritten, Follows;
    Nothing, TAIL(3), "tail_offset 3 with no survivors": Clean, Follows, Clean, Follows;
    Nothing, TAIL(0), "tail_offset 0 with no survivors": Unwritten, Follows, Unwritten, Follows;
    Nothing, TIME(0), "timestamp 0 with no survivors": Clean, Follows, Clean, Follows;
    Nothing, TIME(400), "the tail's timestamp with no survivors": Clean, Follows, Clean, Follows;
    Nothing, TIME(401), "a timestamp beyond the tail's with no survivors": Unwritten, Unwritten, Unwritten, Follows;
};

pub(super) const ROWS: &[Row] = &[
    Row::new("C1", "timestamp at or beyond until is invalid", |stage| {
        let target = stage.stream();
        for until in [5, 4, 0] {
            let params = ReadParams { until: Some(until), ..from_timestamp(5) };
            invalid(stage.try_read(&target, params.clone()), "start `timestamp` exceeds or equal to `until`");
            invalid(stage.try_open_read(&target, params).1, "start `timestamp` exceeds or equal to `until`");
        }
    }),
    Row::new("C1", "timestamp against until is judged before the stream is looked up", |stage| {
        let mut target = stage.no_stream();
        let config = riverrun_protocol::config::BasinConfig { create_stream_on_read: true, ..Default::default() };
        target.basin = stage.basin_with(config);
        let params = ReadParams { until: Some(5), ..from_timestamp(5) };
        invalid(stage.try_read(&target, params), "until");
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("C1", "timestamp just below until is sound", |stage| {
        let target = prepare(stage, Five);
        let params = ReadParams { until: Some(201), ..from_timestamp(200) };
        assert_eq!(stage.read(&target, params).seq_nums(), [1, 2]);
    }),
    Row::new("C3", "a session without bounds may follow", |stage| {
        let target = prepare(stage, Five);
        let session = stage.open_read(&target, from_seq(5));
        assert_eq!(stage.next_heartbeat(session).seq_num, 5);
        stage.close_read(session);
    }),
    Row::new("C3", "any bound takes the permission to follow away", |stage| {
        let target = prepare(stage, Five);
        for params in bounded(5) {
            unwritten(stage, &target, |stage| stage.try_open_read(&target, params.clone()).1.map(drop));
        }
    }),
    Row::new("C3", "a wait gives it back", |stage| {
        let target = prepare(stage, Five);
        for params in bounded(5) {
            let session = stage.open_read(&target, ReadParams { wait_secs: Some(60), ..params });
            assert_eq!(stage.next_heartbeat(session).seq_num, 5);
            stage.close_read(session);
        }
    }),
    Row::new("C3", "for the single-batch read only a wait counts", |stage| {
        let target = prepare(stage, Five);
        unwritten(stage, &target, |stage| stage.try_read(&target, from_seq(5)).map(drop));
        let no_wait = ReadParams { wait_secs: Some(0), ..from_seq(5) };
        unwritten(stage, &target, |stage| stage.try_read(&target, no_wait.clone()).map(drop));
    }),
    Row::new("C4", "followed from a clamped start, records are not filtered by the timestamp", |stage| {
        let target = prepare(stage, Five);
        let session = stage.open_read(&target, ReadParams { clamp: true, ..from_timestamp(u64::MAX) });
        assert_eq!(stage.next_heartbeat(session).seq_num, 5);
        stage.append(&target, &[body_of("x")]);
        assert_eq!(stage.next_records(session).seq_nums(), [5]);
    }),
    Row::new("C4", "416 carries no other fact", |stage| {
        let target = prepare(stage, Five);
        let error = refused(stage.try_read(&target, from_seq(9)), ErrorCode::Unwritten);
        assert_eq!((error.seq_num, error.fencing_token), (None, None));
    }),
    Row::new("C4", "a missing stream is not found, whatever the start", |stage| {
        let target = stage.no_stream();
        for start in [ReadStart::SeqNum(0), ReadStart::Timestamp(0), ReadStart::TailOffset(0)] {
            refused(stage.try_read(&target, ReadParams::new(start)), ErrorCode::StreamNotFound);
            refused(stage.try_open_read(&target, ReadParams::new(start)).1, ErrorCode::StreamNotFound);
        }
    }),
];

fn bounded(seq_num: u64) -> [ReadParams; 3] {
    [
        ReadParams { count: Some(9), ..from_seq(seq_num) },
        ReadParams { bytes: Some(9), ..from_seq(seq_num) },
        ReadParams { until: Some(u64::MAX), ..from_seq(seq_num) },
    ]
}

fn prepare(stage: &mut Stage<'_>, kind: Kind) -> StreamRef {
    let target = stage.stream();
    if matches!(kind, Empty) {
        return target;
    }
    stage.stamp(&target, &[Some(100), Some(200), Some(200)]);
    stage.stamp(&target, &[Some(300), Some(400)]);
    let earliest = match kind {
        Empty | Five => return target,
        Cut => 2,
        Nothing => u64::MAX,
    };
    let trim = riverrun_protocol::batch::Record { timestamp: Some(400), ..crate::stage::data::trim(earliest) };
    stage.append(&target, &[trim]);
    let first = earliest.min(6);
    stage.until("the trim holds", |stage| {
        let found = stage.read_all(&target).seq_nums();
        found.first().is_none_or(|found| *found >= first).then_some(())
    });
    target
}

fn unary(stage: &mut Stage<'_>, kind: Kind, params: ReadParams, clamp: bool, follow: bool, outcome: Outcome) {
    let target = prepare(stage, kind);
    let params = ReadParams { clamp, wait_secs: follow.then_some(60), ..params };
    match outcome {
        Records(seq_nums) => assert_eq!(stage.read(&target, params).seq_nums(), seq_nums),
        Clean => assert_eq!(stage.read(&target, params).records, []),
        Unwritten => unwritten(stage, &target, |stage| stage.try_read(&target, params.clone()).map(drop)),
        Follows => {
            let read = riverrun_protocol::request::Read { target: target.clone(), params };
            let id = stage.send(&riverrun_protocol::Request::Read(read));
            stage.assert_silent(id, &target);
            let ack = stage.say(&target, &["live"]);
            let response = crate::stage::done(stage.answer(id));
            let riverrun_protocol::Response::ReadBatches(batches) = response else { panic!("not {response:?}") };
            let got = crate::stage::Got::of(&batches);
            assert_eq!((got.seq_nums(), got.tail), (vec![ack.start.seq_num], Some(ack.end)), "C9");
        }
    }
}

/// A session without bounds may always follow; one that may not has a bound that it does not reach.
fn session(stage: &mut Stage<'_>, kind: Kind, params: ReadParams, clamp: bool, follow: bool, outcome: Outcome) {
    let target = prepare(stage, kind);
    let params = ReadParams { clamp, count: (!follow).then_some(100), ..params };
    if let Unwritten = outcome {
        return unwritten(stage, &target, |stage| stage.try_open_read(&target, params.clone()).1.map(drop));
    }
    let tail = stage.tail(&target);
    let session = stage.open_read(&target, params);
    if let Records(seq_nums) = outcome {
        stage.next_seq_nums(session, seq_nums);
    }
    if follow {
        assert_eq!(stage.next_heartbeat(session), tail, "C8: on entering follow mode, at once");
        let ack = stage.say(&target, &["live"]);
        let got = stage.next_records(session);
        assert_eq!((got.seq_nums(), got.tail), (vec![ack.start.seq_num], Some(ack.end)));
    } else {
        stage.next_end(session);
    }
}

/// Refused with 416 and the tail.
fn unwritten(stage: &mut Stage<'_>, target: &StreamRef, read: impl FnOnce(&mut Stage<'_>) -> Result<(), ErrorFrame>) {
    let tail: Position = stage.tail(target);
    let error = refused(read(stage), ErrorCode::Unwritten);
    assert_eq!(error.tail, Some(tail), "the refusal tells the tail");
}
