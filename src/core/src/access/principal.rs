//! Who is behind a connection.

use std::sync::Arc;

use riverrun_protocol::access::{Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::types::TokenId;

use super::namespace::Namespace;
use super::{PublicId, effective};
use crate::control::{RatedToken, TokenRow};

/// For those whom nothing is hidden from.
static EVERYTHING: ResourceSet = ResourceSet::Prefix(String::new());

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// Whoever can connect, where no token is asked for. `local`: only processes of this machine can.
    Everyone { local: bool },
    /// The holder of the root token.
    Root(PublicId),
    /// The holder of an issued token.
    Token(Arc<Grant>),
    /// The broker itself.
    System,
}

impl Principal {
    /// By which it is known when its token is revoked.
    pub fn public_id(&self) -> Option<PublicId> {
        match self {
            Self::Everyone { .. } | Self::System => None,
            Self::Root(id) => Some(*id),
            Self::Token(grant) => Some(grant.public_id),
        }
    }

    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Token(grant) => Some(grant),
            Self::Everyone { .. } | Self::Root(_) | Self::System => None,
        }
    }

    pub fn namespace(&self) -> Option<Namespace<'_>> {
        self.grant().and_then(Grant::namespace)
    }

    /// Which basins it may touch; so for the others (`s2-semantics.md` F2).
    pub fn basins(&self) -> &ResourceSet {
        self.grant().map_or(&EVERYTHING, |grant| &grant.scope.basins)
    }

    pub fn streams(&self) -> &ResourceSet {
        self.grant().map_or(&EVERYTHING, |grant| &grant.scope.streams)
    }

    pub fn access_tokens(&self) -> &ResourceSet {
        self.grant().map_or(&EVERYTHING, |grant| &grant.scope.access_tokens)
    }

    /// Dead from then on.
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.grant().and_then(|grant| grant.expires_at_ms)
    }

    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms().is_some_and(|at| at <= now_ms)
    }
}

impl std::fmt::Display for Principal {
    /// As the audit stream names it: a token's id may be any text, also `root`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everyone { .. } => f.write_str("everyone"),
            Self::Root(_) => f.write_str("root"),
            Self::Token(grant) => write!(f, "token:{}", grant.id),
            Self::System => f.write_str("system"),
        }
    }
}

/// What the holder of an issued token may do. Without anything secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub id: TokenId,
    pub public_id: PublicId,
    pub expires_at_ms: Option<u64>,
    pub auto_prefix_streams: bool,
    pub scope: TokenScope,
    /// The scope's operations and those of its groups.
    pub operations: Operations,
    /// Its own limit and those of all who stand behind it: it draws from each (`s2-semantics.md` F3, subset).
    pub rates: Vec<RatedToken>,
}

impl Grant {
    pub fn new(row: &TokenRow) -> Self {
        let own = RatedToken { public_id: row.public_id, rates: row.rates };
        let limited = (row.rates != TokenRates::default()).then_some(own);
        Self {
            id: row.id.clone(),
            public_id: row.public_id,
            expires_at_ms: row.expires_at_ms,
            auto_prefix_streams: row.auto_prefix_streams,
            scope: row.scope.clone(),
            operations: effective(&row.scope),
            rates: row.ancestors.iter().copied().chain(limited).collect(),
        }
    }

    pub fn namespace(&self) -> Option<Namespace<'_>> {
        Namespace::of(self.auto_prefix_streams, &self.scope.streams)
    }
}
