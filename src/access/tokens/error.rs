//! Why a call about tokens failed.

use riverrun_core::access::NotAToken;
use riverrun_core::stored::StoredError;
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::types::TokenId;

use super::super::root_token::RootTokenError;
use super::DEADLINE;
use crate::catalog::CatalogError;

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Root(#[from] RootTokenError),
    #[error("{0}")]
    Random(String),
    /// Nothing was written, and nothing will be.
    #[error("the catalog did not answer within {DEADLINE:?}, and nothing was done: try again later")]
    Slow,
    /// It is being written, or it was.
    #[error("the catalog did not answer within {DEADLINE:?}; what was asked may have been done")]
    Unknown,
    /// Nothing was done.
    #[error("too many calls that change access tokens wait for the catalog: try again later")]
    Busy,
    #[error("the access token is unknown, expired or revoked: get another one from its issuer")]
    Authn,
    #[error("an access token is needed here: the client gave none, or something that is no access token of Riverrun's")]
    Missing,
    #[error("what was given as an access token is damaged: {0}. Copy the whole token")]
    Garbled(NotAToken),
    #[error("access token `{0}` already exists")]
    Exists(TokenId),
    #[error("access token `{0}` not found")]
    NotFound(TokenId),
    #[error("{0}")]
    Refused(#[from] riverrun_core::access::Refused),
}

impl From<TokenError> for ErrorFrame {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Refused(refused) => return refused.into(),
            TokenError::Authn | TokenError::Missing | TokenError::Garbled(_) => ErrorCode::Authn,
            TokenError::Exists(_) => ErrorCode::AlreadyExists,
            TokenError::NotFound(_) => ErrorCode::AccessTokenNotFound,
            TokenError::Busy => ErrorCode::Overloaded,
            TokenError::Stored(_) | TokenError::Catalog(CatalogError::Corrupt(_)) => ErrorCode::Corrupt,
            TokenError::Catalog(_)
            | TokenError::Root(_)
            | TokenError::Random(_)
            | TokenError::Slow
            | TokenError::Unknown => ErrorCode::Unavailable,
        };
        let frame = Self::new(code, error.to_string());
        match error {
            TokenError::Slow => Self { outcome: Outcome::NotDone, ..frame },
            _ => frame,
        }
    }
}
