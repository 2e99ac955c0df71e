//! E1, E2: defaults, and where a stream's configuration comes from.

use riverrun_protocol::config::{
    BasinConfig, BasinConfigPatch, PartialStreamConfig, Retention, StorageClass, StreamConfig, StreamConfigPatch,
    TimestampingMode,
};
use riverrun_protocol::request::StreamRef;

use crate::row::Row;
use crate::stage::control::set;
use crate::stage::{Stage, done, stream_name};

/// The specification's, but for the storage class: that a server may be told.
const SYSTEM: StreamConfig = StreamConfig {
    storage_class: StorageClass::Express,
    retention: Retention::Age(604_800),
    timestamping_mode: TimestampingMode::ClientPrefer,
    timestamping_uncapped: false,
    delete_on_empty_min_age_secs: 0,
};
/// Everything otherwise.
const OTHER: StreamConfig = StreamConfig {
    storage_class: StorageClass::Standard,
    retention: Retention::Infinite,
    timestamping_mode: TimestampingMode::Arrival,
    timestamping_uncapped: true,
    delete_on_empty_min_age_secs: 3600,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("E1", "the system's defaults", |stage| {
        let target = stage.stream();
        assert_eq!(done(stage.stream_config(&target)), SYSTEM);
    }),
    Row::new("E1", "a basin's defaults are unset", |stage| {
        let basin = stage.basin();
        assert_eq!(done(stage.basin_config(&basin)), BasinConfig::default());
    }),
    Row::new("E1", "a basin's configuration comes back as it was set, unset fields unset", |stage| {
        let defaults = PartialStreamConfig { timestamping_uncapped: Some(false), ..PartialStreamConfig::default() };
        let config = BasinConfig { default_stream_config: defaults, ..BasinConfig::default() };
        let basin = stage.basin_with(config);
        assert_eq!(done(stage.basin_config(&basin)), config);
    }),
    Row::new("E2", "a stream without a word takes every default of its basin", |stage| {
        let target = inside(stage, OTHER.into());
        done(stage.create_stream(&target, PartialStreamConfig::default(), None));
        assert_eq!(done(stage.stream_config(&target)), OTHER);
    }),
    Row::new("E2", "what a stream says wins over its basin, leaf by leaf", leaf_by_leaf),
    Row::new("E2", "values like zero are values: they win over the basin's", |stage| {
        let target = inside(stage, OTHER.into());
        let zero = PartialStreamConfig {
            timestamping_uncapped: Some(false),
            delete_on_empty_min_age_secs: Some(0),
            ..PartialStreamConfig::default()
        };
        done(stage.create_stream(&target, zero, None));
        let expected = StreamConfig { timestamping_uncapped: false, delete_on_empty_min_age_secs: 0, ..OTHER };
        assert_eq!(done(stage.stream_config(&target)), expected);
    }),
    Row::new("E2", "later changes of the basin do not touch its streams", |stage| {
        let target = stage.stream();
        let defaults = StreamConfigPatch {
            storage_class: set(StorageClass::Standard),
            retention: set(Retention::Infinite),
            ..StreamConfigPatch::default()
        };
        let patch = BasinConfigPatch { default_stream_config: defaults, ..BasinConfigPatch::default() };
        done(stage.patch_basin(&target.basin, patch));
        assert_eq!(done(stage.stream_config(&target)), SYSTEM);
        let later = StreamRef { basin: target.basin, stream: stream_name("later") };
        done(stage.create_stream(&later, PartialStreamConfig::default(), None));
        let expected = StreamConfig { storage_class: StorageClass::Standard, retention: Retention::Infinite, ..SYSTEM };
        assert_eq!(done(stage.stream_config(&later)), expected);
    }),
    Row::new("E2", "a stream that is created on first use takes the basin's defaults", |stage| {
        let config =
            BasinConfig { default_stream_config: timed(), create_stream_on_append: true, ..Default::default() };
        let target = StreamRef { basin: stage.basin_with(config), stream: stream_name("s") };
        stage.say(&target, &["x"]);
        let expected = StreamConfig { timestamping_mode: TimestampingMode::Arrival, ..SYSTEM };
        assert_eq!(done(stage.stream_config(&target)), expected);
    }),
    Row::new("E2", "inherited timestamping is in force", |stage| {
        let target = inside(stage, timed());
        done(stage.create_stream(&target, PartialStreamConfig::default(), None));
        let before = stage.wall_ms();
        assert!(stage.stamp(&target, &[Some(5)]).end.timestamp >= before);
    }),
];

fn timed() -> PartialStreamConfig {
    PartialStreamConfig { timestamping_mode: Some(TimestampingMode::Arrival), ..PartialStreamConfig::default() }
}

/// A name in a basin with these defaults.
fn inside(stage: &mut Stage<'_>, defaults: PartialStreamConfig) -> StreamRef {
    let basin = stage.basin_with(BasinConfig { default_stream_config: defaults, ..BasinConfig::default() });
    StreamRef { basin, stream: stream_name("s") }
}

fn leaf_by_leaf(stage: &mut Stage<'_>) {
    let basin = inside(stage, OTHER.into()).basin;
    let none = PartialStreamConfig::default();
    let cases = [
        (
            PartialStreamConfig { storage_class: Some(SYSTEM.storage_class), ..none },
            StreamConfig { storage_class: SYSTEM.storage_class, ..OTHER },
        ),
        (
            PartialStreamConfig { retention: Some(SYSTEM.retention), ..none },
            StreamConfig { retention: SYSTEM.retention, ..OTHER },
        ),
        (
            PartialStreamConfig { timestamping_mode: Some(SYSTEM.timestamping_mode), ..none },
            StreamConfig { timestamping_mode: SYSTEM.timestamping_mode, ..OTHER },
        ),
        (
            PartialStreamConfig { timestamping_uncapped: Some(false), ..none },
            StreamConfig { timestamping_uncapped: false, ..OTHER },
        ),
        (
            PartialStreamConfig { delete_on_empty_min_age_secs: Some(7), ..none },
            StreamConfig { delete_on_empty_min_age_secs: 7, ..OTHER },
        ),
    ];
    for (number, (asked, expected)) in cases.into_iter().enumerate() {
        let target = StreamRef { basin: basin.clone(), stream: stream_name(&number.to_string()) };
        done(stage.create_stream(&target, asked, None));
        assert_eq!(done(stage.stream_config(&target)), expected);
    }
}
