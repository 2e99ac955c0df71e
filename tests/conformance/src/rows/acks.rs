//! B8: what an ack says. B6: the order of batches.

use crate::row::Row;
use crate::stage::Stage;
use crate::stage::data::{at, body_of, fence};

pub(super) const ROWS: &[Row] = &[
    Row::new("B8", "start is the first record's position, end is behind the last", positions),
    Row::new("B8", "end counts commands", |stage| {
        let target = stage.stream();
        let ack = stage.append(&target, &[fence("t"), body_of("x")]);
        assert_eq!((ack.start.seq_num, ack.end.seq_num), (0, 2));
    }),
    Row::new("B8", "the tail is at the end or beyond", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        (0..50).for_each(|_| stage.input(session, &[body_of("x")]));
        let acks: Vec<_> = (0..50).map(|_| stage.next_ack(session)).collect();
        assert!(acks.iter().all(|ack| ack.tail.seq_num >= ack.end.seq_num && ack.tail.timestamp >= ack.end.timestamp));
        assert!(acks.windows(2).all(|pair| pair[0].tail.seq_num <= pair[1].tail.seq_num), "the tail never goes back");
    }),
    Row::new("B8", "with nobody else about, the tail is the end", |stage| {
        let target = stage.stream();
        let ack = stage.say(&target, &["a", "b"]);
        assert_eq!(ack.tail, ack.end);
        assert_eq!(stage.tail(&target), ack.end);
    }),
    Row::new("B6", "batches are numbered one behind the other, whoever sends them", interleaved),
    Row::new("B6", "unary appends on one connection keep what each was given", |stage| {
        let target = stage.stream();
        let ids: Vec<u64> =
            (0..20).map(|n| stage.send_append(&target, Default::default(), &[body_of(&n.to_string())])).collect();
        for (n, id) in ids.into_iter().enumerate() {
            let ack = crate::stage::done(stage.answer(id));
            let riverrun_protocol::Response::AppendAck(ack) = ack else { panic!("an ack, not {ack:?}") };
            let read = stage.read(&target, crate::stage::data::from_seq(ack.start.seq_num));
            assert_eq!(read.bodies()[0], n.to_string());
        }
    }),
];

fn positions(stage: &mut Stage<'_>) {
    let target = stage.stream();
    stage.say(&target, &["before"]);
    let ack = stage.append(&target, &[at(Some(u64::MAX)), at(None), at(None)]);
    let read = stage.read(&target, crate::stage::data::from_seq(1));
    assert_eq!((ack.start.seq_num, ack.end.seq_num), (1, 4));
    assert_eq!(ack.start.timestamp, read.timestamps()[0]);
    assert_eq!(ack.end.timestamp, read.timestamps()[2]);
}

fn interleaved(stage: &mut Stage<'_>) {
    let target = stage.stream();
    let other = stage.enter();
    let mine = stage.open_append(&target);
    let theirs = stage.behind(other, |stage| stage.open_append(&target));
    for _ in 0..10 {
        stage.input(mine, &[body_of("mine"), body_of("mine")]);
        stage.behind(other, |stage| stage.input(theirs, &[body_of("theirs")]));
    }
    let mut acks: Vec<_> = (0..10).map(|_| stage.next_ack(mine)).collect();
    assert!(acks.windows(2).all(|pair| pair[0].end.seq_num <= pair[1].start.seq_num), "a session's order is kept");
    acks.extend(stage.behind(other, |stage| (0..10).map(|_| stage.next_ack(theirs)).collect::<Vec<_>>()));
    acks.sort_by_key(|ack| ack.start.seq_num);
    let mut next = 0;
    for ack in &acks {
        assert_eq!(ack.start.seq_num, next, "no hole, no overlap");
        next = ack.end.seq_num;
    }
    let bodies = stage.read_all(&target);
    for ack in acks.iter().filter(|ack| ack.end.seq_num - ack.start.seq_num == 2) {
        let at = ack.start.seq_num as usize;
        assert_eq!(bodies.bodies()[at..at + 2], ["mine", "mine"], "batches never interleave");
    }
}
