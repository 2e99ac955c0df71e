//! An access token as its holder has it, and what is kept of it.
//!
//! ```text
//! "rrt_", then base64url without padding of: [16] public id | [32] secret | u32 crc32c of both, little-endian
//! ```
//! The sum refuses a typing error without a look-up, and lets scanners for leaked secrets be sure of a find.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "rrt_";
const PUBLIC_ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const BYTES: usize = PUBLIC_ID_BYTES + SECRET_BYTES + 4;

/// Under which a token's row is found. No secret; shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId(pub [u8; PUBLIC_ID_BYTES]);

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A whole token. It shows itself by [`TokenSecret::reveal`] only.
pub struct TokenSecret {
    public_id: PublicId,
    secret: [u8; SECRET_BYTES],
}

impl fmt::Debug for TokenSecret {
    /// Without the secret, which must not reach a log by way of a stray `{:?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSecret").field("public_id", &self.public_id).finish_non_exhaustive()
    }
}

/// The text is no access token of Riverrun's. It is not repeated here, because it may be somebody's password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no access token: one begins with `rrt_`, and its last characters are a checksum of the others")]
pub struct NotAToken;

impl TokenSecret {
    /// Of random bytes from the operating system.
    pub fn new(public_id: [u8; PUBLIC_ID_BYTES], secret: [u8; SECRET_BYTES]) -> Self {
        Self { public_id: PublicId(public_id), secret }
    }

    /// Whether it is meant to be one, sound or not.
    pub fn looks_like(text: &[u8]) -> bool {
        text.starts_with(PREFIX.as_bytes())
    }

    /// # Errors
    /// It does not begin like a token, is not as long as one, or fails its checksum.
    pub fn parse(text: &[u8]) -> Result<Self, NotAToken> {
        let encoded = text.strip_prefix(PREFIX.as_bytes()).ok_or(NotAToken)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAToken)?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| NotAToken)?;
        let (ids, crc) = bytes.split_at(BYTES - 4);
        if crc32c::crc32c(ids).to_le_bytes() != crc {
            return Err(NotAToken);
        }
        let (public_id, secret) = ids.split_at(PUBLIC_ID_BYTES);
        match (public_id.try_into(), secret.try_into()) {
            (Ok(public_id), Ok(secret)) => Ok(Self::new(public_id, secret)),
            _ => Err(NotAToken),
        }
    }

    /// The token as its holder needs it. For the one answer and the one file that hold it.
    pub fn reveal(&self) -> String {
        let mut bytes = [&self.public_id.0[..], &self.secret].concat();
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn public_id(&self) -> PublicId {
        self.public_id
    }

    /// What is stored. 256 random bits need no slow hash.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret).into())
    }
}

/// SHA-256 of a secret. Compared in constant time only.
#[derive(Clone, Copy)]
pub struct SecretHash(pub(crate) [u8; 32]);

impl SecretHash {
    /// Whether `presented` is the secret behind the stored hash. For an unknown id (`None`) it works as long and says
    /// no, so that the time tells nobody which ids exist (reliability.md 5.1).
    pub fn verify(stored: Option<Self>, presented: &TokenSecret) -> bool {
        let expected = stored.unwrap_or(Self([0; 32]));
        let equal = expected.0.ct_eq(&presented.hash().0);
        bool::from(equal & subtle::Choice::from(u8::from(stored.is_some())))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}
