//! What an access token is to be allowed.

use riverrun_protocol::access::{Operation, OperationGroups, ResourceSet, TokenRates, TokenScope};

/// A new access token: which operations on which names, until when, how fast (`s2-semantics.md` F2, F3). By default it
/// may do nothing, and a token that may do nothing is refused: name at least one operation or group.
///
/// ```
/// use riverrun_client::{AccessTokenOptions, OperationGroups, ReadWrite, ResourceSet};
///
/// let read_write = ReadWrite { read: true, write: true };
/// let tenant = AccessTokenOptions::default()
///     .basins(ResourceSet::Exact("demo-basin".into()))
///     .streams(ResourceSet::Prefix("tenant-1/".into()))
///     .auto_prefix_streams(true) // what the tenant calls `a` is `tenant-1/a`
///     .groups(OperationGroups { stream: read_write, ..OperationGroups::default() })
///     .append_bytes_per_sec(1 << 20)
///     .expires_at_ms(1_800_000_000_000);
/// # let _ = tenant;
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccessTokenOptions {
    pub scope: TokenScope,
    pub rates: TokenRates,
    /// Milliseconds since the Unix epoch. `None`: as long as the issuer's.
    pub expires_at_ms: Option<u64>,
    /// Only with streams given as a prefix, which is then put in front of every stream's name, and taken off again.
    pub auto_prefix_streams: bool,
}

impl From<TokenScope> for AccessTokenOptions {
    fn from(scope: TokenScope) -> Self {
        Self { scope, ..Self::default() }
    }
}

impl AccessTokenOptions {
    /// Basins it may touch.
    pub fn basins(mut self, names: ResourceSet) -> Self {
        self.scope.basins = names;
        self
    }

    /// Streams it may touch, in those basins.
    pub fn streams(mut self, names: ResourceSet) -> Self {
        self.scope.streams = names;
        self
    }

    /// Access tokens it may list, issue and revoke.
    pub fn access_tokens(mut self, ids: ResourceSet) -> Self {
        self.scope.access_tokens = ids;
        self
    }

    /// Whole groups of operations, with those that later versions add to them.
    pub fn groups(mut self, groups: OperationGroups) -> Self {
        self.scope.groups = groups;
        self
    }

    /// Single operations, beside the groups.
    pub fn operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        self.scope.operations = operations.into_iter().collect();
        self
    }

    pub fn expires_at_ms(mut self, expires_at_ms: u64) -> Self {
        self.expires_at_ms = Some(expires_at_ms);
        self
    }

    pub fn auto_prefix_streams(mut self, on: bool) -> Self {
        self.auto_prefix_streams = on;
        self
    }

    /// Metered bytes that may be appended with it.
    pub fn append_bytes_per_sec(mut self, limit: u64) -> Self {
        self.rates.append_bytes_per_sec = Some(limit);
        self
    }

    /// Requests that may be made with it, and inputs of append sessions.
    pub fn requests_per_sec(mut self, limit: u64) -> Self {
        self.rates.requests_per_sec = Some(limit);
        self
    }
}
