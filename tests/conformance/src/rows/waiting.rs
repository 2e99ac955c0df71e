//! C7, C9: waiting at the tail.

use riverrun_protocol::Response;
use riverrun_protocol::request::{Read, ReadParams, Request, StreamRef};

use crate::row::Row;
use crate::stage::data::{body_of, from_seq, from_tail, from_timestamp};
use crate::stage::{Got, Stage, done};

pub(super) const ROWS: &[Row] = &[
    Row::new("C7", "a single-batch read without wait does not wait", |stage| {
        let target = stage.stream();
        assert_eq!(stage.read(&target, from_timestamp(0)).records, []);
    }),
    Row::new("C7", "a single-batch read whose wait ends: nothing, no tail, no error", |stage| {
        let target = stage.stream();
        let before = stage.wall_ms();
        let got = stage.read(&target, wait(1, from_seq(0)));
        assert_eq!((got.records, got.tail), (vec![], None), "C9");
        assert!(stage.wall_ms() >= before + 1000, "it waited");
    }),
    Row::new("C7", "a wait above 60 s is 60 s", |stage| {
        let target = stage.stream();
        let before = stage.wall_ms();
        assert_eq!(stage.read(&target, wait(u32::MAX, from_seq(0))).records, []);
        let waited = stage.wall_ms() - before;
        assert!((60_000..61_000).contains(&waited), "{waited} ms");
    })
    .needs_clock(),
    Row::new("C7", "with records to be had nobody waits", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let before = stage.wall_ms();
        assert_eq!(stage.read(&target, wait(60, from_seq(0))).seq_nums(), [0]);
        assert!(stage.wall_ms() < before + 30_000);
    }),
    Row::new("C9", "a live answer is the first live batch alone, with the tail", |stage| {
        let target = stage.stream();
        let id = send_read(stage, &target, wait(60, from_seq(0)));
        stage.assert_silent(id, &target);
        let ack = stage.say(&target, &["a", "b"]);
        let got = read_answer(stage, id);
        assert_eq!((got.bodies(), got.tail), (vec!["a", "b"], Some(ack.end)));
    }),
    Row::new("C9", "a live answer obeys the bounds", |stage| {
        let target = stage.stream();
        let params = ReadParams { count: Some(1), ..wait(60, from_seq(0)) };
        let id = send_read(stage, &target, params);
        stage.say(&target, &["a", "b"]);
        assert_eq!(read_answer(stage, id).bodies(), ["a"]);
    }),
    Row::new("C7", "a session without bounds waits for ever", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        for _ in 0..20 {
            stage.next_heartbeat(session);
        }
        stage.say(&target, &["x"]);
        stage.next_seq_nums(session, &[0]);
    })
    .needs_clock(),
    Row::new("C7", "a session without bounds and with wait 0 catches up and ends cleanly", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b"]);
        let session = stage.open_read(&target, wait(0, from_seq(0)));
        assert_eq!(stage.read_to_end(session), [0, 1]);
    }),
    Row::new("C7", "the same at the tail: a clean end, no 416, no heartbeat", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        for params in [from_seq(1), from_tail(0)] {
            let session = stage.open_read(&target, wait(0, params));
            assert_eq!(stage.read_to_end(session), [0; 0]);
        }
    }),
    Row::new("C7", "a bounded session with wait 0 does not wait", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let session = stage.open_read(&target, ReadParams { count: Some(9), ..wait(0, from_seq(0)) });
        assert_eq!(stage.read_to_end(session), [0]);
    }),
    Row::new("C7", "a session whose wait ends: a clean end", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let before = stage.wall_ms();
        let session = stage.open_read(&target, wait(1, from_seq(0)));
        stage.next_seq_nums(session, &[0]);
        stage.next_heartbeat(session);
        stage.next_end(session);
        assert!(stage.wall_ms() >= before + 1000, "it waited");
    }),
    Row::new("C7", "a session's wait counts from the last record", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, wait(4, from_seq(0)));
        stage.next_heartbeat(session);
        for n in 0..5 {
            stage.advance_secs(3);
            stage.append(&target, &[body_of("x")]);
            assert_eq!(stage.next_records(session).seq_nums(), [n]);
        }
        let before = stage.wall_ms();
        stage.next_end(session);
        let waited = stage.wall_ms() - before;
        assert!((4000..5000).contains(&waited), "{waited} ms");
    })
    .needs_clock(),
    Row::new("C7", "heartbeats do not move a session's deadline", |stage| {
        let target = stage.stream();
        let before = stage.wall_ms();
        let session = stage.open_read(&target, wait(40, from_seq(0)));
        let mut heartbeats = 0;
        while let crate::Said::Push(_) = stage.next(session) {
            heartbeats += 1;
        }
        let waited = stage.wall_ms() - before;
        assert!((40_000..41_000).contains(&waited) && heartbeats >= 3, "{waited} ms, {heartbeats} heartbeats");
    })
    .needs_clock(),
];

fn wait(wait_secs: u32, params: ReadParams) -> ReadParams {
    ReadParams { wait_secs: Some(wait_secs), ..params }
}

fn send_read(stage: &mut Stage<'_>, target: &StreamRef, params: ReadParams) -> u64 {
    stage.send(&Request::Read(Read { target: target.clone(), params }))
}

fn read_answer(stage: &mut Stage<'_>, id: u64) -> Got {
    match done(stage.answer(id)) {
        Response::ReadBatches(batches) => Got::of(&batches),
        other => panic!("records were expected, not {other:?}"),
    }
}
