//! Tokens and keys in headers. None of them is ever shown by `{:?}`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use riverrun_protocol::limits::TOKEN_BYTES_MAX;
use riverrun_protocol::types::RequestToken;

use super::{S2_ENCRYPTION_KEY, S2_REQUEST_TOKEN, text};
use crate::error::HttpError;
use crate::limits::{ENCRYPTION_KEY_BYTES, ENCRYPTION_KEY_TEXT_BYTES_MAX};

/// The access token of `Authorization: Bearer <token>`; `None` without the header. Whether one is needed, the broker knows.
///
/// # Errors
/// `authn` for a header that holds none, or a longer one than there can be (`s2-semantics.md` F3).
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, HttpError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(bearer).filter(|token| token.len() <= TOKEN_BYTES_MAX);
    token.map(Some).ok_or_else(|| HttpError::authn("the `Authorization` header is not `Bearer` and an access token"))
}

/// The scheme's name in any case (RFC 9110).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The `s2-request-token` of creations (`s2-semantics.md` E4). An empty one is one.
///
/// # Errors
/// `bad_header`.
pub fn request_token(headers: &HeaderMap) -> Result<Option<RequestToken>, HttpError> {
    let token = text(headers, S2_REQUEST_TOKEN)?.map(RequestToken::new).transpose();
    token.map_err(|error| HttpError::bad_header(format!("header `{S2_REQUEST_TOKEN}`: {error}")))
}

/// The text of an `s2-encryption-key` header: 1 to 44 characters, not yet decoded (`s2-semantics.md` E9).
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(String);

impl EncryptionKey {
    /// Only for streams that have a cipher: on others a key is ignored, whatever it is.
    ///
    /// # Errors
    /// `bad_header` for what is not base64 of 32 bytes.
    pub fn decode(&self) -> Result<[u8; ENCRYPTION_KEY_BYTES], HttpError> {
        let decoded = STANDARD.decode(&self.0).ok().and_then(|key| key.try_into().ok());
        decoded.ok_or_else(|| {
            HttpError::bad_header(format!("`{S2_ENCRYPTION_KEY}` is not the base64 of {ENCRYPTION_KEY_BYTES} bytes"))
        })
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(..)")
    }
}

/// Blanks around the key do not count. Its syntax is judged for every stream, its content for those with a cipher.
///
/// # Errors
/// `bad_header` for an empty text and for one of more than 44 characters.
pub fn encryption_key(headers: &HeaderMap) -> Result<Option<EncryptionKey>, HttpError> {
    match text(headers, S2_ENCRYPTION_KEY)?.map(str::trim) {
        None => Ok(None),
        Some(key) if (1..=ENCRYPTION_KEY_TEXT_BYTES_MAX).contains(&key.len()) => {
            Ok(Some(EncryptionKey(key.to_owned())))
        }
        Some(_) => Err(HttpError::bad_header(format!(
            "`{S2_ENCRYPTION_KEY}` has 1 to {ENCRYPTION_KEY_TEXT_BYTES_MAX} characters"
        ))),
    }
}
