//! B10, B11: append sessions.

use riverrun_protocol::config::BasinConfig;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, command, fence, fencing, if_seq, if_token};
use crate::stage::{Stage, done, refused, refused_as};

pub(super) const ROWS: &[Row] = &[
    Row::new("B10", "it is open before any input", |stage| {
        let target = stage.stream();
        stage.open_append(&target);
    }),
    Row::new("B10", "opening it says where the stream ends", |stage| {
        let target = stage.stream();
        let ack = stage.say(&target, &["a"]);
        let (_, opened) = stage.try_open_append(&target);
        assert_eq!(done(opened).tail, ack.end);
    })
    .needs_binary("a tail at a session's opening"),
    Row::new("B10", "a missing stream is refused at opening", |stage| {
        let target = stage.no_stream();
        refused(stage.try_open_append(&target).1, ErrorCode::StreamNotFound);
    }),
    Row::new("B10", "a missing basin is refused at opening", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_name();
        refused(stage.try_open_append(&target).1, ErrorCode::BasinNotFound);
    }),
    Row::new("B10", "opening creates the stream where the basin says so", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_with(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() });
        stage.open_append(&target);
        done(stage.stream_config(&target));
        assert_eq!(stage.tail(&target), Position::default());
    }),
    Row::new("B10", "one ack for each input, in order", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        (1..=30).for_each(|n| stage.input(session, &vec![body_of("x"); n]));
        let mut next = 0;
        for n in 1..=30 {
            let ack = stage.next_ack(session);
            assert_eq!((ack.start.seq_num, ack.end.seq_num), (next, next + n));
            next += n;
        }
    }),
    Row::new("B10", "no inputs at all: a clean end", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.close_append(session);
        stage.next_end(session);
    }),
    Row::new("B10", "closing: the remaining acks, then a clean end", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        (0..5).for_each(|_| stage.input(session, &[body_of("x")]));
        stage.close_append(session);
        (0..5).for_each(|n| assert_eq!(stage.next_ack(session).start.seq_num, n));
        stage.next_end(session);
    }),
    Row::new("B10", "ok, ok, failure, ok: two acks, the error, and nothing more", ok_ok_failure_ok),
    Row::new("B10", "a fencing mismatch ends the session, and reveals the token", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("mine")]);
        let session = stage.open_append(&target);
        stage.input_if(session, if_token("yours"), &[body_of("x")]);
        let error = refused(Err::<(), _>(stage.next_error(session)), ErrorCode::FencingTokenMismatch);
        assert_eq!(error.fencing_token, Some(fencing("mine")));
        stage.assert_silent(session, &target);
    }),
    Row::new("B10", "an invalid input: the acks before it, then the error", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[body_of("a")]);
        stage.input(session, &[]);
        stage.input(session, &[body_of("b")]);
        assert_eq!(stage.next_ack(session).end.seq_num, 1);
        refused(Err::<(), _>(stage.next_error(session)), ErrorCode::Invalid);
        stage.assert_silent(session, &target);
        assert_eq!(stage.tail(&target).seq_num, 1);
    }),
    Row::new("B10", "an invalid command: the acks before it, then the error", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[body_of("a")]);
        stage.input(session, &[command("nonsense", "")]);
        stage.input(session, &[body_of("b")]);
        assert_eq!(stage.next_ack(session).end.seq_num, 1);
        refused(Err::<(), _>(stage.next_error(session)), ErrorCode::Invalid);
        stage.assert_silent(session, &target);
        assert_eq!(stage.tail(&target).seq_num, 1);
    }),
    Row::new("B10", "conditions are those of each input", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input_if(session, if_seq(0), &[body_of("a"), body_of("b")]);
        stage.input(session, &[body_of("c")]);
        stage.input_if(session, if_seq(3), &[body_of("d")]);
        let ends: Vec<u64> = (0..3).map(|_| stage.next_ack(session).end.seq_num).collect();
        assert_eq!(ends, [2, 3, 4]);
    }),
    Row::new("B10", "a failed session does no harm to another one", |stage| {
        let target = stage.stream();
        let (bad, good) = (stage.open_append(&target), stage.open_append(&target));
        stage.input_if(bad, if_seq(9), &[body_of("x")]);
        stage.input(good, &[body_of("y")]);
        stage.next_error(bad);
        stage.next_ack(good);
        stage.input(good, &[body_of("z")]);
        assert_eq!(stage.next_ack(good).start.seq_num, 1);
    }),
    Row::new("B10", "a new session works after a failed one", |stage| {
        let target = stage.stream();
        let bad = stage.open_append(&target);
        stage.input_if(bad, if_seq(9), &[body_of("x")]);
        stage.next_error(bad);
        let good = stage.open_append(&target);
        stage.input_if(good, if_seq(0), &[body_of("y")]);
        assert_eq!(stage.next_ack(good).end.seq_num, 1);
    }),
    Row::new("B10", "it outlives a long idle time, without a heartbeat", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[body_of("a")]);
        stage.next_ack(session);
        stage.advance_secs(600);
        stage.assert_silent(session, &target);
        stage.input(session, &[body_of("b")]);
        assert_eq!(stage.next_ack(session).start.seq_num, 1);
    })
    .needs_clock(),
    Row::new("B10", "a stream that is deleted meanwhile: the next input is refused", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[body_of("a")]);
        stage.next_ack(session);
        done(stage.delete_stream(&target));
        stage.input(session, &[body_of("b")]);
        let error = stage.next_error(session);
        refused_as(Err::<(), _>(error), &[ErrorCode::StreamDeletionPending, ErrorCode::StreamNotFound]);
    }),
    Row::new("B11", "a unary mismatch is no end of anything", |stage| {
        let target = stage.stream();
        refused(stage.try_append_if(&target, if_seq(4), &[body_of("x")]), ErrorCode::SeqNumMismatch);
        assert_eq!(stage.say(&target, &["x"]).start.seq_num, 0);
    }),
    Row::new("B11", "a missing stream", |stage| {
        let target = stage.no_stream();
        refused(stage.try_append(&target, &[body_of("x")]), ErrorCode::StreamNotFound);
    }),
    Row::new("B11", "a missing basin", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_name();
        refused(stage.try_append(&target, &[body_of("x")]), ErrorCode::BasinNotFound);
    }),
    Row::new("B2", "a batch is validated before its stream is looked up: nothing is created", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_with(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() });
        refused(stage.try_append(&target, &[]), ErrorCode::Invalid);
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("B2", "conditions are judged after the stream is created", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_with(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() });
        refused(stage.try_append_if(&target, if_seq(1), &[body_of("x")]), ErrorCode::SeqNumMismatch);
        done(stage.stream_config(&target));
    }),
];

fn ok_ok_failure_ok(stage: &mut Stage<'_>) {
    let target = stage.stream();
    let session = stage.open_append(&target);
    stage.input(session, &[body_of("a")]);
    stage.input(session, &[body_of("b")]);
    stage.input_if(session, if_seq(7), &[body_of("c")]);
    stage.input(session, &[body_of("d")]);
    assert_eq!(stage.next_ack(session).start.seq_num, 0);
    assert_eq!(stage.next_ack(session).start.seq_num, 1);
    let error = refused(Err::<(), _>(stage.next_error(session)), ErrorCode::SeqNumMismatch);
    assert_eq!(error.seq_num, Some(2));
    stage.input(session, &[body_of("e")]);
    stage.assert_silent(session, &target);
    assert_eq!(stage.read_all(&target).bodies(), ["a", "b"]);
}
