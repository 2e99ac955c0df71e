//! Access tokens.

use riverrun_protocol::access::{Operation, OperationGroups, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{IssueAccessToken, ListAccessTokens, Request};
use riverrun_protocol::response::{AccessTokenList, Response};
use riverrun_protocol::types::{BasinName, TokenId};

use super::{Stage, done, only};
use crate::door::Link;

impl Stage<'_> {
    /// An id that nobody else has.
    pub fn token_id(&mut self) -> TokenId {
        let basin = self.basin_name();
        token_id(basin.as_str())
    }

    /// The secret.
    pub fn issue(&mut self, request: IssueAccessToken) -> Result<String, ErrorFrame> {
        let outcome = self.call(&Request::IssueAccessToken(request));
        only!(outcome, Response::AccessTokenIssued).map(|issued| issued.secret)
    }

    /// Comes in with a new token of this scope.
    pub fn enter_with(&mut self, scope: TokenScope) -> Link {
        let id = self.token_id();
        let secret = done(self.issue(asking(id, scope)));
        done(self.open(secret.as_bytes()))
    }

    pub fn list_tokens(&mut self, prefix: &str, start_after: &str, limit: u32) -> Result<AccessTokenList, ErrorFrame> {
        let list = ListAccessTokens { prefix: prefix.to_owned(), start_after: start_after.to_owned(), limit };
        only!(self.call(&Request::ListAccessTokens(list)), Response::AccessTokenList)
    }

    pub fn revoke(&mut self, id: &TokenId) -> Result<(), ErrorFrame> {
        let outcome = self.call(&Request::RevokeAccessToken(id.clone()));
        outcome.map(|response| assert_eq!(response, Response::Done))
    }
}

pub fn token_id(text: &str) -> TokenId {
    TokenId::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A request without expiry, rates or auto-prefix.
pub fn asking(id: TokenId, scope: TokenScope) -> IssueAccessToken {
    let rates = TokenRates::default();
    IssueAccessToken { id, expires_at_ms: None, auto_prefix_streams: false, scope, rates }
}

pub fn everything() -> ResourceSet {
    ResourceSet::Prefix(String::new())
}

/// These operations on everything.
pub fn may(operations: &[Operation]) -> TokenScope {
    TokenScope {
        basins: everything(),
        streams: everything(),
        access_tokens: everything(),
        groups: OperationGroups::default(),
        operations: operations.iter().copied().collect(),
    }
}

/// These operations in one basin.
pub fn may_in(basin: &BasinName, operations: &[Operation]) -> TokenScope {
    TokenScope { basins: ResourceSet::Exact(basin.to_string()), ..may(operations) }
}
