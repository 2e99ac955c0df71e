//! The causes of each class. What a cause needs to be handled is in its fields; the rest is text.

use std::fmt;
use std::time::Duration;

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::types::{FencingToken, Position};

use super::Error;

/// A server's answer: its code, its words, and when it wants to be asked again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the server answered {code}: {message}")]
pub struct Refusal {
    pub code: ErrorCode,
    /// Free text: what, why, what to do. Never to be parsed.
    pub message: String,
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// What to do about an answer that repeating the request would bring again.
    fn advice(&self) -> &'static str {
        match self.code {
            code if code.is_retryable() => "try again later",
            ErrorCode::AlreadyExists => "use what is there, or choose another name",
            ErrorCode::BasinDeletionPending | ErrorCode::StreamDeletionPending => {
                "wait until the deletion is done, or use another name"
            }
            ErrorCode::Authn => "connect with an access token that is valid",
            ErrorCode::PermissionDenied => "connect with an access token that allows it",
            ErrorCode::AccessTokenNotFound => "check the access token's id",
            _ => "change the request",
        }
    }
}

impl From<&ErrorFrame> for Refusal {
    fn from(frame: &ErrorFrame) -> Self {
        let retry_after = (frame.retry_after_ms > 0).then(|| Duration::from_millis(frame.retry_after_ms.into()));
        Self { code: frame.code, message: frame.message.clone(), retry_after }
    }
}

/// Why a connection is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disconnect {
    /// The server closed it.
    Closed,
    /// The operating system's error.
    Io(String),
    /// Nothing was heard for this long although something was due.
    Silent(Duration),
    /// The server ended it with an error of its own.
    Refused(Refusal),
    /// The server broke the protocol, so this side closed it.
    Violation(String),
    /// The client was dropped, or its runtime is shutting down.
    Dropped,
}

impl Disconnect {
    /// A server that breaks the protocol will do so again; a dropped client has nobody left to try for.
    fn is_transient(&self) -> bool {
        match self {
            Self::Closed | Self::Io(_) | Self::Silent(_) => true,
            Self::Refused(refusal) => refusal.code.is_retryable(),
            Self::Violation(_) | Self::Dropped => false,
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "the server closed the connection"),
            Self::Io(why) => write!(f, "the connection failed: {why}"),
            Self::Silent(after) => write!(f, "the server was silent for {after:?}"),
            Self::Refused(refusal) => write!(f, "the connection was ended: {refusal}"),
            Self::Violation(why) => write!(f, "the server broke the protocol: {why}"),
            Self::Dropped => write!(f, "the client was dropped"),
        }
    }
}

/// Definitely without effect.
#[derive(Clone, PartialEq, Debug)]
pub enum NotDone {
    /// The server says so.
    Refused(Refusal),
    /// A read began at or beyond the tail without permission to wait (416). Carries the durable tail.
    Unwritten { tail: Position },
    /// `match_seq_num` was not the number that the stream assigns next. Carries that one (`s2-semantics.md` B3).
    SeqNumMismatch { next: u64 },
    /// No connection could be made.
    Connect { address: String, why: String },
    /// The connection ended before the first byte of the request was written.
    Disconnected(Disconnect),
    /// The time was over before the first byte of the request was written.
    TimedOut { after: Duration },
    /// No answer came to a call that changes nothing.
    Unanswered(MaybeDone),
    /// An earlier input of the same session or producer failed; this one was discarded, or never sent.
    Poisoned { first: Box<Error> },
    /// The session or producer was closed before.
    Closed,
    /// The argument breaks a rule (names, batch limits); nothing was sent.
    InvalidInput { why: String },
}

impl NotDone {
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_retryable(),
            Self::Disconnected(cause) => cause.is_transient(),
            Self::Unanswered(cause) => cause.is_transient(),
            Self::Connect { .. } | Self::TimedOut { .. } => true,
            Self::Unwritten { .. }
            | Self::SeqNumMismatch { .. }
            | Self::Poisoned { .. }
            | Self::Closed
            | Self::InvalidInput { .. } => false,
        }
    }

    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.advice(),
            Self::InvalidInput { .. } => "change the request",
            Self::Unwritten { .. } => "start below the tail, or allow the read to wait",
            Self::SeqNumMismatch { .. } => "see what was appended since, then go on from that number",
            Self::Connect { .. } => "check the address and that the server is running",
            Self::Disconnected(Disconnect::Refused(refusal))
            | Self::Unanswered(MaybeDone::Disconnected(Disconnect::Refused(refusal)))
                if refusal.code == ErrorCode::Authn =>
            {
                refusal.advice()
            }
            Self::Disconnected(_) | Self::TimedOut { .. } | Self::Unanswered(_) => "it is safe to try again",
            Self::Poisoned { .. } => "see what the first failure was, then go on with a new session",
            Self::Closed => "open a new session",
        }
    }
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unwritten { tail } => write!(f, "there is nothing to read yet, the tail is {tail}"),
            Self::SeqNumMismatch { next } => write!(f, "the next record to be assigned is {next}"),
            Self::Connect { address, why } => write!(f, "no connection to {address}: {why}"),
            Self::Disconnected(cause) => write!(f, "{cause} before the request was sent"),
            Self::TimedOut { after } => write!(f, "the request could not be sent within {after:?}"),
            Self::Unanswered(cause) => cause.fmt(f),
            Self::Poisoned { first } => write!(f, "an earlier input failed ({}: {})", first.what(), first.why()),
            Self::Closed => write!(f, "it was closed before"),
            Self::InvalidInput { why } => f.write_str(why),
        }
    }
}

/// With or without effect: the client cannot know.
#[derive(Clone, PartialEq, Debug)]
pub enum MaybeDone {
    /// The server cannot know either.
    Answered(Refusal),
    /// The connection ended after the request may have left, and before its answer came.
    Disconnected(Disconnect),
    /// No answer came in time.
    TimedOut { after: Duration },
}

impl MaybeDone {
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Answered(refusal) => refusal.code.is_retryable(),
            Self::Disconnected(cause) => cause.is_transient(),
            Self::TimedOut { .. } => true,
        }
    }
}

impl fmt::Display for MaybeDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(refusal) => refusal.fmt(f),
            Self::Disconnected(cause) => write!(f, "{cause} before the answer came"),
            Self::TimedOut { after } => write!(f, "no answer came within {after:?}"),
        }
    }
}

/// Never to be done by this session or this server.
#[derive(Clone, PartialEq, Debug)]
pub enum Terminal {
    /// The server says so.
    Refused(Refusal),
    /// The append's fencing token is not the stream's: another writer has taken over. Carries the current one
    /// (`s2-semantics.md` B4). It had no effect, and none with the same token will have.
    FencingTokenMismatch { current: FencingToken },
    /// The server broke the protocol.
    Violation { why: String },
    /// Records fail their checksums somewhere between the application that wrote them and this one.
    Corrupt { why: String },
    /// The stream was deleted and created again while it was being read: its numbers now mean other records.
    Recreated,
}

impl Terminal {
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Refused(refusal) if refusal.code == ErrorCode::Authn => refusal.advice(),
            Self::Refused(_) => "change the request, or ask another server",
            Self::FencingTokenMismatch { .. } => "stop writing, or take over by fencing with the current token",
            Self::Violation { .. } => "check that the address is a Riverrun server of a version that fits",
            Self::Corrupt { .. } => "read the range again, and look at the server's log and disks if it stays so",
            Self::Recreated => "start reading anew",
        }
    }
}

impl fmt::Display for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::FencingTokenMismatch { current } => write!(f, "the stream's fencing token is `{current}`"),
            Self::Violation { why } => write!(f, "the server broke the protocol: {why}"),
            Self::Corrupt { why } => write!(f, "records are damaged: {why}"),
            Self::Recreated => write!(f, "the stream was deleted and created again"),
        }
    }
}
