//! A change of a stream's configuration, or of a basin's defaults (`s2-semantics.md` E5).

use riverrun_protocol::config::{Patch, Retention, StreamConfigPatch};
use serde::Deserialize;

use super::field::Field;
use super::object::Object;
use super::stream_config::{ModeWord, RetentionBody, StorageClassWord, check_age};
use crate::error::HttpError;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct TimestampingPatch {
    mode: Field<ModeWord>,
    uncapped: Field<bool>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct DeleteOnEmptyPatch {
    min_age_secs: Field<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamPatch {
    storage_class: Field<StorageClassWord>,
    retention_policy: Field<RetentionBody>,
    timestamping: Field<Object<TimestampingPatch>>,
    delete_on_empty: Field<Object<DeleteOnEmptyPatch>>,
}

impl StreamPatch {
    /// What a null in place of the whole object means.
    pub const CLEARED: Self = Self {
        storage_class: Field::Null,
        retention_policy: Field::Null,
        timestamping: Field::Null,
        delete_on_empty: Field::Null,
    };

    pub fn into_patch(self) -> Result<StreamConfigPatch, HttpError> {
        let retention: Patch<Retention> = self.retention_policy.into_patch();
        if let Patch::Set(retention) = retention {
            check_age(Some(retention))?;
        }
        let timestamping = match self.timestamping {
            Field::Absent => TimestampingPatch::default(),
            Field::Null => TimestampingPatch { mode: Field::Null, uncapped: Field::Null },
            Field::Value(Object(inner)) => inner,
        };
        let delete_on_empty = match self.delete_on_empty {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Value(Object(inner)) => inner.min_age_secs,
        };
        Ok(StreamConfigPatch {
            storage_class: self.storage_class.into_patch(),
            retention,
            timestamping_mode: timestamping.mode.into_patch(),
            timestamping_uncapped: timestamping.uncapped.into_patch(),
            delete_on_empty_min_age_secs: delete_on_empty.into_patch(),
        })
    }
}
