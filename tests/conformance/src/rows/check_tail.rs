//! D: where a stream ends.

use riverrun_protocol::config::BasinConfig;
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::types::Position;

use crate::row::Row;
use crate::stage::data::{body_of, from_seq, trim};
use crate::stage::{Stage, done, refused};

pub(super) const ROWS: &[Row] = &[
    Row::new("D", "a new stream's tail is (0, 0)", new_stream),
    Row::new("D", "the tail is the next number and the last record's timestamp", after_appends),
    Row::new("D", "trimming everything leaves the tail where it is", after_trim),
    Row::new("D", "a missing stream is not found", missing_stream),
    Row::new("D", "a missing basin is not found", missing_basin),
    Row::new("D", "with create_stream_on_read it creates the stream", creates),
    Row::new("D", "create_stream_on_append does not create for it", wrong_switch),
    Row::new("C14", "an acknowledged append is in every later tail, whoever asks", linearizable),
];

fn new_stream(stage: &mut Stage<'_>) {
    let target = stage.stream();
    assert_eq!(stage.tail(&target), Position::default());
}

fn after_appends(stage: &mut Stage<'_>) {
    let target = stage.stream();
    stage.say(&target, &["a", "b"]);
    let ack = stage.say(&target, &["c"]);
    assert_eq!(stage.tail(&target), ack.end);
    assert_eq!(ack.end.seq_num, 3);
    assert_eq!(stage.read(&target, from_seq(2)).timestamps(), [ack.end.timestamp]);
}

fn after_trim(stage: &mut Stage<'_>) {
    let target = stage.stream();
    stage.say(&target, &["a", "b"]);
    let ack = stage.trim(&target, u64::MAX);
    assert_eq!(stage.tail(&target), ack.end);
    assert_eq!(stage.append(&target, &[trim(0), body_of("c")]).start.seq_num, 3, "numbers go on");
}

fn missing_stream(stage: &mut Stage<'_>) {
    let target = stage.no_stream();
    refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
}

fn missing_basin(stage: &mut Stage<'_>) {
    let mut target = stage.no_stream();
    target.basin = stage.basin_name();
    refused(stage.try_tail(&target), ErrorCode::BasinNotFound);
}

fn creates(stage: &mut Stage<'_>) {
    let mut target = stage.no_stream();
    target.basin = stage.basin_with(BasinConfig { create_stream_on_read: true, ..BasinConfig::default() });
    assert_eq!(stage.tail(&target), Position::default());
    done(stage.stream_config(&target));
}

fn wrong_switch(stage: &mut Stage<'_>) {
    let mut target = stage.no_stream();
    target.basin = stage.basin_with(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() });
    refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
    refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
}

fn linearizable(stage: &mut Stage<'_>) {
    let target = stage.stream();
    let other = stage.enter();
    for _ in 0..5 {
        let ack = stage.say(&target, &["x"]);
        assert_eq!(stage.behind(other, |stage| stage.tail(&target)), ack.end);
    }
}
