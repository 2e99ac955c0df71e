//! What the catalog says when it does not do as asked.

/// Cheap to clone, because one failure may have to be told to many who waited for the same thing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("another process has opened this store and owns it now: it claimed a newer epoch")]
    Fenced,
    #[error("the catalog is closed: {0}")]
    Closed(String),
    /// No answer, or a passing fault. A write may have been done.
    #[error("the catalog did not answer: {0}")]
    Unavailable(String),
    #[error("the catalog's stored data cannot be read: {0}")]
    Corrupt(String),
}

impl CatalogError {
    /// The process cannot go on.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fenced | Self::Closed(_))
    }

    /// What the operator can do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Fenced => "make sure that only one process serves this store, then start that one again",
            Self::Closed(_) | Self::Unavailable(_) => {
                "check the store's disk, then start again: nothing acknowledged is lost"
            }
            Self::Corrupt(_) => "keep a copy of the store as it is, and check its disk: stored bytes were changed",
        }
    }
}

impl From<slatedb::Error> for CatalogError {
    fn from(error: slatedb::Error) -> Self {
        use slatedb::{CloseReason, ErrorKind};
        match error.kind() {
            ErrorKind::Closed(CloseReason::Fenced) => Self::Fenced,
            ErrorKind::Closed(_) => Self::Closed(error.to_string()),
            ErrorKind::Data => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
