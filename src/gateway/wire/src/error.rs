//! What goes wrong, as S2's clients read it (`s2-semantics.md` H5, H10): a status and, but for 412 and 416, a code and a message.
//!
//! SDKs decide by code and status whether to repeat a request. A code that promises "no side effects" for an append that may have been
//! done would make a writer repeat it and lose records' uniqueness, so [`From<&ErrorFrame>`] never gives one where the broker's
//! [`Outcome`] leaves that open.

use bytes::Bytes;
use http::StatusCode;
use riverrun_protocol::error::{DecodeError, ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::types::{FencingToken, Position};
use serde::Serialize;

pub use code::S2Code;

use crate::json::{self, PositionJson};
use crate::limits::ERROR_MESSAGE_BYTES_MAX;

mod code;

/// An answer that is an error, complete: nothing has to be looked up to send it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpError {
    pub status: StatusCode,
    pub body: ErrorBody,
    /// The value of the `retry-after-ms` header (`s2-semantics.md` H3); 0 = none.
    pub retry_after_ms: u32,
}

/// What an error's body says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ErrorBody {
    /// `{"code":"..","message":".."}`.
    Info { code: &'static str, message: String },
    /// 412: `{"fencing_token_mismatch":".."}`, the current token (`s2-semantics.md` B11).
    FencingTokenMismatch(FencingToken),
    /// 412: `{"seq_num_mismatch":n}`, the next assignable number (`s2-semantics.md` B11).
    SeqNumMismatch(u64),
    /// 416: `{"tail":{..}}` (`s2-semantics.md` C4).
    Unwritten(Position),
    /// Unknown paths and wrong methods have no body at all (`s2-semantics.md` H2).
    Empty,
}

#[derive(Serialize)]
struct Info<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Facts<'a> {
    FencingTokenMismatch(&'a str),
    SeqNumMismatch(u64),
    Tail(PositionJson),
}

impl HttpError {
    /// With the code's own status. The message is cut at `ERROR_MESSAGE_BYTES_MAX`: it may quote what the client sent.
    pub fn new(code: S2Code, message: impl Into<String>) -> Self {
        Self::info(code.status(), code.name(), message.into())
    }

    fn info(status: StatusCode, code: &'static str, mut message: String) -> Self {
        message.truncate(message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX));
        Self { status, body: ErrorBody::Info { code, message }, retry_after_ms: 0 }
    }

    fn facts(status: StatusCode, body: ErrorBody) -> Self {
        Self { status, body, retry_after_ms: 0 }
    }

    pub fn bad_json(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadJson, message)
    }

    pub fn bad_proto(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadProto, message)
    }

    pub fn bad_query(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadQuery, message)
    }

    pub fn bad_path(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadPath, message)
    }

    pub fn bad_header(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadHeader, message)
    }

    pub fn bad_frame(message: impl Into<String>) -> Self {
        Self::new(S2Code::BadFrame, message)
    }

    /// Well-formed, but against a rule: 422.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(S2Code::Invalid, message)
    }

    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(S2Code::NotImplemented, message)
    }

    /// Missing, garbled or unknown credentials: 401.
    pub fn authn(message: impl Into<String>) -> Self {
        Self::new(S2Code::Authn, message)
    }

    /// 415: S2 has no code for it, and clients want a code and a message with every error (`s2-semantics.md` H3, I2).
    pub fn unsupported_content_encoding(name: &str) -> Self {
        let message = format!("content encoding `{name}` is not supported: send gzip, zstd or none");
        Self::info(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    /// 404 without a body (`s2-semantics.md` H2).
    pub fn unknown_path() -> Self {
        Self::facts(StatusCode::NOT_FOUND, ErrorBody::Empty)
    }

    /// 405 without a body (`s2-semantics.md` H2).
    pub fn wrong_method() -> Self {
        Self::facts(StatusCode::METHOD_NOT_ALLOWED, ErrorBody::Empty)
    }

    /// The broker's answer cannot be read. Whether the request was done is unknown, and so are the codes (`s2-semantics.md` H10).
    pub fn broken_answer(error: &DecodeError) -> Self {
        let code = if error.code == ErrorCode::Corrupt { S2Code::Storage } else { S2Code::Other };
        Self::new(code, error.to_string())
    }

    /// S2's code word, where the body has one.
    pub fn code(&self) -> Option<&'static str> {
        match &self.body {
            ErrorBody::Info { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The body as sent, with `Content-Type: application/json` unless it is empty. The same bytes are the data of an SSE `error` event
    /// and, behind the status, of a terminal S2S frame (`s2-semantics.md` C10, H8).
    pub fn json(&self) -> Bytes {
        match &self.body {
            ErrorBody::Info { code, message } => json::write(&Info { code, message }),
            ErrorBody::FencingTokenMismatch(token) => json::write(&Facts::FencingTokenMismatch(token.as_str())),
            ErrorBody::SeqNumMismatch(next) => json::write(&Facts::SeqNumMismatch(*next)),
            ErrorBody::Unwritten(tail) => json::write(&Facts::Tail((*tail).into())),
            ErrorBody::Empty => Bytes::new(),
        }
    }
}

impl From<&ErrorFrame> for HttpError {
    fn from(frame: &ErrorFrame) -> Self {
        let error = with_facts(frame).unwrap_or_else(|| Self::new(safe_code(frame), frame.message.clone()));
        Self { retry_after_ms: frame.retry_after_ms, ..error }
    }
}

impl From<ErrorFrame> for HttpError {
    fn from(frame: ErrorFrame) -> Self {
        Self::from(&frame)
    }
}

/// 412 and 416, both of which promise that nothing was done. `None` for other codes, and where the fact or the promise is missing.
fn with_facts(frame: &ErrorFrame) -> Option<HttpError> {
    if frame.outcome == Outcome::MaybeDone {
        return None;
    }
    let failed = StatusCode::PRECONDITION_FAILED;
    match frame.code {
        ErrorCode::FencingTokenMismatch => {
            let token = frame.fencing_token.clone()?;
            Some(HttpError::facts(failed, ErrorBody::FencingTokenMismatch(token)))
        }
        ErrorCode::SeqNumMismatch => Some(HttpError::facts(failed, ErrorBody::SeqNumMismatch(frame.seq_num?))),
        ErrorCode::Unwritten => {
            Some(HttpError::facts(StatusCode::RANGE_NOT_SATISFIABLE, ErrorBody::Unwritten(frame.tail?)))
        }
        _ => None,
    }
}

/// "May have been done" never becomes a code that promises no side effects (`s2-semantics.md` H10).
fn safe_code(frame: &ErrorFrame) -> S2Code {
    let code = S2Code::from(frame.code);
    match (frame.outcome, code.has_no_side_effects()) {
        (Outcome::MaybeDone, true) if frame.code.is_retryable() => S2Code::Unavailable,
        (Outcome::MaybeDone, true) => S2Code::Other,
        _ => code,
    }
}

#[cfg(test)]
mod tests;
