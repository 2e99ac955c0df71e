//! Why a call about a name has no answer.

use riverrun_core::control::Refusal;
use riverrun_core::event::LoadFailure;
use riverrun_core::stored::StoredError;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use super::shards::ShardsEnded;
use crate::catalog::CatalogError;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// The rules say no: nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    /// The stream's shard could not load it to close it. Nothing was done.
    #[error("the stream cannot be closed: {0:?}")]
    NotClosed(LoadFailure),
    #[error(transparent)]
    ShardsEnded(#[from] ShardsEnded),
    #[error("{0}")]
    Random(String),
    /// Nothing was done.
    #[error("too many calls about names wait for the catalog; try again later")]
    Busy,
}

impl NameError {
    /// Repeating it later is no use: this process is over.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_fatal(),
            Self::ShardsEnded(_) => true,
            Self::Refused(_) | Self::Stored(_) | Self::NotClosed(_) | Self::Random(_) | Self::Busy => false,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Stored(_) | Self::Catalog(CatalogError::Corrupt(_)) | Self::NotClosed(LoadFailure::Corrupt(_)) => {
                ErrorCode::Corrupt
            }
            Self::Catalog(_) | Self::NotClosed(_) | Self::ShardsEnded(_) | Self::Random(_) => ErrorCode::Unavailable,
            Self::Busy => ErrorCode::Overloaded,
        }
    }
}

impl From<NameError> for ErrorFrame {
    fn from(error: NameError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<NameError> for LoadFailure {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Refused(refusal) => refusal.into(),
            error if error.code() == ErrorCode::Corrupt => Self::Corrupt(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}
