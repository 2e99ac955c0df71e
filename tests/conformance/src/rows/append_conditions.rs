//! B1, B3, B4, B9: conditions of appends.

use riverrun_protocol::config::{PartialStreamConfig, TimestampingMode};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{AppendConditions, StreamRef};
use riverrun_protocol::response::AppendAck;

use crate::row::Row;
use crate::stage::data::{body_of, fence, fencing, if_seq, if_token, trim};
use crate::stage::{Stage, done, invalid, refused};

pub(super) const ROWS: &[Row] = &[
    Row::new("B1", "a batch is visible whole or not at all", |stage| {
        let target = stage.stream();
        let records = [body_of("a"), fence("t"), crate::stage::data::command("nonsense", "")];
        invalid(stage.try_append(&target, &records), "unknown command");
        assert_eq!(stage.tail(&target).seq_num, 0);
        done(stage.try_append_if(&target, if_token(""), &[body_of("b")]));
    }),
    Row::new("B3", "match_seq_num of the next number", |stage| {
        let target = stage.stream();
        assert_eq!(done(stage.try_append_if(&target, if_seq(0), &[body_of("a"), body_of("b")])).end.seq_num, 2);
        assert_eq!(done(stage.try_append_if(&target, if_seq(2), &[body_of("c")])).end.seq_num, 3);
    }),
    Row::new("B3", "match_seq_num below reveals the next number", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b"]);
        seq_mismatch(stage, &target, 1, 2);
    }),
    Row::new("B3", "match_seq_num above reveals the next number", |stage| {
        let target = stage.stream();
        seq_mismatch(stage, &target, 1, 0);
        seq_mismatch(stage, &target, u64::MAX, 0);
    }),
    Row::new("B3", "match_seq_num counts what is accepted and not yet durable", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        for seq_num in 0..20 {
            stage.input_if(session, if_seq(seq_num), &[body_of("x")]);
        }
        for seq_num in 0..20 {
            assert_eq!(stage.next_ack(session).start.seq_num, seq_num);
        }
    }),
    Row::new("B3", "match_seq_num counts what others have appended", |stage| {
        let target = stage.stream();
        let other = stage.enter();
        stage.behind(other, |stage| stage.say(&target, &["a"]));
        seq_mismatch(stage, &target, 0, 1);
        done(stage.try_append_if(&target, if_seq(1), &[body_of("b")]));
    }),
    Row::new("B3", "the fencing token is judged before match_seq_num", |stage| {
        let target = stage.stream();
        let both = AppendConditions { match_seq_num: Some(9), fencing_token: Some(fencing("mine")) };
        let error = mismatch(stage.try_append_if(&target, both, &[body_of("x")]), "");
        assert_eq!(error.seq_num, None, "only the fencing mismatch is reported");
    }),
    Row::new("B3", "match_seq_num is judged where the token matches", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("mine")]);
        let both = |seq_num| AppendConditions { match_seq_num: Some(seq_num), fencing_token: Some(fencing("mine")) };
        let error = refused(stage.try_append_if(&target, both(0), &[body_of("x")]), ErrorCode::SeqNumMismatch);
        assert_eq!((error.seq_num, error.fencing_token), (Some(1), None));
        done(stage.try_append_if(&target, both(1), &[body_of("x")]));
    }),
    Row::new("B3", "conditions are judged before timestamps", |stage| {
        let target = stage.stream_with(PartialStreamConfig {
            timestamping_mode: Some(TimestampingMode::ClientRequire),
            ..PartialStreamConfig::default()
        });
        let error = refused(stage.try_append_if(&target, if_seq(5), &[body_of("x")]), ErrorCode::SeqNumMismatch);
        assert_eq!(error.seq_num, Some(0));
    }),
    Row::new("B3", "a batch that is invalid in itself is so whatever its conditions", |stage| {
        let target = stage.stream();
        invalid(stage.try_append_if(&target, if_seq(5), &[]), "record batch must not be empty");
        invalid(stage.try_append_if(&target, if_token("x"), &[]), "record batch must not be empty");
    }),
    Row::new("B3", "commands apply after the whole batch is numbered", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let ack = stage.append(&target, &[trim(2), body_of("b"), body_of("c")]);
        assert_eq!((ack.start.seq_num, ack.end.seq_num), (1, 4));
        let kept = stage.until("what is below the trim record is removed", |stage| {
            let found = stage.read_all(&target).seq_nums();
            (found.first() == Some(&2)).then_some(found)
        });
        assert_eq!(kept, [2, 3]);
    }),
    Row::new("B4", "the initial token is empty", |stage| {
        let target = stage.stream();
        done(stage.try_append_if(&target, if_token(""), &[body_of("x")]));
        mismatch(stage.try_append_if(&target, if_token("a"), &[body_of("x")]), "");
    }),
    Row::new("B4", "requests without a token are never refused on account of fencing", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("mine")]);
        stage.say(&target, &["x"]);
        done(stage.try_append_if(&target, if_seq(2), &[body_of("y")]));
    }),
    Row::new("B4", "the empty token is a real check", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("mine")]);
        mismatch(stage.try_append_if(&target, if_token(""), &[body_of("x")]), "mine");
    }),
    Row::new("B4", "a fence holds for the very next batch", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[fence("mine")]);
        stage.input_if(session, if_token("mine"), &[body_of("x")]);
        stage.input_if(session, if_token(""), &[body_of("y")]);
        assert_eq!(stage.next_ack(session).end.seq_num, 1);
        assert_eq!(stage.next_ack(session).end.seq_num, 2);
        let error = stage.next_error(session);
        assert_eq!((error.code, error.fencing_token), (ErrorCode::FencingTokenMismatch, Some(fencing("mine"))));
    }),
    Row::new("B4", "the batch that fences is held against the old token", |stage| {
        let target = stage.stream();
        mismatch(stage.try_append_if(&target, if_token("new"), &[fence("new")]), "");
        done(stage.try_append_if(&target, if_token(""), &[fence("new")]));
        mismatch(stage.try_append_if(&target, if_token(""), &[fence("newer")]), "new");
        done(stage.try_append_if(&target, if_token("new"), &[fence("newer")]));
        done(stage.try_append_if(&target, if_token("newer"), &[body_of("x")]));
    }),
    Row::new("B4", "compare-and-set with both conditions", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let both = AppendConditions { match_seq_num: Some(1), fencing_token: Some(fencing("")) };
        done(stage.try_append_if(&target, both, &[fence("mine")]));
    }),
    Row::new("B4", "of several fences in a batch the last one wins", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("a"), body_of("x"), fence("b")]);
        mismatch(stage.try_append_if(&target, if_token("a"), &[body_of("x")]), "b");
        done(stage.try_append_if(&target, if_token("b"), &[body_of("x")]));
    }),
    Row::new("B4", "an empty fence clears the token", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("a")]);
        stage.append(&target, &[fence("")]);
        done(stage.try_append_if(&target, if_token(""), &[body_of("x")]));
        mismatch(stage.try_append_if(&target, if_token("a"), &[body_of("x")]), "");
    }),
    Row::new("B4", "tokens are compared as bytes", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("Tökén")]);
        mismatch(stage.try_append_if(&target, if_token("tökén"), &[body_of("x")]), "Tökén");
        mismatch(stage.try_append_if(&target, if_token("Tökén "), &[body_of("x")]), "Tökén");
        done(stage.try_append_if(&target, if_token("Tökén"), &[body_of("x")]));
    }),
    Row::new("B4", "the token survives trimming", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("mine")]);
        stage.trim(&target, u64::MAX);
        mismatch(stage.try_append_if(&target, if_token(""), &[body_of("x")]), "mine");
    }),
    Row::new("B4", "the token survives a restart", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("old"), body_of("x"), fence("mine")]);
        stage.restart();
        mismatch(stage.try_append_if(&target, if_token("old"), &[body_of("y")]), "mine");
        assert_eq!(done(stage.try_append_if(&target, if_token("mine"), &[body_of("y")])).start.seq_num, 3);
    })
    .needs_restart(),
    Row::new("B9", "a refused batch leaves no trace", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let before = stage.tail(&target);
        mismatch(stage.try_append_if(&target, if_token("x"), &[fence("stolen"), body_of("b"), trim(9)]), "");
        seq_mismatch(stage, &target, 7, 1);
        assert_eq!(stage.tail(&target), before);
        assert_eq!(stage.read_all(&target).bodies(), ["a"]);
        done(stage.try_append_if(&target, if_token(""), &[body_of("b")]));
    }),
    Row::new("B9", "what a refusal reveals can be read at once", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        for _ in 0..5 {
            stage.input(session, &[body_of("x")]);
        }
        let error = refused(stage.try_append_if(&target, if_seq(77), &[body_of("y")]), ErrorCode::SeqNumMismatch);
        let revealed = error.seq_num.unwrap_or_else(|| panic!("a mismatch reveals the number"));
        assert!(stage.tail(&target).seq_num >= revealed, "everything below {revealed} is durable");
    }),
    Row::new("B9", "acknowledged records survive a restart", |stage| {
        let target = stage.stream();
        let ack = stage.say(&target, &["a", "b", "c"]);
        let tail = ack.end;
        stage.restart();
        assert_eq!(stage.tail(&target), tail);
        assert_eq!(stage.read_all(&target).bodies(), ["a", "b", "c"]);
        assert_eq!(stage.say(&target, &["d"]).start.seq_num, 3);
    })
    .needs_restart(),
];

fn seq_mismatch(stage: &mut Stage<'_>, target: &StreamRef, sent: u64, next: u64) {
    let error = refused(stage.try_append_if(target, if_seq(sent), &[body_of("no")]), ErrorCode::SeqNumMismatch);
    assert_eq!((error.seq_num, error.fencing_token), (Some(next), None), "B11: one fact, the next number");
}

fn mismatch(outcome: Result<AppendAck, ErrorFrame>, current: &str) -> ErrorFrame {
    let error = refused(outcome, ErrorCode::FencingTokenMismatch);
    assert_eq!(error.fencing_token, Some(fencing(current)), "B4: the refusal reveals the current token");
    error
}
