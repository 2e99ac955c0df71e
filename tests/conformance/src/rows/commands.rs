//! B5: command records.

use riverrun_protocol::batch::Record;
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, command, fence, from_seq, from_tail, trim};
use crate::stage::{Stage, invalid};

pub(super) const ROWS: &[Row] = &[
    Row::new("B5", "an unknown word is invalid", |stage| bad(stage, command("delete", ""), "unknown command")),
    Row::new("B5", "an empty word is invalid", |stage| bad(stage, command("", ""), "unknown command")),
    Row::new("B5", "words are case-sensitive", |stage| {
        bad(stage, command("Fence", ""), "unknown command");
        bad(stage, command("TRIM", vec![0; 8]), "unknown command");
    }),
    Row::new("B5", "words are matched whole", |stage| {
        bad(stage, command("fence ", ""), "unknown command");
        bad(stage, command("trimm", vec![0; 8]), "unknown command");
    }),
    Row::new("B5", "a fence that is no UTF-8 is invalid", |stage| {
        bad(stage, command("fence", vec![0xff, 0xfe]), "invalid `fence` command: invalid UTF-8");
    }),
    Row::new("B5", "a fence of 37 bytes is invalid", |stage| {
        let message = "invalid `fence` command: fencing token must not exceed 36 bytes in length";
        bad(stage, command("fence", vec![b'a'; 37]), message);
    }),
    Row::new("B5", "a trim of 0, 7 or 9 bytes is invalid", |stage| {
        for length in [0, 7, 9] {
            let message =
                format!("invalid `trim` command: earliest sequence number to trim to was {length} bytes, must be 8");
            bad(stage, command("trim", vec![0; length]), &message);
        }
    }),
    Row::new("B5", "commands are read like any record", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("t"), trim(0)]);
        let records = stage.read_all(&target).records;
        assert!(records.iter().all(riverrun_protocol::batch::RecordView::is_command));
        assert_eq!(records[0].headers[0].1, "fence");
        assert_eq!(records[0].body, "t");
        assert_eq!(records[1].headers[0].1, "trim");
        assert_eq!(&records[1].body[..], [0; 8]);
        assert!(records[0].timestamp > 0);
    }),
    Row::new("B5", "a batch may mix data, fences and trims", |stage| {
        let target = stage.stream();
        let ack = stage.append(&target, &[body_of("a"), fence("t"), body_of("b"), trim(0), body_of("c")]);
        assert_eq!(ack.end.seq_num, 5);
    }),
    Row::new("B5", "commands count in bounds", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("t"), trim(0), body_of("a")]);
        let mut params = from_seq(0);
        params.count = Some(2);
        assert_eq!(stage.read(&target, params).seq_nums(), [0, 1]);
    }),
    Row::new("B5", "trim 0 changes nothing, and is stored", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b"]);
        stage.append(&target, &[trim(0)]);
        assert_eq!(stage.read_all(&target).seq_nums(), [0, 1, 2]);
    }),
    Row::new("B5", "trim up to a number below removes what is below", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b", "c", "d"]);
        stage.trim(&target, 2);
        assert_eq!(stage.read_all(&target).seq_nums(), [2, 3, 4]);
    }),
    Row::new("B5", "trim to its own number keeps itself alone", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b"]);
        stage.trim(&target, 2);
        assert_eq!(stage.read_all(&target).seq_nums(), [2]);
    }),
    Row::new("B5", "trim beyond itself removes everything, itself included", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b"]);
        stage.trim(&target, 3);
        assert_eq!(stage.read_all(&target).records, []);
    }),
    Row::new("B5", "trim to u64 max is clipped, and appends go on", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        stage.trim(&target, u64::MAX);
        let ack = stage.say(&target, &["b"]);
        assert_eq!(ack.start.seq_num, 2);
        assert_eq!(stage.read_all(&target).bodies(), ["b"]);
        let kept = stage.read_all(&target).seq_nums();
        assert_eq!(kept, [2], "what comes behind the clip is kept");
    }),
    Row::new("B5", "a smaller trim later changes nothing", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b", "c"]);
        stage.trim(&target, 2);
        stage.append(&target, &[trim(1)]);
        assert_eq!(stage.read_all(&target).seq_nums(), [2, 3, 4]);
    }),
    Row::new("B5", "of several trims the highest holds", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b", "c"]);
        stage.append(&target, &[trim(2), trim(1)]);
        stage.until("the higher trim holds", |stage| {
            (stage.read_all(&target).seq_nums().first() == Some(&2)).then_some(())
        });
        assert_eq!(stage.read_all(&target).seq_nums(), [2, 3, 4]);
    }),
    Row::new("B5", "a trim in the middle of its batch is clipped at itself", |stage| {
        let target = stage.stream();
        stage.append(&target, &[body_of("a"), trim(u64::MAX), body_of("b")]);
        stage.until("the trim holds", |stage| (stage.read_all(&target).seq_nums().first() == Some(&2)).then_some(()));
        assert_eq!(stage.read_all(&target).bodies(), ["b"]);
    }),
    Row::new("B5", "tail_offset counts numbers, not survivors", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b", "c", "d"]);
        stage.trim(&target, 3);
        assert_eq!(stage.read(&target, from_tail(4)).seq_nums(), [3, 4]);
        assert_eq!(stage.read(&target, from_tail(1)).seq_nums(), [4]);
    }),
    Row::new("B5", "a clipped trim is clipped behind a restart too", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        stage.trim(&target, u64::MAX);
        stage.say(&target, &["b"]);
        stage.restart();
        assert_eq!(stage.say(&target, &["c"]).start.seq_num, 3);
        assert_eq!(stage.read_all(&target).bodies(), ["b", "c"]);
    })
    .needs_restart(),
    Row::new("B5", "a trim holds behind a restart", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a", "b", "c"]);
        let ack = stage.trim(&target, 2);
        stage.restart();
        assert_eq!(stage.tail(&target), ack.end);
        stage.until("the trim holds", |stage| (stage.read_all(&target).seq_nums().first() == Some(&2)).then_some(()));
    })
    .needs_restart(),
];

fn bad(stage: &mut Stage<'_>, record: Record, message: &str) {
    let target = stage.stream();
    invalid(stage.try_append(&target, &[body_of("before"), record]), message);
    assert_eq!(stage.tail(&target), Position::default(), "nothing of the batch is there");
}
