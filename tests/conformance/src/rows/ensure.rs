//! E3: ensure, which is a full replacement.

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, Retention, StorageClass, TimestampingMode};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::response::ProvisionResult::{Created, Noop, Updated};

use crate::row::Row;
use crate::stage::{done, invalid, refused};

pub(super) const ROWS: &[Row] = &[
    Row::new("E3", "ensure a new basin: created", |stage| {
        let basin = stage.basin_name();
        assert_eq!(done(stage.ensure_basin(&basin, BasinConfig::default())).result, Created);
        done(stage.basin_config(&basin));
    }),
    Row::new("E3", "ensure a basin as it is: noop", |stage| {
        let basin = stage.basin_name();
        let created = done(stage.ensure_basin(&basin, config()));
        let again = done(stage.ensure_basin(&basin, config()));
        assert_eq!((again.result, again.info), (Noop, created.info));
    }),
    Row::new("E3", "ensure a basin otherwise: updated, and what is not given goes back to its default", |stage| {
        let basin = stage.basin_with(config());
        let next = BasinConfig { create_stream_on_read: true, ..BasinConfig::default() };
        let updated = done(stage.ensure_basin(&basin, next));
        assert_eq!(updated.result, Updated);
        assert_eq!(done(stage.basin_config(&basin)), next);
    }),
    Row::new("E3", "ensure keeps a basin's created_at", |stage| {
        let basin = stage.basin_name();
        let created = done(stage.create_basin(&basin, config(), None)).info;
        stage.advance_secs(1);
        let updated = done(stage.ensure_basin(&basin, BasinConfig::default())).info;
        assert_eq!(updated, created);
    }),
    Row::new("E3", "ensure a new stream: created", |stage| {
        let target = stage.no_stream();
        assert_eq!(done(stage.ensure_stream(&target, standard())).result, Created);
        assert_eq!(done(stage.stream_config(&target)).storage_class, StorageClass::Standard);
    }),
    Row::new("E3", "ensure a stream as it is: noop", |stage| {
        let target = stage.stream_with(standard());
        assert_eq!(done(stage.ensure_stream(&target, standard())).result, Noop);
    }),
    Row::new("E3", "ensure a stream with its defaults spelt out: noop", |stage| {
        let target = stage.stream();
        let config = done(stage.stream_config(&target));
        assert_eq!(done(stage.ensure_stream(&target, config.into())).result, Noop);
    }),
    Row::new("E3", "ensure a stream otherwise: updated, a replacement and no merge", |stage| {
        let target = stage.stream_with(standard());
        let next = PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
        assert_eq!(done(stage.ensure_stream(&target, next)).result, Updated);
        let config = done(stage.stream_config(&target));
        assert_eq!((config.storage_class, config.retention), (StorageClass::Express, Retention::Infinite));
    }),
    Row::new("E3", "what ensure is not given goes back to the basin's default as it is now", |stage| {
        let target = stage.stream_with(PartialStreamConfig {
            timestamping_mode: Some(TimestampingMode::Arrival),
            ..PartialStreamConfig::default()
        });
        let defaults = PartialStreamConfig {
            timestamping_mode: Some(TimestampingMode::ClientRequire),
            ..PartialStreamConfig::default()
        };
        let basin = BasinConfig { default_stream_config: defaults, ..BasinConfig::default() };
        done(stage.ensure_basin(&target.basin, basin));
        assert_eq!(done(stage.ensure_stream(&target, PartialStreamConfig::default())).result, Updated);
        assert_eq!(done(stage.stream_config(&target)).timestamping_mode, TimestampingMode::ClientRequire);
    }),
    Row::new("E3", "ensure keeps a stream's id, created_at and records", |stage| {
        let target = stage.no_stream();
        let created = done(stage.create_stream(&target, PartialStreamConfig::default(), None)).info;
        stage.say(&target, &["a"]);
        let updated = done(stage.ensure_stream(&target, standard()));
        assert_eq!((updated.result, updated.info), (Updated, created));
        assert_eq!(stage.say(&target, &["b"]).start.seq_num, 1);
        assert_eq!(stage.read_all(&target).bodies(), ["a", "b"]);
    }),
    Row::new("E3", "ensure a stream in a missing basin", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_name();
        refused(stage.ensure_stream(&target, PartialStreamConfig::default()), ErrorCode::BasinNotFound);
    }),
    Row::new("E1", "an age of 0 is invalid: ensure", |stage| {
        let age_0 = PartialStreamConfig { retention: Some(Retention::Age(0)), ..PartialStreamConfig::default() };
        let target = stage.stream();
        invalid(stage.ensure_stream(&target, age_0), "age must be greater than 0 seconds");
        let config = BasinConfig { default_stream_config: age_0, ..BasinConfig::default() };
        invalid(stage.ensure_basin(&target.basin, config), "age must be greater than 0 seconds");
    }),
    Row::new("E3", "what was ensured holds behind a restart", |stage| {
        let target = stage.stream();
        done(stage.ensure_stream(&target, standard()));
        done(stage.ensure_basin(&target.basin, config()));
        stage.restart();
        assert_eq!(done(stage.stream_config(&target)).storage_class, StorageClass::Standard);
        assert_eq!(done(stage.basin_config(&target.basin)), config());
    })
    .needs_restart(),
];

fn standard() -> PartialStreamConfig {
    PartialStreamConfig { storage_class: Some(StorageClass::Standard), ..PartialStreamConfig::default() }
}

fn config() -> BasinConfig {
    BasinConfig { default_stream_config: standard(), create_stream_on_append: true, create_stream_on_read: false }
}
