//! E3, E4: creating basins and streams, and repeating it.

use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, Retention, StorageClass};
use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::ProvisionResult::{Created, Noop};

use crate::row::Row;
use crate::stage::control::set;
use crate::stage::{Stage, done, invalid, refused};

const NONE: PartialStreamConfig = PartialStreamConfig {
    storage_class: None,
    retention: None,
    timestamping_mode: None,
    timestamping_uncapped: None,
    delete_on_empty_min_age_secs: None,
};

pub(super) const ROWS: &[Row] = &[
    Row::new("E3", "a new basin: created, its name, the time, not deleted", |stage| {
        let (basin, before) = (stage.basin_name(), stage.wall_ms());
        let created = done(stage.create_basin(&basin, BasinConfig::default(), None));
        assert_eq!((created.result, &created.info.name, created.info.deleted_at_ms), (Created, &basin, None));
        assert!((before..=stage.wall_ms()).contains(&created.info.created_at_ms));
    }),
    Row::new("E3", "a new stream: created, its name, the time, not deleted", |stage| {
        let (target, before) = (stage.no_stream(), stage.wall_ms());
        let created = done(stage.create_stream(&target, NONE, None));
        assert_eq!((created.result, &created.info.name, created.info.deleted_at_ms), (Created, &target.stream, None));
        assert!((before..=stage.wall_ms()).contains(&created.info.created_at_ms));
    }),
    Row::new("E3", "a stream in a missing basin", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_name();
        let error = refused(stage.create_stream(&target, NONE, None), ErrorCode::BasinNotFound);
        assert!(error.message.contains(&format!("basin `{}` not found", target.basin)), "E11: {error}");
    }),
    Row::new("E4", "the same token and configuration: noop, the original", |stage| {
        let basin = stage.basin_name();
        let created = done(stage.create_basin(&basin, config(), Some("token")));
        let again = done(stage.create_basin(&basin, config(), Some("token")));
        assert_eq!((created.result, again.result), (Created, Noop));
        assert_eq!(created.info, again.info);
        let target = stage.no_stream();
        let created = done(stage.create_stream(&target, standard(), Some("token")));
        let again = done(stage.create_stream(&target, standard(), Some("token")));
        assert_eq!((created.result, again.result), (Created, Noop));
        assert_eq!(created.info, again.info);
    }),
    Row::new("E4", "another token: exists", |stage| exists(stage, Some("one"), standard(), Some("two"), standard())),
    Row::new("E4", "the token with another configuration: exists", |stage| {
        exists(stage, Some("one"), standard(), Some("one"), NONE);
    }),
    Row::new("E4", "no token: exists", |stage| exists(stage, Some("one"), NONE, None, NONE)),
    Row::new("E4", "a token where there was none: exists", |stage| exists(stage, None, NONE, Some("one"), NONE)),
    Row::new("E4", "twice without a token: exists", |stage| exists(stage, None, NONE, None, NONE)),
    Row::new("E4", "the configuration is compared as sent, before defaults", |stage| {
        let spelt_out = PartialStreamConfig { storage_class: Some(StorageClass::Express), ..NONE };
        exists(stage, Some("one"), NONE, Some("one"), spelt_out);
    }),
    Row::new("E4", "the empty token is one", |stage| {
        let target = stage.no_stream();
        done(stage.create_stream(&target, NONE, Some("")));
        assert_eq!(done(stage.create_stream(&target, NONE, Some(""))).result, Noop);
        refused(stage.create_stream(&target, NONE, None), ErrorCode::AlreadyExists);
    }),
    Row::new("E4", "made by ensure: exists, whatever the token", |stage| {
        let target = stage.no_stream();
        done(stage.ensure_stream(&target, NONE));
        refused(stage.create_stream(&target, NONE, Some("one")), ErrorCode::AlreadyExists);
        let basin = stage.basin_name();
        done(stage.ensure_basin(&basin, BasinConfig::default()));
        refused(stage.create_basin(&basin, BasinConfig::default(), Some("one")), ErrorCode::AlreadyExists);
    }),
    Row::new("E4", "made on first use: exists, whatever the token", |stage| {
        let mut target = stage.no_stream();
        target.basin = stage.basin_with(BasinConfig { create_stream_on_append: true, ..BasinConfig::default() });
        stage.say(&target, &["x"]);
        refused(stage.create_stream(&target, NONE, Some("one")), ErrorCode::AlreadyExists);
    }),
    Row::new("E4", "the token is remembered through reconfiguration and ensure", |stage| {
        let target = stage.no_stream();
        let created = done(stage.create_stream(&target, NONE, Some("one"))).info;
        let patch = riverrun_protocol::config::StreamConfigPatch {
            storage_class: set(StorageClass::Standard),
            ..Default::default()
        };
        done(stage.patch_stream(&target, patch));
        done(stage.ensure_stream(&target, standard()));
        let again = done(stage.create_stream(&target, NONE, Some("one")));
        assert_eq!((again.result, again.info), (Noop, created));
        assert_eq!(done(stage.stream_config(&target)).storage_class, StorageClass::Standard, "noop changes nothing");
    }),
    Row::new("E4", "the token is remembered through a restart", |stage| {
        let target = stage.no_stream();
        let created = done(stage.create_stream(&target, NONE, Some("one"))).info;
        stage.restart();
        let again = done(stage.create_stream(&target, NONE, Some("one")));
        assert_eq!((again.result, again.info), (Noop, created));
        refused(stage.create_stream(&target, NONE, Some("two")), ErrorCode::AlreadyExists);
    })
    .needs_restart(),
    Row::new("E4", "tokens belong to a name: the same one makes other streams", |stage| {
        let (one, two) = (stage.no_stream(), stage.no_stream());
        assert_eq!(done(stage.create_stream(&one, NONE, Some("t"))).result, Created);
        assert_eq!(done(stage.create_stream(&two, NONE, Some("t"))).result, Created);
    }),
    Row::new("E1", "an age of 0 is invalid: create stream", |stage| {
        let target = stage.no_stream();
        invalid(stage.create_stream(&target, age_0(), None), "age must be greater than 0 seconds");
        refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
    }),
    Row::new("E1", "an age of 0 is invalid: create basin", |stage| {
        let basin = stage.basin_name();
        let config = BasinConfig { default_stream_config: age_0(), ..BasinConfig::default() };
        invalid(stage.create_basin(&basin, config, None), "age must be greater than 0 seconds");
        refused(stage.basin_config(&basin), ErrorCode::BasinNotFound);
    }),
    Row::new("E1", "an age of 1 s and of u64 max", |stage| {
        for secs in [1, u64::MAX] {
            let config = PartialStreamConfig { retention: Some(Retention::Age(secs)), ..NONE };
            let target = stage.stream_with(config);
            assert_eq!(done(stage.stream_config(&target)).retention, Retention::Age(secs));
            stage.say(&target, &["x"]);
        }
    }),
    Row::new("E11", "messages name what exists", |stage| {
        let target = stage.stream();
        let error = refused(stage.create_stream(&target, NONE, None), ErrorCode::AlreadyExists);
        let expected = format!("stream `{}` in basin `{}` already exists", target.stream, target.basin);
        assert!(error.message.contains(&expected), "{error}");
        let error = refused(stage.create_basin(&target.basin, BasinConfig::default(), None), ErrorCode::AlreadyExists);
        assert!(error.message.contains(&format!("basin `{}` already exists", target.basin)), "{error}");
    }),
    Row::new("E11", "messages name what is not found", |stage| {
        let target = stage.no_stream();
        let error = refused(stage.stream_config(&target), ErrorCode::StreamNotFound);
        let expected = format!("stream `{}` in basin `{}` not found", target.stream, target.basin);
        assert!(error.message.contains(&expected), "{error}");
        let basin = stage.basin_name();
        let error = refused(stage.basin_config(&basin), ErrorCode::BasinNotFound);
        assert!(error.message.contains(&format!("basin `{basin}` not found")), "{error}");
    }),
];

fn standard() -> PartialStreamConfig {
    PartialStreamConfig { storage_class: Some(StorageClass::Standard), ..NONE }
}

fn age_0() -> PartialStreamConfig {
    PartialStreamConfig { retention: Some(Retention::Age(0)), ..NONE }
}

fn config() -> BasinConfig {
    BasinConfig { default_stream_config: standard(), create_stream_on_append: true, create_stream_on_read: false }
}

/// The second creation finds the first one's work, and is told so; for basins and for streams.
fn exists(
    stage: &mut Stage<'_>,
    first: Option<&str>,
    first_config: PartialStreamConfig,
    second: Option<&str>,
    second_config: PartialStreamConfig,
) {
    let with = |default_stream_config| BasinConfig { default_stream_config, ..BasinConfig::default() };
    let basin = stage.basin_name();
    done(stage.create_basin(&basin, with(first_config), first));
    refused(stage.create_basin(&basin, with(second_config), second), ErrorCode::AlreadyExists);
    let target = StreamRef { basin, stream: crate::stage::stream_name("s") };
    done(stage.create_stream(&target, first_config, first));
    let before = done(stage.stream_config(&target));
    refused(stage.create_stream(&target, second_config, second), ErrorCode::AlreadyExists);
    assert_eq!(done(stage.stream_config(&target)), before);
}
