//! Stream configuration inside rows.
//!
//! ```text
//! u8 fields that are set: bits 0-4 = storage class, retention, timestamping mode, uncapped, delete-on-empty
//! u8 storage class: 1 express, 2 standard | u8 has a retention age, u64 retention age, s (0, 0 = infinite)
//! u8 timestamping mode: 1 client-prefer, 2 client-require, 3 arrival | u8 uncapped | u64 delete-on-empty min age, s
//! ```
//! Always all of it: what is not set is zero.

use bytes::BufMut;
use riverrun_protocol::config::{PartialStreamConfig, Retention, StorageClass, StreamConfig, TimestampingMode};

use crate::stored::{Reader, StoredError, Write};

const FIELDS: u8 = 31;

pub(super) fn put_partial_config(out: &mut Vec<u8>, config: &PartialStreamConfig) {
    let set = [
        config.storage_class.is_some(),
        config.retention.is_some(),
        config.timestamping_mode.is_some(),
        config.timestamping_uncapped.is_some(),
        config.delete_on_empty_min_age_secs.is_some(),
    ];
    out.put_u8(set.into_iter().enumerate().map(|(bit, set)| u8::from(set) << bit).sum());
    out.put_u8(config.storage_class.map_or(0, |class| class as u8));
    let age = config.retention.and_then(|retention| match retention {
        Retention::Age(secs) => Some(secs),
        Retention::Infinite => None,
    });
    out.put_optional_u64(age);
    out.put_u8(config.timestamping_mode.map_or(0, |mode| mode as u8));
    out.put_u8(u8::from(config.timestamping_uncapped == Some(true)));
    out.put_u64_le(config.delete_on_empty_min_age_secs.unwrap_or(0));
}

pub(super) fn partial_config(reader: &mut Reader<'_>) -> Result<PartialStreamConfig, StoredError> {
    let set = reader.u8()?;
    if set & !FIELDS != 0 {
        return Err(reader.damaged(format!("{set:#x} names no fields of a configuration")));
    }
    let is_set = |bit: u8| set >> bit & 1 == 1;
    let storage_class = if is_set(0) { storage_class(reader)? } else { unset(reader)? };
    let age = reader.optional_u64()?;
    let retention = is_set(1).then_some(age.map_or(Retention::Infinite, Retention::Age));
    let mode = if is_set(2) { timestamping_mode(reader)? } else { unset(reader)? };
    let uncapped = reader.bool()?;
    let min_age_secs = reader.u64()?;
    if (!is_set(1) && age.is_some()) || (!is_set(3) && uncapped) || (!is_set(4) && min_age_secs != 0) {
        return Err(reader.damaged("a value for a field that is not set"));
    }
    Ok(PartialStreamConfig {
        storage_class,
        retention,
        timestamping_mode: mode,
        timestamping_uncapped: is_set(3).then_some(uncapped),
        delete_on_empty_min_age_secs: is_set(4).then_some(min_age_secs),
    })
}

fn unset<T>(reader: &mut Reader<'_>) -> Result<Option<T>, StoredError> {
    reader.zeros(1).map(|()| None)
}

pub(super) fn put_config(out: &mut Vec<u8>, config: &StreamConfig) {
    put_partial_config(out, &PartialStreamConfig::from(*config));
}

pub(super) fn config(reader: &mut Reader<'_>) -> Result<StreamConfig, StoredError> {
    let partial = partial_config(reader)?;
    partial.whole().ok_or_else(|| reader.damaged("a stream's configuration with a field missing"))
}

pub(super) fn storage_class(reader: &mut Reader<'_>) -> Result<Option<StorageClass>, StoredError> {
    match reader.u8()? {
        1 => Ok(Some(StorageClass::Express)),
        2 => Ok(Some(StorageClass::Standard)),
        other => Err(reader.damaged(format!("{other} is no storage class"))),
    }
}

fn timestamping_mode(reader: &mut Reader<'_>) -> Result<Option<TimestampingMode>, StoredError> {
    match reader.u8()? {
        1 => Ok(Some(TimestampingMode::ClientPrefer)),
        2 => Ok(Some(TimestampingMode::ClientRequire)),
        3 => Ok(Some(TimestampingMode::Arrival)),
        other => Err(reader.damaged(format!("{other} is no timestamping mode"))),
    }
}
