//! Why a call about a basin or a stream is not carried out, in S2's words (`s2-semantics.md` E11).

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::types::BasinName;

use crate::event::LoadFailure;

/// Nothing was done, and nothing will be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("basin `{0}` not found")]
    BasinNotFound(BasinName),
    #[error("stream `{}` in basin `{}` not found", .0.stream, .0.basin)]
    StreamNotFound(StreamRef),
    #[error("basin `{0}` already exists")]
    BasinExists(BasinName),
    #[error("stream `{}` in basin `{}` already exists", .0.stream, .0.basin)]
    StreamExists(StreamRef),
    #[error("basin `{0}` is being deleted")]
    BasinDeletionPending(BasinName),
    #[error("stream deletion pending")]
    StreamDeletionPending,
    #[error("{0}")]
    Invalid(&'static str),
}

impl Refusal {
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BasinNotFound(_) => ErrorCode::BasinNotFound,
            Self::StreamNotFound(_) => ErrorCode::StreamNotFound,
            Self::BasinExists(_) | Self::StreamExists(_) => ErrorCode::AlreadyExists,
            Self::BasinDeletionPending(_) => ErrorCode::BasinDeletionPending,
            Self::StreamDeletionPending => ErrorCode::StreamDeletionPending,
            Self::Invalid(_) => ErrorCode::Invalid,
        }
    }
}

impl From<Refusal> for ErrorFrame {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<Refusal> for LoadFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BasinNotFound(_) => Self::BasinNotFound,
            Refusal::StreamNotFound(_) => Self::StreamNotFound,
            Refusal::BasinDeletionPending(_) => Self::BasinDeletionPending,
            Refusal::StreamDeletionPending => Self::StreamDeletionPending,
            // Creating on first use refuses no name for being there and no configuration: nobody asked for either.
            Refusal::BasinExists(_) | Refusal::StreamExists(_) | Refusal::Invalid(_) => Self::TransactionConflict,
        }
    }
}
