//! A field of a PATCH: absent, null or a value (`s2-semantics.md` E5).

use riverrun_protocol::config::Patch;
use serde::de::{Deserialize, Deserializer};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|value| value.map_or(Self::Null, Self::Value))
    }
}

impl<T> Field<T> {
    pub fn into_patch<U: From<T>>(self) -> Patch<U> {
        match self {
            Self::Absent => Patch::Keep,
            Self::Null => Patch::Clear,
            Self::Value(value) => Patch::Set(value.into()),
        }
    }
}

/// For fields that may be absent but not null (`s2-semantics.md` E5, H4).
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
