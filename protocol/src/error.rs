//! What goes wrong, in the words clients see, and the four outcome classes that must never blur.

use std::fmt;

use bytes::{BufMut, BytesMut};
use nom::number::complete::{le_u8, le_u16, le_u32, le_u64};

use crate::frame::{FrameKind, write_frame};
use crate::limits::ERROR_MESSAGE_BYTES_MAX;
use crate::types::{FencingToken, Position};
use crate::wire::{self, Parsed};

/// What became of the request that an error answers (reliability.md D4). Done is the fourth class: a `Response`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Outcome {
    /// Definitely not done: it never had and never will have an effect.
    NotDone = 1,
    /// May have been done. Repeating it may do it twice.
    MaybeDone = 2,
    /// Fenced or terminal: this session or this server will never do it.
    Terminal = 3,
}

impl Outcome {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::NotDone),
            2 => Some(Self::MaybeDone),
            3 => Some(Self::Terminal),
            _ => None,
        }
    }

    /// The word for it in logs, dumps and docs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotDone => "not_done",
            Self::MaybeDone => "maybe_done",
            Self::Terminal => "terminal",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Stable numbers; the names follow S2's codes (`s2-semantics.md` H10) where S2 has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum ErrorCode {
    /// The bytes are not a frame or not this frame's layout (S2 `bad_frame`, 400). Ends the connection or the session.
    BadFrame = 1,
    /// Well-formed, but against a rule (S2 `invalid`, 422).
    Invalid = 2,
    /// An option bit, version or request this server does not know.
    Unsupported = 3,
    BasinNotFound = 4,
    StreamNotFound = 5,
    /// S2 `resource_already_exists`.
    AlreadyExists = 6,
    /// Reading at or beyond the tail without permission to wait (416). Carries the tail.
    Unwritten = 7,
    /// A named limit is full: connections, sessions, requests in flight (S2 `rate_limited`; nothing was done).
    Overloaded = 8,
    /// The server is stopping (S2 `server_draining`; nothing was done).
    Draining = 9,
    /// S2 `storage`, 500.
    Storage = 10,
    /// Stored bytes fail their checksum. Names the range; nothing wrong is served.
    Corrupt = 11,
    /// No answer in time inside the server (S2 `unavailable`).
    Unavailable = 12,
    /// The first frame was not a hello.
    HelloRequired = 13,
    /// Another protocol's first bytes (HTTP, TLS).
    WrongProtocol = 14,
    /// Two requests in progress under one id, or a session frame for a session that does not exist.
    BadSession = 15,
    /// Lost a race with a concurrent creation; try again (S2 `transaction_conflict`).
    TransactionConflict = 16,
    /// The peer was too slow to say or take what it had to.
    Timeout = 17,
    /// The append's fencing token is not the stream's (412). Carries the current one.
    FencingTokenMismatch = 18,
    /// The append's `match_seq_num` is not the next assignable number (412). Carries that.
    SeqNumMismatch = 19,
    BasinDeletionPending = 20,
    StreamDeletionPending = 21,
    /// No access token where one is needed, or one that is unknown, expired or revoked.
    Authn = 22,
    /// The access token does not allow this.
    PermissionDenied = 23,
    AccessTokenNotFound = 24,
    /// A cause this version has no name for: a newer server's code. The outcome says what to do (S2 `other`).
    Other = 0xffff,
}

impl ErrorCode {
    /// Every code, in the order of the numbers.
    pub const ALL: [Self; 25] = [
        Self::BadFrame,
        Self::Invalid,
        Self::Unsupported,
        Self::BasinNotFound,
        Self::StreamNotFound,
        Self::AlreadyExists,
        Self::Unwritten,
        Self::Overloaded,
        Self::Draining,
        Self::Storage,
        Self::Corrupt,
        Self::Unavailable,
        Self::HelloRequired,
        Self::WrongProtocol,
        Self::BadSession,
        Self::TransactionConflict,
        Self::Timeout,
        Self::FencingTokenMismatch,
        Self::SeqNumMismatch,
        Self::BasinDeletionPending,
        Self::StreamDeletionPending,
        Self::Authn,
        Self::PermissionDenied,
        Self::AccessTokenNotFound,
        Self::Other,
    ];

    /// A number that no code has is `Other`: a client must be able to take a newer server's refusal for what its
    /// outcome says.
    pub fn from_u16(number: u16) -> Self {
        Self::ALL.into_iter().find(|code| *code as u16 == number).unwrap_or(Self::Other)
    }

    /// S2's snake_case name where S2 has one (`s2-semantics.md` H10).
    pub fn name(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::BasinNotFound => "basin_not_found",
            Self::StreamNotFound => "stream_not_found",
            Self::AlreadyExists => "resource_already_exists",
            Self::Unwritten => "unwritten",
            Self::Overloaded => "rate_limited",
            Self::Draining => "server_draining",
            Self::Storage => "storage",
            Self::Corrupt => "corrupt",
            Self::Unavailable => "unavailable",
            Self::HelloRequired => "hello_required",
            Self::WrongProtocol => "wrong_protocol",
            Self::BadSession => "bad_session",
            Self::TransactionConflict => "transaction_conflict",
            Self::Timeout => "request_timeout",
            Self::FencingTokenMismatch => "fencing_token_mismatch",
            Self::SeqNumMismatch => "seq_num_mismatch",
            Self::BasinDeletionPending => "basin_deletion_pending",
            Self::StreamDeletionPending => "stream_deletion_pending",
            Self::Authn => "authn",
            Self::PermissionDenied => "permission_denied",
            Self::AccessTokenNotFound => "access_token_not_found",
            Self::Other => "other",
        }
    }

    /// The class that goes with the code where the server knows nothing more exact (`s2-semantics.md` H10, "no side
    /// effects"). In doubt it is `MaybeDone`: nothing may turn that into `NotDone`.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Storage | Self::Unavailable | Self::Timeout | Self::Other => Outcome::MaybeDone,
            // A writer that is fenced off stays so until somebody fences anew; it had no effect (B11).
            Self::Corrupt | Self::WrongProtocol | Self::FencingTokenMismatch => Outcome::Terminal,
            _ => Outcome::NotDone,
        }
    }

    /// Whether the same request may succeed later (`s2-semantics.md` H10). Whether repeating it is safe, the outcome
    /// says.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Overloaded
                | Self::Draining
                | Self::Storage
                | Self::Unavailable
                | Self::TransactionConflict
                | Self::Timeout
                | Self::Other
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error as sent: kind `Error`, id of the request or session it ends (0: the connection).
///
/// ```text
///  0 u32 options: bits 0-2 = tail, fencing token, seq_num are there
///  4 u16 code | 6 u8 outcome | 7 u8 reserved, 0 | 8 u32 retry_after_ms
/// 12 [tail: u64 seq_num, u64 timestamp] [u8 length, fencing token] [u64 seq_num]
///    u16 length, message
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorFrame {
    pub code: ErrorCode,
    pub outcome: Outcome,
    /// 0 = no hint.
    pub retry_after_ms: u32,
    /// With `Unwritten`.
    pub tail: Option<Position>,
    /// With `FencingTokenMismatch`: the stream's current one.
    pub fencing_token: Option<FencingToken>,
    /// With `SeqNumMismatch`: the next assignable number.
    pub seq_num: Option<u64>,
    /// What, why, what to do; free text, at most `ERROR_MESSAGE_BYTES_MAX` (cut there when written).
    pub message: String,
}

const HAS_TAIL: u32 = 1;
const HAS_FENCING_TOKEN: u32 = 2;
const HAS_SEQ_NUM: u32 = 4;

impl ErrorFrame {
    /// With the code's usual outcome, no hint, no facts.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            outcome: code.outcome(),
            retry_after_ms: 0,
            tail: None,
            fencing_token: None,
            seq_num: None,
            message: message.into(),
        }
    }

    /// `s2-semantics.md` B11: reveals the current token.
    pub fn fencing_token_mismatch(current: FencingToken) -> Self {
        let message = format!("fencing token mismatch: the stream's current token is `{current}`");
        Self { fencing_token: Some(current), ..Self::new(ErrorCode::FencingTokenMismatch, message) }
    }

    /// `s2-semantics.md` B11: reveals the next assignable number.
    pub fn seq_num_mismatch(next: u64) -> Self {
        let message = format!("sequence number mismatch: the next one to be assigned is {next}");
        Self { seq_num: Some(next), ..Self::new(ErrorCode::SeqNumMismatch, message) }
    }

    fn options(&self) -> u32 {
        let bits = [
            (self.tail.is_some(), HAS_TAIL),
            (self.fencing_token.is_some(), HAS_FENCING_TOKEN),
            (self.seq_num.is_some(), HAS_SEQ_NUM),
        ];
        bits.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
    }

    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        wire::whole("Error", body, parse_body)
    }

    pub fn write(&self, id: u64, out: &mut BytesMut) {
        write_frame(out, FrameKind::Error, id, |out| {
            out.put_u32_le(self.options());
            out.put_u16_le(self.code as u16);
            out.put_u8(self.outcome as u8);
            out.put_u8(0);
            out.put_u32_le(self.retry_after_ms);
            if let Some(tail) = self.tail {
                wire::put_position(out, tail);
            }
            if let Some(token) = &self.fencing_token {
                wire::put_name8(out, token.as_str());
            }
            if let Some(seq_num) = self.seq_num {
                out.put_u64_le(seq_num);
            }
            wire::put_text16(out, &self.message, ERROR_MESSAGE_BYTES_MAX);
        });
    }
}

impl fmt::Display for ErrorFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.outcome, self.message)
    }
}

impl std::error::Error for ErrorFrame {}

impl From<DecodeError> for ErrorFrame {
    fn from(error: DecodeError) -> Self {
        Self::new(error.code, error.to_string())
    }
}

fn parse_body(input: &[u8]) -> Parsed<'_, ErrorFrame> {
    let (input, options) = wire::options(input, HAS_TAIL | HAS_FENCING_TOKEN | HAS_SEQ_NUM)?;
    let (input, code) = le_u16(input)?;
    let (rest, outcome) = le_u8(input)?;
    let Some(outcome) = Outcome::from_byte(outcome) else {
        return wire::unsupported(input, "an outcome that this version does not know");
    };
    let (input, ()) = wire::reserved(rest, 1)?;
    let (input, retry_after_ms) = le_u32(input)?;
    let (input, tail) = wire::optional(input, options & HAS_TAIL != 0, wire::position)?;
    let (input, fencing_token) = wire::optional(input, options & HAS_FENCING_TOKEN != 0, wire::fencing_token)?;
    let (input, seq_num) = wire::optional(input, options & HAS_SEQ_NUM != 0, le_u64)?;
    let (input, message) = wire::text16(input, "a message", ERROR_MESSAGE_BYTES_MAX)?;
    let code = ErrorCode::from_u16(code);
    let message = message.to_owned();
    Ok((input, ErrorFrame { code, outcome, retry_after_ms, tail, fencing_token, seq_num, message }))
}

/// Why bytes were not what they should be. `offset` counts from the start of what was parsed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}{}", self.place())]
pub struct DecodeError {
    pub what: String,
    pub offset: usize,
    /// `Invalid` where the layout is sound and a rule is broken, `Unsupported` for unknown option bits and versions,
    /// `Corrupt` where a stamped batch fails a checksum, else `BadFrame`.
    pub code: ErrorCode,
}

impl DecodeError {
    /// Whoever broke a rule thinks in records and names, not in bytes.
    fn place(&self) -> String {
        if self.code == ErrorCode::Invalid { String::new() } else { format!(" at byte {}", self.offset) }
    }

    pub(crate) fn bad(offset: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), offset, code: ErrorCode::BadFrame }
    }

    pub(crate) fn invalid(offset: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), offset, code: ErrorCode::Invalid }
    }

    pub(crate) fn unsupported(offset: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), offset, code: ErrorCode::Unsupported }
    }

    pub(crate) fn corrupt(offset: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), offset, code: ErrorCode::Corrupt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_distinct() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_u16(code as u16), code);
        }
        assert_eq!(ErrorCode::from_u16(0), ErrorCode::Other);
        assert_eq!(ErrorCode::from_u16(25), ErrorCode::Other);
    }

    #[test]
    fn h10_codes_that_may_have_side_effects_are_maybe_done() {
        for code in [ErrorCode::Storage, ErrorCode::Unavailable, ErrorCode::Timeout, ErrorCode::Other] {
            assert_eq!(code.outcome(), Outcome::MaybeDone, "{code}");
        }
        for code in [ErrorCode::Overloaded, ErrorCode::Draining, ErrorCode::TransactionConflict, ErrorCode::Invalid] {
            assert_eq!(code.outcome(), Outcome::NotDone, "{code}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let error = ErrorFrame::new(ErrorCode::Invalid, "ä".repeat(ERROR_MESSAGE_BYTES_MAX));
        let mut out = BytesMut::new();
        error.write(7, &mut out);
        let parsed = ErrorFrame::parse(&out[crate::limits::FRAME_HEADER_BYTES..]).unwrap();
        assert_eq!(parsed.message, "ä".repeat(ERROR_MESSAGE_BYTES_MAX / 2));
    }

    #[test]
    fn a_newer_servers_code_still_tells_its_outcome() {
        let mut out = BytesMut::new();
        ErrorFrame { outcome: Outcome::Terminal, ..ErrorFrame::new(ErrorCode::Invalid, "fenced") }.write(7, &mut out);
        let body = &mut out[crate::limits::FRAME_HEADER_BYTES..];
        body[4..6].copy_from_slice(&999u16.to_le_bytes());
        let parsed = ErrorFrame::parse(body).unwrap();
        assert_eq!((parsed.code, parsed.outcome), (ErrorCode::Other, Outcome::Terminal));
    }

    fn body_of(error: &ErrorFrame) -> Vec<u8> {
        let mut out = BytesMut::new();
        error.write(7, &mut out);
        out[crate::limits::FRAME_HEADER_BYTES..].to_vec()
    }

    #[test]
    fn every_fact_there_and_not_there() {
        for facts in 0..8 {
            let error = ErrorFrame {
                tail: (facts & 1 != 0).then_some(Position { seq_num: 1, timestamp: 2 }),
                fencing_token: (facts & 2 != 0).then(|| FencingToken::new("me").unwrap()),
                seq_num: (facts & 4 != 0).then_some(3),
                ..ErrorFrame::new(ErrorCode::Invalid, "no")
            };
            assert_eq!(ErrorFrame::parse(&body_of(&error)), Ok(error));
        }
    }

    #[test]
    fn b11_a_failed_condition_reveals_the_state_that_failed_it() {
        let fenced = ErrorFrame::fencing_token_mismatch(FencingToken::new("other").unwrap());
        assert_eq!((fenced.code, fenced.outcome), (ErrorCode::FencingTokenMismatch, Outcome::Terminal));
        assert!(fenced.message.contains("`other`"), "{fenced}");
        let moved = ErrorFrame::seq_num_mismatch(41);
        assert_eq!((moved.code, moved.outcome), (ErrorCode::SeqNumMismatch, Outcome::NotDone));
        assert!(moved.message.contains("41"), "{moved}");
        for error in [fenced, moved] {
            assert_eq!(ErrorFrame::parse(&body_of(&error)), Ok(error));
        }
    }

    #[test]
    fn unknown_options_and_too_long_a_token_are_refused() {
        let mut unknown = body_of(&ErrorFrame::new(ErrorCode::Invalid, "no"));
        unknown[0] = 8;
        let error = ErrorFrame::parse(&unknown).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::Unsupported, 0));
        let mut long = body_of(&ErrorFrame::fencing_token_mismatch(FencingToken::default()));
        long[12] = 37;
        long.extend([b't'; 37]);
        let error = ErrorFrame::parse(&long).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::Invalid, 12));
    }
}
