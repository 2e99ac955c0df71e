//! An access token's row: key `token/<id>`. Nothing in it lets anybody in.
//!
//! ```text
//! u16 length, id | [16] public id | [32] SHA-256 of the secret | u64 created, ms | u8 expires, u64 when, ms
//! u8 auto-prefix | u8 was issued by a token, [u16 length, its id]
//! u8 groups | u32 operations | basins, streams, access tokens, each: u8 0 nothing, 1 exact, 2 prefix, u16 length, name
//! u64 append bytes per second, u64 requests per second, 0 = no limit
//! u32 count, then for each issuer with a limit: [16] public id, both limits as before
//! ```

use bytes::{BufMut, Bytes};
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::response::AccessTokenInfo;
use riverrun_protocol::types::TokenId;

use super::value::Kind;
use crate::access::{PublicId, SecretHash};
use crate::stored::{Reader, StoredError, Write};

const KIND: Kind = Kind { tag: 30, name: "access token", version: 1 };
const RATED_BYTES: usize = 32;

/// A token that has a limit, from which everybody whose token was issued from it draws too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RatedToken {
    pub public_id: PublicId,
    pub rates: TokenRates,
}

/// An access token as the catalog holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRow {
    pub id: TokenId,
    pub public_id: PublicId,
    pub secret_hash: SecretHash,
    pub created_at_ms: u64,
    pub expires_at_ms: Option<u64>,
    pub auto_prefix_streams: bool,
    pub scope: TokenScope,
    pub rates: TokenRates,
    /// At most `RATED_ANCESTORS_MAX`.
    pub ancestors: Vec<RatedToken>,
    /// Whose token issued it; `None`: root's, or nobody's where none is asked for.
    pub parent: Option<TokenId>,
}

impl TokenRow {
    pub fn info(&self) -> AccessTokenInfo {
        AccessTokenInfo {
            id: self.id.clone(),
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
            auto_prefix_streams: self.auto_prefix_streams,
            scope: self.scope.clone(),
            rates: self.rates,
        }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.id.as_str());
            out.put_slice(&self.public_id.0);
            out.put_slice(&self.secret_hash.0);
            out.put_u64_le(self.created_at_ms);
            out.put_optional_u64(self.expires_at_ms);
            out.put_u8(u8::from(self.auto_prefix_streams));
            out.put_u8(u8::from(self.parent.is_some()));
            self.parent.iter().for_each(|parent| out.put_text(parent.as_str()));
            put_scope(out, &self.scope);
            put_rates(out, self.rates);
            out.put_u32_le(self.ancestors.len() as u32);
            for ancestor in &self.ancestors {
                out.put_slice(&ancestor.public_id.0);
                put_rates(out, ancestor.rates);
            }
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            Ok(Self {
                id: token_id(reader)?,
                public_id: PublicId(reader.array()?),
                secret_hash: SecretHash(reader.array()?),
                created_at_ms: reader.u64()?,
                expires_at_ms: reader.optional_u64()?,
                auto_prefix_streams: reader.bool()?,
                parent: if reader.bool()? { Some(token_id(reader)?) } else { None },
                scope: scope(reader)?,
                rates: rates(reader)?,
                ancestors: ancestors(reader)?,
            })
        })
    }
}

pub(super) fn token_id(reader: &mut Reader<'_>) -> Result<TokenId, StoredError> {
    let text = reader.text()?;
    TokenId::new(text).map_err(|error| reader.damaged(error.to_string()))
}

fn put_scope(out: &mut Vec<u8>, scope: &TokenScope) {
    out.put_u8(scope.groups.bits());
    out.put_u32_le(scope.operations.bits());
    for set in [&scope.basins, &scope.streams, &scope.access_tokens] {
        let (kind, name) = match set {
            ResourceSet::Nothing => (0, ""),
            ResourceSet::Exact(name) => (1, name.as_str()),
            ResourceSet::Prefix(prefix) => (2, prefix.as_str()),
        };
        out.put_u8(kind);
        out.put_text(name);
    }
}

fn scope(reader: &mut Reader<'_>) -> Result<TokenScope, StoredError> {
    let groups = OperationGroups::from_bits(reader.u8()?).ok_or_else(|| reader.damaged("unknown groups"))?;
    let operations = Operations::from_bits(reader.u32()?).ok_or_else(|| reader.damaged("unknown operations"))?;
    let (basins, streams, access_tokens) = (set(reader)?, set(reader)?, set(reader)?);
    Ok(TokenScope { basins, streams, access_tokens, groups, operations })
}

fn set(reader: &mut Reader<'_>) -> Result<ResourceSet, StoredError> {
    match (reader.u8()?, reader.text()?) {
        (0, "") => Ok(ResourceSet::Nothing),
        (1, name) => Ok(ResourceSet::Exact(name.to_owned())),
        (2, prefix) => Ok(ResourceSet::Prefix(prefix.to_owned())),
        (other, _) => Err(reader.damaged(format!("a set of names of kind {other}"))),
    }
}

fn put_rates(out: &mut Vec<u8>, rates: TokenRates) {
    out.put_u64_le(rates.append_bytes_per_sec.unwrap_or(0));
    out.put_u64_le(rates.requests_per_sec.unwrap_or(0));
}

fn rates(reader: &mut Reader<'_>) -> Result<TokenRates, StoredError> {
    let limit = |per_sec: u64| (per_sec > 0).then_some(per_sec);
    Ok(TokenRates { append_bytes_per_sec: limit(reader.u64()?), requests_per_sec: limit(reader.u64()?) })
}

fn ancestors(reader: &mut Reader<'_>) -> Result<Vec<RatedToken>, StoredError> {
    let count = reader.count(RATED_BYTES)?;
    (0..count).map(|_| Ok(RatedToken { public_id: PublicId(reader.array()?), rates: rates(reader)? })).collect()
}
