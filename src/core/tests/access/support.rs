//! Tokens and requests to test with.

use std::sync::Arc;

use riverrun_core::access::{Grant, Principal, Refused, TokenSecret, issue};
use riverrun_core::control::TokenRow;
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::request::{IssueAccessToken, StreamRef};
use riverrun_protocol::types::{BasinName, StreamName, TokenId};

pub const NOW_MS: u64 = 1_000_000;
pub const ROOT: Principal = Principal::Everyone { local: true };

pub fn prefix(text: &str) -> ResourceSet {
    ResourceSet::Prefix(text.to_owned())
}

pub fn exact(text: &str) -> ResourceSet {
    ResourceSet::Exact(text.to_owned())
}

pub fn basin(name: &str) -> BasinName {
    BasinName::new(name).unwrap()
}

pub fn stream(basin_name: &str, name: &str) -> StreamRef {
    StreamRef { basin: basin(basin_name), stream: StreamName::new(name).unwrap() }
}

pub fn token_id(id: &str) -> TokenId {
    TokenId::new(id).unwrap()
}

/// Everything, everywhere.
pub fn whole_scope() -> TokenScope {
    TokenScope {
        basins: prefix(""),
        streams: prefix(""),
        access_tokens: prefix(""),
        groups: OperationGroups::ALL,
        operations: Operations::NONE,
    }
}

pub fn asking(id: &str, scope: TokenScope) -> IssueAccessToken {
    IssueAccessToken {
        id: token_id(id),
        expires_at_ms: None,
        auto_prefix_streams: false,
        scope,
        rates: TokenRates::default(),
    }
}

pub fn secret(number: u8) -> TokenSecret {
    TokenSecret::new([number; 16], [!number; 32])
}

pub fn issued(issuer: &Principal, request: &IssueAccessToken) -> Result<TokenRow, Refused> {
    issue(issuer, request, &secret(1), NOW_MS)
}

pub fn holder(row: &TokenRow) -> Principal {
    Principal::Token(Arc::new(Grant::new(row)))
}

/// Whoever holds a token with this scope.
pub fn with_scope(scope: TokenScope) -> Principal {
    holder(&issued(&ROOT, &asking("a-token", scope)).expect("root issues anything"))
}

/// Numbers from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}
