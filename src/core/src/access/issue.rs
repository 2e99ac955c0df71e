//! Issuing (`s2-semantics.md` F3): a token grants only what its issuer has.

use riverrun_protocol::access::ResourceSet;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::limits::SCOPE_NAME_BYTES_MAX;
use riverrun_protocol::request::IssueAccessToken;

use super::principal::{Grant, Principal};
use super::secret::TokenSecret;
use super::{effective, is_subset};
use crate::access::{decide, demand::Resource};
use crate::control::TokenRow;

/// Tokens with a limit of their own in one line of issuers: every request draws from the bucket of each.
pub const RATED_ANCESTORS_MAX: usize = 16;

/// Why a token was not issued.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    #[error("Access token permissions cannot be empty")]
    Empty,
    #[error("Auto prefixing is only allowed for streams with prefix matching")]
    AutoPrefix,
    #[error("the access token would have expired before it was issued: choose a later expires_at")]
    Past,
    #[error("a name in the scope has more than {SCOPE_NAME_BYTES_MAX} bytes")]
    LongName,
    #[error("more than {RATED_ANCESTORS_MAX} issuers in a line have a rate limit: issue the token from one further up")]
    LongLine,
    #[error("{0}")]
    Denied(#[from] decide::Denied),
    #[error("an access token grants only what its issuer has: {0}")]
    Beyond(&'static str),
}

impl From<Refused> for ErrorFrame {
    fn from(refused: Refused) -> Self {
        let code = match &refused {
            Refused::Denied(_) | Refused::Beyond(_) => ErrorCode::PermissionDenied,
            Refused::Empty | Refused::AutoPrefix | Refused::Past | Refused::LongName | Refused::LongLine => {
                ErrorCode::Invalid
            }
        };
        Self::new(code, refused.to_string())
    }
}

/// The row of a new token. The request's names are whole ones: an issuer's namespace was entered before.
pub fn issue(
    issuer: &Principal,
    request: &IssueAccessToken,
    secret: &TokenSecret,
    now_ms: u64,
) -> Result<TokenRow, Refused> {
    check(request)?;
    decide::decide(issuer, riverrun_protocol::access::Operation::IssueAccessToken, Resource::Token(&request.id))?;
    if let Some(grant) = issuer.grant() {
        check_subset(grant, request)?;
    }
    let expires_at_ms = request.expires_at_ms.or(issuer.expires_at_ms());
    if expires_at_ms.is_some_and(|at| at <= now_ms) {
        return Err(Refused::Past);
    }
    let ancestors = issuer.grant().map_or_else(Vec::new, |grant| grant.rates.clone());
    if ancestors.len() >= RATED_ANCESTORS_MAX {
        return Err(Refused::LongLine);
    }
    Ok(TokenRow {
        id: request.id.clone(),
        public_id: secret.public_id(),
        secret_hash: secret.hash(),
        created_at_ms: now_ms,
        expires_at_ms,
        auto_prefix_streams: request.auto_prefix_streams,
        scope: request.scope.clone(),
        rates: request.rates,
        ancestors,
        parent: issuer.grant().map(|grant| grant.id.clone()),
    })
}

fn check(request: &IssueAccessToken) -> Result<(), Refused> {
    let scope = &request.scope;
    if effective(scope).is_empty() {
        return Err(Refused::Empty);
    }
    if request.auto_prefix_streams && !matches!(scope.streams, ResourceSet::Prefix(_)) {
        return Err(Refused::AutoPrefix);
    }
    let too_long = |set: &ResourceSet| match set {
        ResourceSet::Nothing => false,
        ResourceSet::Exact(name) | ResourceSet::Prefix(name) => name.len() > SCOPE_NAME_BYTES_MAX,
    };
    match [&scope.basins, &scope.streams, &scope.access_tokens].into_iter().any(too_long) {
        true => Err(Refused::LongName),
        false => Ok(()),
    }
}

fn check_subset(issuer: &Grant, request: &IssueAccessToken) -> Result<(), Refused> {
    let (inner, outer) = (&request.scope, &issuer.scope);
    // Whoever holds a group's present operations only must not pass on its future ones.
    let rules = [
        (inner.groups.is_subset_of(outer.groups), "it does not hold these groups of operations"),
        (inner.operations.is_subset_of(issuer.operations), "it does not hold these operations"),
        (is_subset(&inner.basins, &outer.basins), "its basins do not include these"),
        (is_subset(&inner.streams, &outer.streams), "its streams do not include these"),
        (is_subset(&inner.access_tokens, &outer.access_tokens), "its access tokens do not include these"),
        (outlives(issuer, request), "it expires before that"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(Refused::Beyond(why)),
        None => Ok(()),
    }
}

fn outlives(issuer: &Grant, request: &IssueAccessToken) -> bool {
    match (issuer.expires_at_ms, request.expires_at_ms) {
        (Some(issuers), Some(asked)) => asked <= issuers,
        _ => true,
    }
}
