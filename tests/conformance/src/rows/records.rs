//! A3 to A6: records, their metered size, the limits of a batch.

use bytes::Bytes;
use riverrun_protocol::batch::Record;
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{at, body_of, fence, from_seq, trim};
use crate::stage::{Stage, invalid};

const MIB: usize = 1 << 20;

pub(super) const ROWS: &[Row] = &[
    Row::new("A3", "an empty record", |stage| same(stage, &[Record::new("")])),
    Row::new("A3", "a body of any bytes", |stage| same(stage, &[Record::new((0..=255).collect::<Vec<u8>>())])),
    Row::new("A3", "headers keep their order and their duplicates", |stage| {
        same(stage, &[with(&[("b", "1"), ("a", "2"), ("b", "1"), ("b", "")], "body")]);
    }),
    Row::new("A3", "header values may be empty", |stage| same(stage, &[with(&[("name", "")], "")])),
    Row::new("A3", "header names and values of any bytes", |stage| {
        let header = (Bytes::from_static(b"\xff\0"), Bytes::from_static(b"\0\xfe"));
        same(stage, &[Record { headers: vec![header], ..Record::new("x") }]);
    }),
    Row::new("A3", "long header names and values", |stage| {
        let header = ("n".repeat(300).into(), "v".repeat(70_000).into());
        same(stage, &[Record { headers: vec![header], ..Record::new("x") }]);
    }),
    Row::new("A3", "two headers of which one has no name are no command, and invalid", |stage| {
        bad(stage, &[with(&[("", "fence"), ("a", "b")], "x")], "invalid header: empty name");
        bad(stage, &[with(&[("a", "b"), ("", "trim")], "x")], "invalid header: empty name");
        bad(stage, &[with(&[("", "fence"), ("", "fence")], "x")], "invalid header: empty name");
    }),
    Row::new("A3", "a record always has a timestamp", |stage| {
        let (target, before) = (stage.stream(), stage.wall_ms());
        stage.say(&target, &["x"]);
        let timestamp = stage.read_all(&target).timestamps()[0];
        assert!((before..=stage.wall_ms()).contains(&timestamp), "{timestamp} is the arrival in milliseconds");
    }),
    Row::new("A4", "metered size: 8, 2 per header, names, values, body", |stage| {
        for (record, size) in [
            (Record::new(""), 8),
            (body_of("12345"), 13),
            (with(&[("ab", "cde"), ("f", "")], "g"), 8 + 4 + 6 + 1),
            (fence("abc"), 18),
            (trim(0), 22),
        ] {
            metered(stage, record, size);
        }
    }),
    Row::new("A5", "an empty batch is invalid", |stage| bad(stage, &[], "record batch must not be empty")),
    Row::new("A5", "1000 records", |stage| {
        let target = stage.stream();
        let ack = stage.append(&target, &vec![body_of("x"); 1000]);
        assert_eq!((ack.start.seq_num, ack.end.seq_num), (0, 1000));
    }),
    Row::new("A5", "1001 records are invalid", |stage| {
        bad(stage, &vec![body_of("x"); 1001], "record batch must not exceed 1000 records");
    }),
    Row::new("A5", "a record of exactly 1 MiB", |stage| same(stage, &[Record::new(vec![1; MIB - 8])])),
    Row::new("A5", "a record of 1 MiB and a byte is invalid", |stage| {
        bad(stage, &[Record::new(vec![1; MIB - 7])], "record must have metered size less than 1 MiB");
    }),
    Row::new("A5", "a batch of exactly 1 MiB", |stage| {
        let target = stage.stream();
        stage.append(&target, &halves(MIB / 2 - 8));
        assert_eq!(stage.read_all(&target).seq_nums(), [0, 1]);
    }),
    Row::new("A5", "a batch of 1 MiB and a byte is invalid", |stage| {
        bad(stage, &halves(MIB / 2 - 7)[..], "record batch must not exceed a metered size of 1 MiB");
    }),
    Row::new("A5", "a read gives at most 1000 records", |stage| {
        let target = stage.stream();
        stage.append(&target, &vec![body_of("x"); 1000]);
        stage.append(&target, &vec![body_of("y"); 500]);
        assert_eq!(stage.read_all(&target).records.len(), 1000);
        assert_eq!(stage.read(&target, from_seq(1000)).records.len(), 500);
    }),
    Row::new("A5", "a read gives at most 1 MiB", |stage| {
        let target = stage.stream();
        for _ in 0..3 {
            stage.append(&target, &[Record::new(vec![1; MIB / 2 - 8])]);
        }
        assert_eq!(stage.read_all(&target).seq_nums(), [0, 1]);
        stage.append(&target, &[Record::new(vec![1; MIB - 8])]);
        assert_eq!(stage.read(&target, from_seq(2)).seq_nums(), [2], "the next one alone is 1 MiB");
    }),
    Row::new("A6", "numbers start at 0 and are dense, commands included", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        stage.append(&target, &[fence("t"), body_of("b"), trim(0)]);
        stage.say(&target, &["c"]);
        assert_eq!(stage.read_all(&target).seq_nums(), [0, 1, 2, 3, 4]);
    }),
    Row::new("A6", "the tail survives the removal of all records, time included", |stage| {
        let target = stage.stream();
        let at_1000 = stage.stamp(&target, &[Some(1000)]);
        assert_eq!(at_1000.end, Position { seq_num: 1, timestamp: 1000 });
        let ack = stage.trim(&target, 2);
        assert_eq!(stage.tail(&target), ack.end);
    }),
    Row::new("A6", "a stream that is created again starts at (0, 0) without a token", |stage| {
        let target = stage.stream();
        stage.append(&target, &[fence("t"), body_of("x")]);
        stage.purge(&target);
        crate::stage::done(stage.create_stream(&target, Default::default(), None));
        assert_eq!(stage.tail(&target), Position::default());
        let ack = stage.try_append_if(&target, crate::stage::data::if_token(""), &[body_of("y")]);
        assert_eq!(crate::stage::done(ack).start.seq_num, 0);
        assert_eq!(stage.read_all(&target).bodies(), ["y"]);
    }),
];

fn with(headers: &[(&'static str, &'static str)], body: &'static str) -> Record {
    let headers = headers.iter().map(|(name, value)| (Bytes::from(*name), Bytes::from(*value))).collect();
    Record { headers, ..Record::new(body) }
}

fn halves(body_bytes: usize) -> [Record; 2] {
    [Record::new(vec![1; body_bytes]), Record::new(vec![2; MIB / 2 - 8])]
}

/// What is appended is what is read.
fn same(stage: &mut Stage<'_>, records: &[Record]) {
    let target = stage.stream();
    stage.append(&target, records);
    let read = stage.read_all(&target).records;
    let read: Vec<_> = read.into_iter().map(|record| (record.headers, record.body)).collect();
    let sent: Vec<_> = records.iter().map(|record| (record.headers.clone(), record.body.clone())).collect();
    assert!(read == sent, "what was read is not what was appended");
}

/// The whole batch is refused, and nothing of it is there.
fn bad(stage: &mut Stage<'_>, records: &[Record], message: &str) {
    let target = stage.stream();
    invalid(stage.try_append(&target, records), message);
    assert_eq!(stage.tail(&target), Position::default());
}

/// A bound of exactly this many bytes lets the record through, one less does not.
fn metered(stage: &mut Stage<'_>, record: Record, size: u64) {
    let target = stage.stream();
    assert_eq!(record.metered_bytes(), size);
    stage.append(&target, &[record, at(None)]);
    let mut params = from_seq(0);
    params.bytes = Some(size);
    assert_eq!(stage.read(&target, params.clone()).seq_nums(), [0], "{size} bytes");
    params.bytes = Some(size - 1);
    assert_eq!(stage.read(&target, params).seq_nums(), [0; 0], "{size} bytes less one");
}
