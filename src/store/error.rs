//! What a store says when it does not do as asked: what, why, what to do.

use super::StoreUrl;

/// Cheap to clone, because one failure may have to be told to many who waited for the same thing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{given:?} is not a store that this build knows: there are `fs:DIRECTORY` and `memory:`")]
    Url { given: String },
    #[error("cannot open the store {url}: {reason}")]
    Open { url: String, reason: String },
    #[error("the store in {place} is in use by {holder}")]
    InUse { place: String, holder: String },
    /// The self-test failed: not a store to trust with anyone's data.
    #[error("the store {url} cannot be used, because it fails what Riverrun relies on: {what}")]
    Unsafe { url: String, what: String },
    /// Never to be repeated: the second sync would succeed without the bytes being there (reliability.md D8).
    #[error("the store's disk failed a sync: {reason}")]
    SyncFailed { reason: String },
    #[error("could not {operation} {name}: {reason}")]
    Failed { operation: &'static str, name: String, reason: String },
}

impl StoreError {
    pub(super) fn open(url: &StoreUrl, reason: impl Into<String>) -> Self {
        Self::Open { url: url.to_string(), reason: reason.into() }
    }

    /// What the operator can do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Url { .. } => "give --store fs:DIRECTORY, or --store memory: for tests",
            Self::Open { .. } => "check that the place exists and may be read and written by this user",
            Self::InUse { .. } => "stop that process, or start this one with a data directory and a store of its own",
            Self::Unsafe { .. } => "choose another store; on a local disk, a file system such as ext4 or XFS",
            Self::SyncFailed { .. } => {
                "look into dmesg for the disk, and copy the store to a sound one before it is served again: what was written to \
                 it last may not have reached it"
            }
            Self::Failed { .. } => {
                "check the disk, its free space and the permissions, or choose another folder with --data"
            }
        }
    }

    pub fn failed(operation: &'static str, name: &str, reason: impl ToString) -> Self {
        Self::Failed { operation, name: name.to_owned(), reason: reason.to_string() }
    }
}
