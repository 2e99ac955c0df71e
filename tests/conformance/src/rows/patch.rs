//! E5: changing parts of a configuration.

use riverrun_protocol::config::{
    BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig,
    StreamConfigPatch, TimestampingMode,
};
use riverrun_protocol::error::ErrorCode;

use crate::row::Row;
use crate::stage::control::set;
use crate::stage::{Stage, done, invalid, refused};

const CLEAR_ALL: StreamConfigPatch = StreamConfigPatch {
    storage_class: Patch::Clear,
    retention: Patch::Clear,
    timestamping_mode: Patch::Clear,
    timestamping_uncapped: Patch::Clear,
    delete_on_empty_min_age_secs: Patch::Clear,
};
const OTHER: StreamConfig = StreamConfig {
    storage_class: StorageClass::Standard,
    retention: Retention::Infinite,
    timestamping_mode: TimestampingMode::ClientRequire,
    timestamping_uncapped: true,
    delete_on_empty_min_age_secs: 600,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("E5", "an empty change of a stream changes nothing", |stage| {
        let target = stage.stream_with(OTHER.into());
        assert_eq!(done(stage.patch_stream(&target, StreamConfigPatch::default())), OTHER);
    }),
    Row::new("E5", "set one field, keep the others: the answer is all of it", one_at_a_time),
    Row::new("E5", "clear a stream's field: the basin's default, as it is now", |stage| {
        let target = stage.stream_with(OTHER.into());
        let defaults = PartialStreamConfig { retention: Some(Retention::Age(77)), ..PartialStreamConfig::default() };
        let config = BasinConfig { default_stream_config: defaults, ..BasinConfig::default() };
        done(stage.ensure_basin(&target.basin, config));
        let patch = StreamConfigPatch { retention: Patch::Clear, ..StreamConfigPatch::default() };
        assert_eq!(done(stage.patch_stream(&target, patch)), StreamConfig { retention: Retention::Age(77), ..OTHER });
    }),
    Row::new("E5", "clear everything of a stream: the system's defaults", |stage| {
        let fresh = stage.stream();
        let system = done(stage.stream_config(&fresh));
        let target = stage.stream_with(OTHER.into());
        assert_eq!(done(stage.patch_stream(&target, CLEAR_ALL)), system);
        assert_eq!(done(stage.stream_config(&target)), system);
    }),
    Row::new("E5", "without a clear the basin's defaults stay out of it", |stage| {
        let target = stage.stream();
        let defaults = PartialStreamConfig { retention: Some(Retention::Age(77)), ..PartialStreamConfig::default() };
        let config = BasinConfig { default_stream_config: defaults, ..BasinConfig::default() };
        done(stage.ensure_basin(&target.basin, config));
        let patch = StreamConfigPatch { timestamping_uncapped: set(true), ..StreamConfigPatch::default() };
        assert_eq!(done(stage.patch_stream(&target, patch)).retention, Retention::Age(604_800));
    }),
    Row::new("E5", "an empty change of a basin changes nothing", |stage| {
        let config = all_set();
        let basin = stage.basin_with(config);
        assert_eq!(done(stage.patch_basin(&basin, BasinConfigPatch::default())), config);
    }),
    Row::new("E5", "clear a basin's defaults: unset", |stage| {
        let basin = stage.basin_with(all_set());
        let patch = BasinConfigPatch { default_stream_config: CLEAR_ALL, ..BasinConfigPatch::default() };
        let expected = BasinConfig { default_stream_config: PartialStreamConfig::default(), ..all_set() };
        assert_eq!(done(stage.patch_basin(&basin, patch)), expected);
        assert_eq!(done(stage.basin_config(&basin)), expected);
    }),
    Row::new("E5", "clear one of a basin's defaults, keep the others", |stage| {
        let basin = stage.basin_with(all_set());
        let defaults = StreamConfigPatch { retention: Patch::Clear, ..StreamConfigPatch::default() };
        let patch = BasinConfigPatch { default_stream_config: defaults, ..BasinConfigPatch::default() };
        let expected = PartialStreamConfig { retention: None, ..OTHER.into() };
        assert_eq!(done(stage.patch_basin(&basin, patch)).default_stream_config, expected);
    }),
    Row::new("E5", "a basin's switches, one at a time", |stage| {
        let basin = stage.basin();
        let patch = BasinConfigPatch { create_stream_on_append: Some(true), ..BasinConfigPatch::default() };
        let config = done(stage.patch_basin(&basin, patch));
        assert!(config.create_stream_on_append && !config.create_stream_on_read);
        let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
        let config = done(stage.patch_basin(&basin, patch));
        assert!(config.create_stream_on_append && config.create_stream_on_read);
        let patch = BasinConfigPatch { create_stream_on_append: Some(false), ..BasinConfigPatch::default() };
        let config = done(stage.patch_basin(&basin, patch));
        assert!(!config.create_stream_on_append && config.create_stream_on_read);
    }),
    Row::new("E5", "a switch that is turned on is in force", |stage| {
        let target = stage.no_stream();
        refused(stage.try_tail(&target), ErrorCode::StreamNotFound);
        let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
        done(stage.patch_basin(&target.basin, patch));
        assert_eq!(stage.tail(&target).seq_num, 0);
    }),
    Row::new("E5", "an age of 0 is invalid, and nothing is changed", |stage| {
        let target = stage.stream();
        let before = done(stage.stream_config(&target));
        let age_0 = StreamConfigPatch {
            retention: set(Retention::Age(0)),
            storage_class: set(StorageClass::Standard),
            ..Default::default()
        };
        invalid(stage.patch_stream(&target, age_0), "age must be greater than 0 seconds");
        assert_eq!(done(stage.stream_config(&target)), before);
        let patch =
            BasinConfigPatch { default_stream_config: age_0, create_stream_on_read: Some(true), ..Default::default() };
        invalid(stage.patch_basin(&target.basin, patch), "age must be greater than 0 seconds");
        assert_eq!(done(stage.basin_config(&target.basin)), BasinConfig::default());
    }),
    Row::new("E5", "a missing stream or basin", |stage| {
        let mut target = stage.no_stream();
        refused(stage.patch_stream(&target, CLEAR_ALL), ErrorCode::StreamNotFound);
        target.basin = stage.basin_name();
        refused(stage.patch_basin(&target.basin, BasinConfigPatch::default()), ErrorCode::BasinNotFound);
        refused(stage.patch_stream(&target, CLEAR_ALL), ErrorCode::BasinNotFound);
    }),
    Row::new("E5", "a stream's records are there whatever its class becomes", |stage| {
        let target = stage.stream();
        stage.say(&target, &["a"]);
        for class in [StorageClass::Standard, StorageClass::Express, StorageClass::Standard] {
            let patch = StreamConfigPatch { storage_class: set(class), ..StreamConfigPatch::default() };
            assert_eq!(done(stage.patch_stream(&target, patch)).storage_class, class);
            stage.say(&target, &["b"]);
        }
        assert_eq!(stage.read_all(&target).bodies(), ["a", "b", "b", "b"]);
    }),
    Row::new("E5", "changes hold behind a restart", |stage| {
        let target = stage.stream();
        let patch = StreamConfigPatch {
            timestamping_mode: set(TimestampingMode::ClientRequire),
            ..StreamConfigPatch::default()
        };
        let config = done(stage.patch_stream(&target, patch));
        stage.restart();
        assert_eq!(done(stage.stream_config(&target)), config);
        invalid(stage.try_append(&target, &[crate::stage::data::at(None)]), "timestamp");
    })
    .needs_restart(),
];

fn all_set() -> BasinConfig {
    BasinConfig { default_stream_config: OTHER.into(), create_stream_on_append: true, create_stream_on_read: true }
}

fn one_at_a_time(stage: &mut Stage<'_>) {
    let target = stage.stream();
    let mut expected = done(stage.stream_config(&target));
    let keep = StreamConfigPatch::default();
    let patches = [
        StreamConfigPatch { storage_class: set(OTHER.storage_class), ..keep },
        StreamConfigPatch { retention: set(OTHER.retention), ..keep },
        StreamConfigPatch { timestamping_mode: set(OTHER.timestamping_mode), ..keep },
        StreamConfigPatch { timestamping_uncapped: set(true), ..keep },
        StreamConfigPatch { delete_on_empty_min_age_secs: set(600), ..keep },
    ];
    let changes: [fn(&mut StreamConfig); 5] = [
        |config| config.storage_class = OTHER.storage_class,
        |config| config.retention = OTHER.retention,
        |config| config.timestamping_mode = OTHER.timestamping_mode,
        |config| config.timestamping_uncapped = true,
        |config| config.delete_on_empty_min_age_secs = 600,
    ];
    for (patch, change) in patches.into_iter().zip(changes) {
        change(&mut expected);
        assert_eq!(done(stage.patch_stream(&target, patch)), expected);
        assert_eq!(done(stage.stream_config(&target)), expected);
    }
    assert_eq!(expected, OTHER);
}
