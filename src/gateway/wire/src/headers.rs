//! Request and response headers (`s2-semantics.md` H3). Of a header that came twice, the first counts.

use http::header::HeaderMap;

pub use basin::basin;
pub use credentials::{EncryptionKey, bearer_token, encryption_key, request_token};
pub use encodings::{accepted_frames, accepted_unary};
pub use media::{
    AppendMode, BodyFormat, ReadMode, append_mode, optional_json, read_mode, require_json, response_format,
};
pub use provision::{PROVISION_RESULT, Provisioning, provision_status};

use crate::error::HttpError;

mod basin;
mod credentials;
mod encodings;
mod media;
mod provision;

pub const S2_BASIN: &str = "s2-basin";
pub const S2_FORMAT: &str = "s2-format";
pub const S2_ENCRYPTION_KEY: &str = "s2-encryption-key";
pub const S2_REQUEST_TOKEN: &str = "s2-request-token";
pub const LAST_EVENT_ID: &str = "last-event-id";
/// Response: milliseconds in decimal, from [`HttpError::retry_after_ms`].
pub const RETRY_AFTER_MS: &str = "retry-after-ms";

pub const JSON_CONTENT_TYPE: &str = "application/json";
pub const PROTO_CONTENT_TYPE: &str = "application/protobuf";
pub const S2S_CONTENT_TYPE: &str = "s2s/proto";
pub const SSE_CONTENT_TYPE: &str = "text/event-stream";
/// What the answers of sessions of both kinds have besides their content type (`s2-semantics.md` C10, H8).
pub const SESSION_HEADERS: [(&str, &str); 2] =
    [("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no")];

/// How JSON bodies hold the bytes of records (`s2-semantics.md` H4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RecordFormat {
    /// As text; on reads, what is not UTF-8 is replaced.
    #[default]
    Raw,
    /// As base64 in the standard alphabet with padding.
    Base64,
}

/// The `s2-format` header: blanks around it do not count, case does.
///
/// # Errors
/// `bad_header`.
pub fn record_format(headers: &HeaderMap) -> Result<RecordFormat, HttpError> {
    match text(headers, S2_FORMAT)?.map(str::trim) {
        None | Some("raw" | "json") => Ok(RecordFormat::Raw),
        Some("base64" | "json-binsafe") => Ok(RecordFormat::Base64),
        Some(other) => Err(HttpError::bad_header(format!("`{S2_FORMAT}` is `raw` or `base64`, not `{other}`"))),
    }
}

/// A header's text.
///
/// # Errors
/// `bad_header` for bytes that are no text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, HttpError> {
    let value = headers.get(name).map(|value| value.to_str());
    value.transpose().map_err(|_| HttpError::bad_header(format!("header `{name}` is not text")))
}

#[cfg(test)]
mod tests;
