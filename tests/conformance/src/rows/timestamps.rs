//! B7: which timestamp a record gets. Distances stand for the specification's examples: a row cannot choose the arrival time.

use riverrun_protocol::config::{PartialStreamConfig, Patch, StreamConfigPatch, TimestampingMode};
use riverrun_protocol::request::StreamRef;

use crate::row::Row;
use crate::stage::control::set;
use crate::stage::data::at;
use crate::stage::{Stage, done, invalid};

/// Far enough from now to be told from it.
const HOUR_MS: u64 = 3_600_000;

pub(super) const ROWS: &[Row] = &[
    Row::new("B7", "prefer, capped: none is the arrival", |stage| {
        let target = stage.stream();
        let before = stage.wall_ms();
        assert_arrival(stage, &target, None, before);
    }),
    Row::new("B7", "prefer, capped: an earlier one is kept", |stage| {
        let target = stage.stream();
        assert_eq!(stamp(stage, &target, &[Some(500)]), [500]);
    }),
    Row::new("B7", "prefer, capped: one below the floor is raised", |stage| {
        let target = stage.stream();
        assert_eq!(stamp(stage, &target, &[Some(600)]), [600]);
        assert_eq!(stamp(stage, &target, &[Some(500)]), [600]);
    }),
    Row::new("B7", "prefer, capped: a later one is the arrival", |stage| {
        let target = stage.stream();
        let before = stage.wall_ms();
        let later = before + HOUR_MS;
        assert_arrival(stage, &target, Some(later), before);
    }),
    Row::new("B7", "prefer, uncapped: a later one is kept", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientPrefer, true));
        let later = stage.wall_ms() + HOUR_MS;
        assert_eq!(stamp(stage, &target, &[Some(later)]), [later]);
    }),
    Row::new("B7", "the raise beats the cap: behind a later one the arrival is raised to it", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientPrefer, true));
        let later = stage.wall_ms() + HOUR_MS;
        stamp(stage, &target, &[Some(later)]);
        let capped = StreamConfigPatch { timestamping_uncapped: set(false), ..StreamConfigPatch::default() };
        done(stage.patch_stream(&target, capped));
        assert_eq!(stamp(stage, &target, &[None]), [later]);
        assert_eq!(stamp(stage, &target, &[Some(later + HOUR_MS)]), [later]);
    }),
    Row::new("B7", "require: none rejects the batch", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, false));
        invalid(stage.try_append(&target, &[at(None)]), "record timestamp was required but was missing");
        assert_eq!(stage.tail(&target).seq_num, 0);
    }),
    Row::new("B7", "require: one without rejects the whole batch", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, false));
        let records = [at(Some(1)), at(Some(2)), at(None)];
        invalid(stage.try_append(&target, &records), "record timestamp was required but was missing");
        assert_eq!(stage.tail(&target).seq_num, 0);
        assert_eq!(stamp(stage, &target, &[Some(1)]), [1]);
    }),
    Row::new("B7", "require asks commands for one too", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, false));
        let fence = crate::stage::data::fence("t");
        invalid(stage.try_append(&target, &[fence]), "record timestamp was required but was missing");
    }),
    Row::new("B7", "require, capped: a later one is the arrival", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, false));
        let before = stage.wall_ms();
        assert_arrival(stage, &target, Some(before + HOUR_MS), before);
    }),
    Row::new("B7", "require, uncapped: u64 max is kept, and all behind it are stuck there", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, true));
        assert_eq!(stamp(stage, &target, &[Some(u64::MAX)]), [u64::MAX]);
        assert_eq!(stamp(stage, &target, &[Some(5), Some(6)]), [u64::MAX, u64::MAX]);
        assert_eq!(stage.tail(&target).timestamp, u64::MAX);
    }),
    Row::new("B7", "arrival, capped: the client's is ignored", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::Arrival, false));
        let before = stage.wall_ms();
        assert_arrival(stage, &target, Some(5), before);
        assert_arrival(stage, &target, Some(before + HOUR_MS), before);
    }),
    Row::new("B7", "arrival, uncapped: the client's is ignored", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::Arrival, true));
        let before = stage.wall_ms();
        assert_arrival(stage, &target, Some(before + HOUR_MS), before);
        assert_arrival(stage, &target, Some(5), before);
    }),
    Row::new("B7", "the arrival is one for the whole batch", |stage| {
        let target = stage.stream();
        let stamps = stamp(stage, &target, &[None; 100]);
        assert!(stamps.iter().all(|stamp| *stamp == stamps[0]), "{stamps:?}");
    }),
    Row::new("B7", "each record raises the floor of the next in its batch", |stage| {
        let target = stage.stream();
        assert_eq!(stamp(stage, &target, &[Some(300), Some(200), Some(400), Some(400)]), [300, 300, 400, 400]);
    }),
    Row::new("B7", "equal timestamps are allowed", |stage| {
        let target = stage.stream();
        assert_eq!(stamp(stage, &target, &[Some(7)]), [7]);
        assert_eq!(stamp(stage, &target, &[Some(7), Some(7)]), [7, 7]);
    }),
    Row::new("B7", "timestamp 0 is one", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientRequire, false));
        assert_eq!(stamp(stage, &target, &[Some(0)]), [0]);
    }),
    Row::new("B7", "the floor counts what is accepted and not yet durable", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        for timestamp in [900, 100, 950, 3] {
            stage.input(session, &[at(Some(timestamp))]);
        }
        let ends: Vec<u64> = (0..4).map(|_| stage.next_ack(session).end.timestamp).collect();
        assert_eq!(ends, [900, 900, 950, 950]);
    }),
    Row::new("B7", "the floor survives trimming", |stage| {
        let target = stage.stream_with(mode(TimestampingMode::ClientPrefer, true));
        let later = stage.wall_ms() + HOUR_MS;
        stamp(stage, &target, &[Some(later)]);
        stage.trim(&target, u64::MAX);
        assert_eq!(stage.stamp(&target, &[Some(1)]).end.timestamp, later);
    }),
    Row::new("B7", "the floor survives a restart", |stage| {
        let target = stage.stream();
        stamp(stage, &target, &[Some(9000)]);
        stage.restart();
        assert_eq!(stage.stamp(&target, &[Some(1)]).end.timestamp, 9000);
    })
    .needs_restart(),
    Row::new("B7", "a new mode holds for later batches only", |stage| {
        let target = stage.stream();
        assert_eq!(stamp(stage, &target, &[Some(10)]), [10]);
        set_mode(stage, &target, set(TimestampingMode::ClientRequire));
        invalid(stage.try_append(&target, &[at(None)]), "record timestamp was required but was missing");
        assert_eq!(stamp(stage, &target, &[Some(20)]), [20]);
        set_mode(stage, &target, set(TimestampingMode::Arrival));
        let before = stage.wall_ms();
        assert_arrival(stage, &target, Some(30), before);
        assert_eq!(stage.read_all(&target).timestamps()[..2], [10, 20]);
    }),
    Row::new("B7", "an open append session takes on a new mode", |stage| {
        let target = stage.stream();
        let session = stage.open_append(&target);
        stage.input(session, &[at(None)]);
        stage.next_ack(session);
        set_mode(stage, &target, set(TimestampingMode::ClientRequire));
        stage.input(session, &[at(None)]);
        let error = stage.next_error(session);
        invalid(Err::<(), _>(error), "record timestamp was required but was missing");
    }),
    Row::new("B7", "the clock may go on and timestamps with it", |stage| {
        let target = stage.stream();
        let first = stamp(stage, &target, &[None])[0];
        stage.advance_secs(5);
        assert!(stamp(stage, &target, &[None])[0] >= first + 5000);
    })
    .needs_clock(),
];

fn mode(mode: TimestampingMode, uncapped: bool) -> PartialStreamConfig {
    PartialStreamConfig {
        timestamping_mode: Some(mode),
        timestamping_uncapped: Some(uncapped),
        ..PartialStreamConfig::default()
    }
}

fn set_mode(stage: &mut Stage<'_>, target: &StreamRef, mode: Patch<TimestampingMode>) {
    let patch = StreamConfigPatch { timestamping_mode: mode, ..StreamConfigPatch::default() };
    done(stage.patch_stream(target, patch));
}

/// Appends one batch with these timestamps; returns those that its records have when they are read.
fn stamp(stage: &mut Stage<'_>, target: &StreamRef, timestamps: &[Option<u64>]) -> Vec<u64> {
    let ack = stage.stamp(target, timestamps);
    let stamps = stage.read(target, crate::stage::data::from_seq(ack.start.seq_num)).timestamps();
    assert_eq!((stamps[0], stamps[stamps.len() - 1]), (ack.start.timestamp, ack.end.timestamp), "B8");
    stamps
}

fn assert_arrival(stage: &mut Stage<'_>, target: &StreamRef, client: Option<u64>, before: u64) {
    let stamps = stamp(stage, target, &[client]);
    assert!((before..=stage.wall_ms()).contains(&stamps[0]), "{} is not the arrival", stamps[0]);
}
