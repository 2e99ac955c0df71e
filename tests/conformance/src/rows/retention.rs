//! E8: what time does to records and streams.

use riverrun_protocol::config::{PartialStreamConfig, Retention, StreamConfigPatch};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::StreamRef;

use crate::row::Row;
use crate::stage::control::set;
use crate::stage::data::{at, body_of};
use crate::stage::{Stage, done, stream_name};

/// How late a deletion by emptiness may be: the age, and about 11 minutes.
const LATE_SECS: u64 = 15 * 60;

pub(super) const ROWS: &[Row] = &[
    Row::new("E8", "records are there until their age is reached", |stage| {
        let target = stage.stream_with(age(3600));
        stage.say(&target, &["x"]);
        stage.advance_secs(3590);
        assert_eq!(stage.read_all(&target).bodies(), ["x"]);
    })
    .needs_clock(),
    Row::new("E8", "the age counts from the write, not from the timestamp", |stage| {
        let target = stage.stream_with(age(3600));
        stage.append(&target, &[at(Some(1))]);
        stage.advance_secs(60);
        assert_eq!(stage.read_all(&target).timestamps(), [1]);
    })
    .needs_clock(),
    Row::new("E8", "expiry leaves the tail where it is, and numbers go on", |stage| {
        let target = stage.stream_with(age(1));
        let ack = stage.say(&target, &["x", "y"]);
        stage.advance_secs(7200);
        assert_eq!(stage.tail(&target), ack.end);
        assert_eq!(stage.say(&target, &["z"]).start.seq_num, 2);
    })
    .needs_clock(),
    Row::new("E8", "infinite retention: nothing goes by itself", |stage| {
        let config = PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
        let target = stage.stream_with(config);
        stage.say(&target, &["x"]);
        stage.advance_secs(400 * 24 * 3600);
        assert_eq!(stage.read_all(&target).bodies(), ["x"]);
    })
    .needs_clock(),
    Row::new("E8", "an empty stream that was never written is deleted", |stage| {
        let target = stage.stream_with(on_empty(60));
        stage.advance_secs(60 + LATE_SECS);
        gone(stage, &target);
    })
    .needs_clock(),
    Row::new("E8", "it is never deleted early", |stage| {
        let target = stage.stream_with(on_empty(7200));
        stage.advance_secs(7100);
        done(stage.stream_config(&target));
    })
    .needs_clock(),
    Row::new("E8", "min_age 0 is off", |stage| {
        let target = stage.stream_with(on_empty(0));
        stage.advance_secs(100 * 24 * 3600);
        done(stage.stream_config(&target));
    })
    .needs_clock(),
    Row::new("E8", "a stream with a record stays", |stage| {
        let target = stage.stream_with(on_empty(60));
        stage.say(&target, &["x"]);
        stage.advance_secs(24 * 3600);
        assert_eq!(stage.read_all(&target).bodies(), ["x"]);
    })
    .needs_clock(),
    Row::new("E8", "a stream that is trimmed whole is deleted, and not before its age", |stage| {
        let target = stage.stream_with(on_empty(3600));
        stage.say(&target, &["x"]);
        stage.advance_secs(24 * 3600);
        stage.trim(&target, u64::MAX);
        stage.advance_secs(3500);
        done(stage.stream_config(&target));
        stage.advance_secs(100 + LATE_SECS);
        gone(stage, &target);
    })
    .needs_clock(),
    Row::new("E8", "a write between keeps the stream", |stage| {
        let target = stage.stream_with(on_empty(3600));
        stage.advance_secs(3500);
        stage.append(&target, &[body_of("x")]);
        stage.trim(&target, u64::MAX);
        stage.advance_secs(3500);
        done(stage.stream_config(&target));
    })
    .needs_clock(),
    Row::new("E8", "switched off in time, the stream stays", |stage| {
        let target = stage.stream_with(on_empty(3600));
        stage.advance_secs(3000);
        let off = StreamConfigPatch { delete_on_empty_min_age_secs: set(0), ..StreamConfigPatch::default() };
        done(stage.patch_stream(&target, off));
        stage.advance_secs(24 * 3600);
        done(stage.stream_config(&target));
    })
    .needs_clock(),
    Row::new("E8", "switched on later, the stream is deleted", |stage| {
        let target = stage.stream();
        let on = StreamConfigPatch { delete_on_empty_min_age_secs: set(60), ..StreamConfigPatch::default() };
        done(stage.patch_stream(&target, on));
        stage.advance_secs(60 + LATE_SECS);
        gone(stage, &target);
    })
    .needs_clock(),
    Row::new("E8", "deleted for emptiness, the name is free again", |stage| {
        let target = stage.stream_with(on_empty(60));
        stage.advance_secs(60 + LATE_SECS);
        gone(stage, &target);
        done(stage.create_stream(&target, PartialStreamConfig::default(), None));
        assert_eq!(stage.tail(&target).seq_num, 0);
    })
    .needs_clock(),
    Row::new("E8", "other streams of the basin stay", |stage| {
        let target = stage.stream_with(on_empty(60));
        let other = StreamRef { basin: target.basin.clone(), stream: stream_name("other") };
        done(stage.create_stream(&other, PartialStreamConfig::default(), None));
        stage.advance_secs(60 + LATE_SECS);
        gone(stage, &target);
        done(stage.stream_config(&other));
    })
    .needs_clock(),
];

fn age(secs: u64) -> PartialStreamConfig {
    PartialStreamConfig { retention: Some(Retention::Age(secs)), ..PartialStreamConfig::default() }
}

/// Kept for ever, so that nothing but emptiness counts.
fn on_empty(min_age_secs: u64) -> PartialStreamConfig {
    PartialStreamConfig {
        retention: Some(Retention::Infinite),
        delete_on_empty_min_age_secs: Some(min_age_secs),
        ..PartialStreamConfig::default()
    }
}

fn gone(stage: &mut Stage<'_>, target: &StreamRef) {
    stage.until("the empty stream is deleted and purged", |stage| match stage.stream_config(target) {
        Err(error) if error.code == ErrorCode::StreamNotFound => Some(()),
        Err(error) if error.code == ErrorCode::StreamDeletionPending => None,
        other => panic!("still there, {LATE_SECS} s late: {other:?}"),
    });
}
