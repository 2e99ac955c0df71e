//! What goes wrong, in the words clients see, and the four outcome classes that must never blur.

use crate::types::Position;

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
}

/// An error as sent: kind `Error`, id of the request or session it ends (0: the connection).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorFrame {
    pub code: ErrorCode,
    pub outcome: Outcome,
    /// 0 = no hint.
    pub retry_after_ms: u32,
    /// With `Unwritten`.
    pub tail: Option<Position>,
    /// What, why, what to do; free text, at most `ERROR_MESSAGE_BYTES_MAX`.
    pub message: String,
}

/// Why bytes were not what they should be. `offset` counts from the start of what was parsed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    pub what: String,
    pub offset: usize,
    /// `Invalid` where the layout is sound and a rule is broken, `Unsupported` for unknown option bits and versions, else
    /// `BadFrame`.
    pub code: ErrorCode,
}
