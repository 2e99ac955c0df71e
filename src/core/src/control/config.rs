//! What a configuration is made of: what was asked for, the basin's defaults, the system's (`s2-semantics.md` E1, E2, E5).

use riverrun_protocol::config::{
    AGE_ZERO, BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig,
    StreamConfigPatch, TimestampingMode,
};

use super::Refusal;

/// Where neither the request nor the basin says anything. The storage class is the strongest one that costs nothing extra where
/// the store is on a local disk; a server's option may say otherwise.
pub const SYSTEM_DEFAULTS: StreamConfig = StreamConfig {
    storage_class: StorageClass::Express,
    retention: Retention::Age(7 * 24 * 60 * 60),
    timestamping_mode: TimestampingMode::ClientPrefer,
    timestamping_uncapped: false,
    delete_on_empty_min_age_secs: 0,
};

/// A new stream's configuration, leaf by leaf: what is asked for, else the basin's default, else the system's (E2). Values that
/// look like nothing (uncapped false, age 0) are values.
pub fn resolved(asked: &PartialStreamConfig, basin: &PartialStreamConfig, system: &StreamConfig) -> StreamConfig {
    StreamConfig {
        storage_class: asked.storage_class.or(basin.storage_class).unwrap_or(system.storage_class),
        retention: asked.retention.or(basin.retention).unwrap_or(system.retention),
        timestamping_mode: asked.timestamping_mode.or(basin.timestamping_mode).unwrap_or(system.timestamping_mode),
        timestamping_uncapped: asked
            .timestamping_uncapped
            .or(basin.timestamping_uncapped)
            .unwrap_or(system.timestamping_uncapped),
        delete_on_empty_min_age_secs: asked
            .delete_on_empty_min_age_secs
            .or(basin.delete_on_empty_min_age_secs)
            .unwrap_or(system.delete_on_empty_min_age_secs),
    }
}

/// A stream's configuration after a PATCH: only what is cleared falls back to defaults, as they are now (E5).
pub fn patched_stream(
    stored: &StreamConfig,
    patch: &StreamConfigPatch,
    basin: &PartialStreamConfig,
    system: &StreamConfig,
) -> StreamConfig {
    let cleared = resolved(&PartialStreamConfig::default(), basin, system);
    StreamConfig {
        storage_class: patch.storage_class.apply(stored.storage_class, cleared.storage_class),
        retention: patch.retention.apply(stored.retention, cleared.retention),
        timestamping_mode: patch.timestamping_mode.apply(stored.timestamping_mode, cleared.timestamping_mode),
        timestamping_uncapped: patch
            .timestamping_uncapped
            .apply(stored.timestamping_uncapped, cleared.timestamping_uncapped),
        delete_on_empty_min_age_secs: patch
            .delete_on_empty_min_age_secs
            .apply(stored.delete_on_empty_min_age_secs, cleared.delete_on_empty_min_age_secs),
    }
}

/// A basin's configuration after a PATCH: what is cleared is unset (E5).
pub fn patched_basin(stored: &BasinConfig, patch: &BasinConfigPatch) -> BasinConfig {
    BasinConfig {
        default_stream_config: patched_defaults(&stored.default_stream_config, &patch.default_stream_config),
        create_stream_on_append: patch.create_stream_on_append.unwrap_or(stored.create_stream_on_append),
        create_stream_on_read: patch.create_stream_on_read.unwrap_or(stored.create_stream_on_read),
    }
}

fn patched_defaults(stored: &PartialStreamConfig, patch: &StreamConfigPatch) -> PartialStreamConfig {
    fn field<T>(stored: Option<T>, patch: Patch<T>) -> Option<T> {
        match patch {
            Patch::Keep => stored,
            Patch::Clear => None,
            Patch::Set(value) => Some(value),
        }
    }
    PartialStreamConfig {
        storage_class: field(stored.storage_class, patch.storage_class),
        retention: field(stored.retention, patch.retention),
        timestamping_mode: field(stored.timestamping_mode, patch.timestamping_mode),
        timestamping_uncapped: field(stored.timestamping_uncapped, patch.timestamping_uncapped),
        delete_on_empty_min_age_secs: field(stored.delete_on_empty_min_age_secs, patch.delete_on_empty_min_age_secs),
    }
}

/// An age of 0 would expire records before they are written (E1); front doors that parse no frame ask here.
///
/// # Errors
/// S2's message.
pub fn check_retention(retention: Option<Retention>) -> Result<(), &'static str> {
    if retention == Some(Retention::Age(0)) { Err(AGE_ZERO) } else { Ok(()) }
}

/// The same of a change.
pub(super) fn check_patch(patch: &StreamConfigPatch) -> Result<(), Refusal> {
    match patch.retention {
        Patch::Set(retention) => check_retention(Some(retention)).map_err(Refusal::Invalid),
        Patch::Keep | Patch::Clear => Ok(()),
    }
}
