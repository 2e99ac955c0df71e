//! The names of ciphers (`s2-semantics.md` E1, E9).

use serde::Deserialize;

use crate::error::HttpError;

/// How new streams' records are encrypted. The protocol has no encryption yet, so asking for it is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
pub enum Cipher {
    #[serde(rename = "aegis-256")]
    Aegis256,
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
}

impl Cipher {
    /// S2's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aegis256 => "aegis-256",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }
}

/// Whoever asks for encryption must not be left believing that it is there.
pub(super) fn refuse(cipher: Option<Cipher>) -> Result<(), HttpError> {
    match cipher {
        Some(cipher) => {
            Err(HttpError::not_implemented(format!("stream cipher '{}' is not available here", cipher.name())))
        }
        None => Ok(()),
    }
}
