//! The root token: key `token-root`. The secret is in the file `root-token` of the node's data folder only.
//!
//! ```text
//! [16] public id | [32] SHA-256 of the secret | u64 created, ms
//! ```

use bytes::{BufMut, Bytes};

use super::value::Kind;
use crate::access::{PublicId, SecretHash, TokenSecret};
use crate::stored::StoredError;

const KIND: Kind = Kind { tag: 32, name: "root token", version: 1 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootTokenRow {
    pub public_id: PublicId,
    pub secret_hash: SecretHash,
    pub created_at_ms: u64,
}

impl RootTokenRow {
    pub fn new(secret: &TokenSecret, now_ms: u64) -> Self {
        Self { public_id: secret.public_id(), secret_hash: secret.hash(), created_at_ms: now_ms }
    }

    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_slice(&self.public_id.0);
            out.put_slice(&self.secret_hash.0);
            out.put_u64_le(self.created_at_ms);
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            Ok(Self {
                public_id: PublicId(reader.array()?),
                secret_hash: SecretHash(reader.array()?),
                created_at_ms: reader.u64()?,
            })
        })
    }
}
