//! C8, C13, C16: heartbeats, tails on batches, and what an open session sees of a stream's end.

use riverrun_protocol::batch::RecordView;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, from_seq, trim};
use crate::stage::done;

pub(super) const ROWS: &[Row] = &[
    Row::new("C8", "entering follow mode on an empty stream: a heartbeat with (0, 0)", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        assert_eq!(stage.next_heartbeat(session), Position::default());
    }),
    Row::new("C8", "entering it after catch-up: the records first, then the heartbeat", |stage| {
        let target = stage.stream();
        let ack = stage.say(&target, &["a", "b"]);
        let session = stage.open_read(&target, from_seq(0));
        stage.next_seq_nums(session, &[0, 1]);
        assert_eq!(stage.next_heartbeat(session), ack.end);
    }),
    Row::new("C8", "idle: a heartbeat every 5 to 15 s", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        let mut gaps = Vec::new();
        for _ in 0..40 {
            let before = stage.wall_ms();
            stage.next_heartbeat(session);
            gaps.push(stage.wall_ms() - before);
        }
        assert!(gaps.iter().all(|gap| (5000..=15_001).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap != gaps[0]), "each time a fresh chance: {gaps:?}");
    })
    .needs_clock(),
    Row::new("C8", "a live batch carries the tail", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        let ack = stage.say(&target, &["a"]);
        assert_eq!(stage.next_records(session).tail, Some(ack.end));
    }),
    Row::new("C8", "a tail on a batch of history never claims what is not delivered", |stage| {
        let target = stage.stream();
        for _ in 0..5 {
            stage.append(&target, &vec![body_of("x"); 1000]);
        }
        let session = stage.open_read(&target, from_seq(0));
        let mut next = 0;
        while next < 5000 {
            let got = stage.next_records(session);
            next += got.records.len() as u64;
            assert!(got.tail.is_none_or(|tail| tail.seq_num >= next));
        }
        assert_eq!(stage.next_heartbeat(session).seq_num, 5000);
    }),
    Row::new("C13", "a live batch at the tail makes a reader caught up", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        stage.say(&target, &["a", "b"]);
        let got = stage.next_records(session);
        assert_eq!(got.seq_nums().last().map(|last| last + 1), got.tail.map(|tail| tail.seq_num));
    }),
    Row::new("C8", "every follower hears each batch, on whatever connection", |stage| {
        let target = stage.stream();
        let other = stage.enter();
        let mine = stage.open_read(&target, from_seq(0));
        let theirs = stage.behind(other, |stage| stage.open_read(&target, from_seq(0)));
        stage.next_heartbeat(mine);
        stage.behind(other, |stage| stage.next_heartbeat(theirs));
        for n in 0..5 {
            stage.say(&target, &["x"]);
            stage.next_seq_nums(mine, &[n]);
            stage.behind(other, |stage| stage.next_seq_nums(theirs, &[n]));
        }
    }),
    Row::new("C14", "a follower's records are there for everyone", |stage| {
        let target = stage.stream();
        let other = stage.enter();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        let id = stage.behind(other, |stage| stage.send_append(&target, Default::default(), &[body_of("x")]));
        stage.next_seq_nums(session, &[0]);
        assert_eq!(stage.tail(&target).seq_num, 1);
        assert_eq!(stage.read_all(&target).bodies(), ["x"]);
        done(stage.behind(other, |stage| stage.answer(id)));
    }),
    Row::new("C16", "a trim while following does nothing to the follower", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        stage.next_heartbeat(session);
        stage.say(&target, &["a", "b"]);
        stage.next_seq_nums(session, &[0, 1]);
        stage.append(&target, &[trim(u64::MAX)]);
        stage.next_seq_nums(session, &[2]);
        stage.say(&target, &["c"]);
        stage.next_seq_nums(session, &[3]);
    }),
    Row::new("C16", "a deleted stream's follower: the terminal trim, then unavailable", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        let session = stage.open_read(&target, from_seq(0));
        stage.next_seq_nums(session, &[0]);
        stage.next_heartbeat(session);
        done(stage.delete_stream(&target));
        let got = stage.next_records(session);
        assert!(got.records.iter().all(RecordView::is_command) && got.seq_nums() == [1]);
        assert_eq!(&got.records[0].body[..], [0xff; 8]);
        assert_eq!(stage.next_error(session).code, ErrorCode::Unavailable);
    }),
    Row::new("C8", "a follower survives a long idle time, and then hears the next record", |stage| {
        let target = stage.stream();
        let session = stage.open_read(&target, from_seq(0));
        for _ in 0..60 {
            stage.next_heartbeat(session);
        }
        let ack = stage.say(&target, &["x"]);
        assert_eq!(stage.next_records(session).tail, Some(ack.end));
    })
    .needs_clock(),
];
