//! Which form a body has, and which its answer (`s2-semantics.md` H3, H4).

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName};

use crate::error::HttpError;

/// The form of a unary body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BodyFormat {
    Json,
    Protobuf,
}

impl BodyFormat {
    /// The `Content-Type` of an answer. Errors are JSON whatever was asked for.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => super::JSON_CONTENT_TYPE,
            Self::Protobuf => super::PROTO_CONTENT_TYPE,
        }
    }

    /// The error for a body that is not of this form, or too large (`s2-semantics.md` H5).
    pub fn bad_body(self, message: impl Into<String>) -> HttpError {
        match self {
            Self::Json => HttpError::bad_json(message),
            Self::Protobuf => HttpError::bad_proto(message),
        }
    }
}

/// How a read is answered (`s2-semantics.md` C2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReadMode {
    Unary(BodyFormat),
    Sse,
    S2s,
}

/// What an append's body is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AppendMode {
    Unary(BodyFormat),
    S2s,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    S2s,
    Sse,
    Json,
    Protobuf,
    Other,
}

/// S2S wins over SSE where both are asked for.
pub fn read_mode(headers: &HeaderMap) -> ReadMode {
    match (media(headers, CONTENT_TYPE), media(headers, ACCEPT)) {
        (Some(Media::S2s), _) => ReadMode::S2s,
        (_, Some(Media::Sse)) => ReadMode::Sse,
        _ => ReadMode::Unary(response_format(headers)),
    }
}

/// # Errors
/// `bad_json` for a body of a type that is neither: it would be taken for JSON, which insists on its type.
pub fn append_mode(headers: &HeaderMap) -> Result<AppendMode, HttpError> {
    match media(headers, CONTENT_TYPE) {
        Some(Media::S2s) => Ok(AppendMode::S2s),
        Some(Media::Protobuf) => Ok(AppendMode::Unary(BodyFormat::Protobuf)),
        _ => require_json(headers).map(|()| AppendMode::Unary(BodyFormat::Json)),
    }
}

/// The form of a unary answer: protobuf where it is the first type that the client accepts, else JSON.
pub fn response_format(headers: &HeaderMap) -> BodyFormat {
    match media(headers, ACCEPT) {
        Some(Media::Protobuf) => BodyFormat::Protobuf,
        _ => BodyFormat::Json,
    }
}

/// # Errors
/// `bad_json` unless the body is said to be JSON.
pub fn require_json(headers: &HeaderMap) -> Result<(), HttpError> {
    match media(headers, CONTENT_TYPE) {
        Some(Media::Json) => Ok(()),
        _ => Err(HttpError::bad_json("Expected request with `Content-Type: application/json`")),
    }
}

/// PUT takes no content type, or an empty body, for no body at all (`s2-semantics.md` H4): `None`.
///
/// # Errors
/// As [`require_json`].
pub fn optional_json<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Option<&'a [u8]>, HttpError> {
    if body.is_empty() || !headers.contains_key(CONTENT_TYPE) {
        return Ok(None);
    }
    require_json(headers).map(|()| Some(body))
}

/// The first media type of a header: its parameters and the types behind it do not count, nor does case.
fn media(headers: &HeaderMap, name: HeaderName) -> Option<Media> {
    let value = headers.get(name)?.to_str().unwrap_or("");
    let first = value.split([',', ';']).next().unwrap_or("").trim().to_ascii_lowercase();
    Some(match first.as_str() {
        "s2s/proto" => Media::S2s,
        "text/event-stream" => Media::Sse,
        "application/json" => Media::Json,
        // The last is what old documentation says.
        "application/protobuf" | "application/x-protobuf" | "application/proto" => Media::Protobuf,
        other if other.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json")) => Media::Json,
        _ => Media::Other,
    })
}
