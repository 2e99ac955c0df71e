//! What can go wrong, told apart by what became of the request (reliability.md D4).
//!
//! The class is the type, and whoever matches on [`Error`] decides about repeating before looking at any detail. A
//! [`NotDone`] is never built from a [`MaybeDone`], except for calls that change nothing: of those nothing can have been done.
//! The fourth class, done, is `Ok`.

use std::fmt;
use std::time::Duration;

use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::types::{FencingToken, NameError, Position};

pub use causes::{Disconnect, MaybeDone, NotDone, Refusal, Terminal};

mod causes;

/// A call's failure. Its [`Display`](fmt::Display) says what became of the call, why, and what to do about it, in one line;
/// [`Error::what`], [`Error::why`] and [`Error::advice`] give the three parts.
///
/// ```
/// use riverrun_client::{Error, Outcome};
///
/// fn may_be_repeated(error: &Error) -> bool {
///     // Repeating something that may have been done can do it twice.
///     error.outcome() == Outcome::NotDone && error.is_transient()
/// }
/// # let _ = may_be_repeated;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum Error {
    /// It never had and never will have an effect.
    NotDone(NotDone),
    /// It may have had its effect. Repeating it may do it twice.
    MaybeDone(MaybeDone),
    /// This session or this server will never do it.
    Terminal(Terminal),
}

impl Error {
    /// The class as the wire numbers it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotDone(_) => Outcome::NotDone,
            Self::MaybeDone(_) => Outcome::MaybeDone,
            Self::Terminal(_) => Outcome::Terminal,
        }
    }

    /// The server's answer, if this is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotDone(NotDone::Refused(refusal))
            | Self::MaybeDone(MaybeDone::Answered(refusal))
            | Self::Terminal(Terminal::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The server's error code, if this is a server's answer.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NotDone(NotDone::Unwritten { .. }) => Some(ErrorCode::Unwritten),
            Self::NotDone(NotDone::SeqNumMismatch { .. }) => Some(ErrorCode::SeqNumMismatch),
            Self::Terminal(Terminal::FencingTokenMismatch { .. }) => Some(ErrorCode::FencingTokenMismatch),
            _ => self.refusal().map(|refusal| refusal.code),
        }
    }

    /// The tail, where a read began at or beyond it without permission to wait (416, `s2-semantics.md` C4).
    pub fn unwritten(&self) -> Option<Position> {
        match self {
            Self::NotDone(NotDone::Unwritten { tail }) => Some(*tail),
            _ => None,
        }
    }

    /// The stream's current fencing token, where an append came with another (412, `s2-semantics.md` B4, B11).
    pub fn fencing_token_mismatch(&self) -> Option<&FencingToken> {
        match self {
            Self::Terminal(Terminal::FencingTokenMismatch { current }) => Some(current),
            _ => None,
        }
    }

    /// The number that the stream assigns next, where an append was to match another (412, `s2-semantics.md` B3, B11).
    pub fn seq_num_mismatch(&self) -> Option<u64> {
        match self {
            Self::NotDone(NotDone::SeqNumMismatch { next }) => Some(*next),
            _ => None,
        }
    }

    /// Whether the server does not accept the access token: at the hello, or later, because it expired or was revoked.
    /// Says nothing about what became of the request that met it; that is [`Error::outcome`].
    pub fn is_authn(&self) -> bool {
        let ended = matches!(self.disconnect(), Some(Disconnect::Refused(refusal)) if refusal.code == ErrorCode::Authn);
        ended || self.code() == Some(ErrorCode::Authn)
    }

    /// Whether the cause may pass by itself: a lost connection, a full or stopping server, a timeout. Says nothing about
    /// whether repeating is safe; that is [`Error::outcome`].
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotDone(cause) => cause.is_transient(),
            Self::MaybeDone(cause) => cause.is_transient(),
            Self::Terminal(_) => false,
        }
    }

    /// How long the server asks to be left alone before the next attempt, be it in its answer or in ending the connection.
    pub fn retry_after(&self) -> Option<Duration> {
        let ended = match self.disconnect() {
            Some(Disconnect::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        self.refusal().or(ended).and_then(|refusal| refusal.retry_after)
    }

    /// How the connection ended, if it did.
    fn disconnect(&self) -> Option<&Disconnect> {
        match self {
            Self::NotDone(NotDone::Disconnected(cause) | NotDone::Unanswered(MaybeDone::Disconnected(cause)))
            | Self::MaybeDone(MaybeDone::Disconnected(cause)) => Some(cause),
            _ => None,
        }
    }

    /// What became of the call.
    pub fn what(&self) -> &'static str {
        match self {
            Self::NotDone(_) => "not done",
            Self::MaybeDone(_) => "may or may not have been done",
            Self::Terminal(_) => "refused for good",
        }
    }

    /// The cause.
    pub fn why(&self) -> String {
        match self {
            Self::NotDone(cause) => cause.to_string(),
            Self::MaybeDone(cause) => cause.to_string(),
            Self::Terminal(cause) => cause.to_string(),
        }
    }

    /// What the caller can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotDone(cause) => cause.advice(),
            Self::MaybeDone(_) => {
                "check the stream before repeating it: repeating may do it twice, and what is not there yet may still come"
            }
            Self::Terminal(cause) => cause.advice(),
        }
    }

    /// The answer `frame` to a request that was sent. The class is the server's; only the server can know.
    pub(crate) fn answered(frame: &ErrorFrame) -> Self {
        let refusal = Refusal::from(frame);
        match frame.outcome {
            Outcome::NotDone => Self::NotDone(not_done(frame).unwrap_or(NotDone::Refused(refusal))),
            Outcome::MaybeDone => Self::MaybeDone(MaybeDone::Answered(refusal)),
            Outcome::Terminal => Self::Terminal(terminal(frame).unwrap_or(Terminal::Refused(refusal))),
        }
    }

    /// The connection ended before an answer came. `sent`: whether any byte of the request may have left.
    pub(crate) fn disconnected(sent: bool, cause: Disconnect) -> Self {
        if sent { Self::MaybeDone(MaybeDone::Disconnected(cause)) } else { Self::NotDone(NotDone::Disconnected(cause)) }
    }

    /// No answer in time. `sent`: whether any byte of the request may have left.
    pub(crate) fn timed_out(sent: bool, after: Duration) -> Self {
        if sent { Self::MaybeDone(MaybeDone::TimedOut { after }) } else { Self::NotDone(NotDone::TimedOut { after }) }
    }

    /// As the failure of a call that changes nothing: whatever became of it, it had no effect.
    pub(crate) fn without_effect(self) -> Self {
        match self {
            Self::MaybeDone(MaybeDone::Answered(refusal)) => Self::NotDone(NotDone::Refused(refusal)),
            Self::MaybeDone(cause) => Self::NotDone(NotDone::Unanswered(cause)),
            Self::NotDone(_) | Self::Terminal(_) => self,
        }
    }

    /// The caller's own argument breaks a rule; nothing was sent.
    pub(crate) fn invalid(why: impl fmt::Display) -> Self {
        Self::NotDone(NotDone::InvalidInput { why: why.to_string() })
    }

    /// The server said something that the protocol does not allow here.
    pub(crate) fn violation(why: impl fmt::Display) -> Self {
        Self::Terminal(Terminal::Violation { why: why.to_string() })
    }

    /// Received records fail their checksums.
    pub(crate) fn corrupt(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::Terminal(Terminal::Corrupt { why: format!("{what}: {why}") })
    }

    /// What every later input of a session or producer gets once `first` has ended it.
    pub(crate) fn poisoned(first: &Self) -> Self {
        match first {
            Self::NotDone(NotDone::Poisoned { .. }) => first.clone(),
            _ => Self::NotDone(NotDone::Poisoned { first: Box::new(first.clone()) }),
        }
    }
}

/// An answer that carries a fact to act on.
fn not_done(frame: &ErrorFrame) -> Option<NotDone> {
    match frame.code {
        ErrorCode::Unwritten => frame.tail.map(|tail| NotDone::Unwritten { tail }),
        ErrorCode::SeqNumMismatch => frame.seq_num.map(|next| NotDone::SeqNumMismatch { next }),
        _ => None,
    }
}

/// As [`not_done`].
fn terminal(frame: &ErrorFrame) -> Option<Terminal> {
    match frame.code {
        ErrorCode::FencingTokenMismatch => {
            frame.fencing_token.clone().map(|current| Terminal::FencingTokenMismatch { current })
        }
        _ => None,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what(), self.why(), self.advice())
    }
}

impl std::error::Error for Error {}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::invalid(error)
    }
}

#[cfg(test)]
mod tests;
