//! Why a store cannot be served as it is.

use riverrun_core::chunk::ChunkId;
use riverrun_core::journal::{BlockHeader, Damage, ReadError};
use riverrun_core::plan::replay::ReplayDamage;
use riverrun_core::stored::StoredError;
use riverrun_protocol::error::DecodeError;

use crate::catalog::CatalogError;
use crate::loader::FetchError;
use crate::store::StoreError;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A catalog row or a chunk.
    #[error("{place}: {error}")]
    Stored { place: String, error: StoredError },
    #[error("epoch {by_epoch} has taken over this store")]
    Superseded { by_epoch: u64 },
    #[error("the store takes no objects: {0}")]
    StoreRefuses(String),
    #[error("the store did not answer about {0}")]
    NoAnswer(ChunkId),
    #[error(
        "the journals of epoch {epoch}, which ran on {node:?} and was not stopped cleanly, are not in this data directory \
         ({missing} of {needed} are missing); they may hold acknowledged records that are nowhere else"
    )]
    JournalsMissing { epoch: u64, node: String, missing: usize, needed: usize },
    #[error(
        "journal file {file:08}.journal, offset {offset}: cannot be read: {error}; nobody can tell what stands there"
    )]
    JournalRead { file: u32, offset: u64, error: ReadError },
    #[error(
        "journal file {file:08}.journal, offset {offset}: written by a newer riverrun (format {version}); this one cannot read it"
    )]
    JournalNewer { file: u32, offset: u64, version: u16 },
    #[error(transparent)]
    JournalDamaged(#[from] Box<Damage>),
    #[error("journal file {file:08}.journal, offset {offset}: a batch in block {number} is damaged: {error}")]
    Batch { file: u32, offset: u64, number: u64, error: DecodeError },
    #[error("journal file {file:08}.journal, offset {offset}: {damage}")]
    Replay { file: u32, offset: u64, damage: ReplayDamage },
    #[error("{0}")]
    Random(String),
}

impl RecoveryError {
    pub(super) fn stored(place: impl ToString, error: StoredError) -> Self {
        Self::Stored { place: place.to_string(), error }
    }

    pub(super) fn batch(block: &BlockHeader, error: DecodeError) -> Self {
        Self::Batch { file: block.file, offset: block.offset, number: block.number, error }
    }

    pub(super) fn replay(block: &BlockHeader, damage: ReplayDamage) -> Self {
        Self::Replay { file: block.file, offset: block.offset, damage }
    }

    /// What the operator can do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Store(error @ StoreError::SyncFailed { .. }) => error.what_to_do(),
            Self::Store(_) | Self::StoreRefuses(_) | Self::NoAnswer(_) | Self::Random(_) => {
                "mend the cause and start again: nothing was changed that a second start does not find"
            }
            Self::Catalog(_) | Self::Superseded { .. } => {
                "make sure that no other process serves this store, then start again"
            }
            Self::JournalsMissing { .. } => {
                "start with the data directory of that node; if it is lost, --accept-journal-loss gives up what only it held"
            }
            Self::JournalNewer { .. } | Self::Stored { error: StoredError::Newer { .. }, .. } => {
                "start the version that wrote it, or a newer one; nothing was changed"
            }
            Self::JournalRead { .. } => {
                "copy the data directory to a sound disk and start with the copy; where the copy cannot be read either, use a \
                 tool that leaves zeros in such places (ddrescue): that gives up what stood there, needed or not"
            }
            Self::Stored { .. } | Self::JournalDamaged(_) | Self::Batch { .. } | Self::Replay { .. } => {
                "keep a copy of the data directory and the store as they are, and check the disk: stored bytes were changed"
            }
        }
    }
}

impl From<FetchError> for RecoveryError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Store(error) => Self::Store(error),
            FetchError::Catalog(error) => Self::Catalog(error),
            FetchError::Stored { name, error } => Self::Stored { place: name, error },
            FetchError::NotIndexed(id) => Self::NoAnswer(id),
        }
    }
}

impl From<Damage> for RecoveryError {
    fn from(damage: Damage) -> Self {
        Self::JournalDamaged(Box::new(damage))
    }
}
