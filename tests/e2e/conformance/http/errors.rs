//! Errors (`s2-semantics.md` H5, H10). HTTP tells a code and a status, and no outcome: that is what the code's row promises.

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::types::FencingToken;
use serde_json::Value;

use super::answers::{field, position, text};
use crate::http::client::Answer;

/// Code, status, whether it promises that there were no side effects, and the protocol's code of that meaning. All that S2 refuses for
/// how it is written (400) is one code there.
const CODES: [(&str, u16, bool, ErrorCode); 28] = [
    ("access_token_not_found", 404, true, ErrorCode::AccessTokenNotFound),
    ("authn", 401, true, ErrorCode::Authn),
    ("bad_frame", 400, true, ErrorCode::BadFrame),
    ("bad_header", 400, true, ErrorCode::BadFrame),
    ("bad_json", 400, true, ErrorCode::BadFrame),
    ("bad_path", 400, true, ErrorCode::BadFrame),
    ("bad_proto", 400, true, ErrorCode::BadFrame),
    ("bad_query", 400, true, ErrorCode::BadFrame),
    ("basin_deletion_pending", 409, true, ErrorCode::BasinDeletionPending),
    ("basin_not_found", 404, true, ErrorCode::BasinNotFound),
    ("client_hangup", 499, false, ErrorCode::Other),
    ("decryption_failed", 400, true, ErrorCode::Other),
    ("hot_server", 502, true, ErrorCode::Overloaded),
    ("invalid", 422, true, ErrorCode::Invalid),
    ("not_implemented", 501, true, ErrorCode::Unsupported),
    ("other", 500, false, ErrorCode::Other),
    ("permission_denied", 403, true, ErrorCode::PermissionDenied),
    ("quota_exhausted", 403, true, ErrorCode::Other),
    ("rate_limited", 429, true, ErrorCode::Overloaded),
    ("request_timeout", 408, false, ErrorCode::Timeout),
    ("resource_already_exists", 409, true, ErrorCode::AlreadyExists),
    ("server_draining", 503, true, ErrorCode::Draining),
    ("storage", 500, false, ErrorCode::Storage),
    ("stream_deletion_pending", 409, true, ErrorCode::StreamDeletionPending),
    ("stream_not_found", 404, true, ErrorCode::StreamNotFound),
    ("transaction_conflict", 409, true, ErrorCode::TransactionConflict),
    ("unavailable", 503, false, ErrorCode::Unavailable),
    ("upstream_timeout", 504, false, ErrorCode::Timeout),
];

pub fn of_answer(answer: &Answer) -> ErrorFrame {
    assert_eq!(answer.header("content-type"), Some("application/json"), "H5: {answer:?}");
    let retry_after = answer.header("retry-after-ms").map_or(0, |ms| ms.parse().expect("milliseconds"));
    ErrorFrame { retry_after_ms: retry_after, ..of(answer.status, &answer.body) }
}

/// As an answer has it, and a session's terminal frame.
pub fn of(status: u16, body: &[u8]) -> ErrorFrame {
    let json: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("H5: {status}: {error}"));
    match status {
        412 => mismatch(&json),
        416 => unwritten(&json),
        _ => named(status, &json),
    }
}

/// One key, and no code (`s2-semantics.md` B11).
fn mismatch(json: &Value) -> ErrorFrame {
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "B11: {json}");
    if json.get("seq_num_mismatch").is_some() {
        let next = field(json, "seq_num_mismatch").as_u64().expect("a number");
        return ErrorFrame { seq_num: Some(next), ..without_effect(ErrorCode::SeqNumMismatch, json) };
    }
    let token = FencingToken::new(text(json, "fencing_token_mismatch")).expect("a token");
    ErrorFrame { fencing_token: Some(token), ..without_effect(ErrorCode::FencingTokenMismatch, json) }
}

/// The tail, and no code (`s2-semantics.md` C4).
fn unwritten(json: &Value) -> ErrorFrame {
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "C4: {json}");
    ErrorFrame { tail: Some(position(field(json, "tail"))), ..without_effect(ErrorCode::Unwritten, json) }
}

/// These have no message: what they say stands for one.
fn without_effect(code: ErrorCode, json: &Value) -> ErrorFrame {
    ErrorFrame { outcome: Outcome::NotDone, ..ErrorFrame::new(code, json.to_string()) }
}

/// Once a session is under way, never 412 or 416 (`s2-semantics.md` C4).
pub fn of_event(body: &[u8]) -> ErrorFrame {
    let json: Value = serde_json::from_slice(body).expect("C10: JSON");
    coded(&json).1
}

fn named(status: u16, json: &Value) -> ErrorFrame {
    let (its_status, error) = coded(json);
    assert_eq!(status, its_status, "H10: {} has a status of its own", error.code);
    error
}

fn coded(json: &Value) -> (u16, ErrorFrame) {
    let (code, message) = (text(json, "code"), text(json, "message"));
    let row = CODES.iter().find(|(name, ..)| *name == code);
    let (_, status, has_no_effect, meaning) = row.unwrap_or_else(|| panic!("H10 has no code `{code}`"));
    let outcome = if *has_no_effect { Outcome::NotDone } else { Outcome::MaybeDone };
    (*status, ErrorFrame { outcome, ..ErrorFrame::new(*meaning, message) })
}
