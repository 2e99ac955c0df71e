//! Failures as people read them: what did not happen, why, and what to do; and the process's exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; also after Ctrl-C and when stdout's reader has left |
//! | 1 | failed, without effect beyond what was reported as done |
//! | 2 | usage: the command line was not understood |
//! | 3 | may or may not have been done: records may have been stored without an ack |

use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use miette::{Diagnostic, MietteHandlerOpts, ReportHandler};
use riverrun_client::{Error, NotDone, Outcome, Terminal};
use riverrun_protocol::ErrorCode;

use crate::Globals;
use crate::console::remark;
use crate::credentials::Source;
use crate::resume::CommandLine;
use crate::uri::StreamUri;

pub mod nearest;
pub mod unwritten;

/// How a process ends that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    Ambiguous = 3,
}

/// A failure in three parts. Printed by miette as message, cause and help.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    pub what: String,
    #[source]
    pub why: Why,
    pub advice: String,
    pub exit: Exit,
}

/// A cause, as text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Why(pub String);

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        (!self.advice.is_empty()).then(|| Box::new(&self.advice) as Box<dyn Display + 'a>)
    }
}

impl Failure {
    pub fn new(what: impl Into<String>, why: impl Display, advice: impl Into<String>) -> Self {
        Self { what: what.into(), why: Why(why.to_string()), advice: advice.into(), exit: Exit::Failed }
    }

    #[must_use]
    pub fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// A file or standard stream that failed.
    pub fn io(what: impl Into<String>, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check who may use the file",
            io::ErrorKind::IsADirectory => "name a file, or `-` for the standard stream",
            io::ErrorKind::StorageFull => "make room, then resume",
            _ => "",
        };
        Self::new(what, error, advice)
    }

    /// Adds a line to the advice.
    #[must_use]
    pub fn advise(mut self, line: &str) -> Self {
        if !self.advice.is_empty() {
            self.advice.push('\n');
        }
        self.advice.push_str(line);
        self
    }

    /// No connection was made, so nothing was asked.
    pub fn of_connect(globals: &Globals, error: &Error) -> Self {
        let failure = Self::of_call(globals, "there is no connection to a server", error);
        match error {
            // The client says what listens there instead. That is no server's fault, as it would be on an open connection.
            Error::Terminal(Terminal::Violation { why }) => Self { why: Why(why.clone()), ..failure },
            _ => failure,
        }
    }

    /// A call that may be repeated: it changes nothing, or nothing came of it.
    pub fn of_call(globals: &Globals, what: impl Into<String>, error: &Error) -> Self {
        let (why, advice) = explain(globals, error);
        Self::new(what, why, advice)
    }

    /// A call that should have taken `thing` away; `done` is the word for that. Doing it twice does no harm.
    pub fn of_removal(globals: &Globals, thing: &str, done: &str, error: &Error) -> Self {
        match error.outcome() {
            Outcome::MaybeDone => {
                let what = format!("{thing} may or may not have been {done}");
                Self::of_call(globals, what, error).with_exit(Exit::Ambiguous)
            }
            Outcome::NotDone | Outcome::Terminal => Self::of_call(globals, format!("{thing} was not {done}"), error),
        }
    }

    /// A command record that should have been appended; `done` is what the stream would be now.
    pub fn of_command(globals: &Globals, uri: &StreamUri, done: &str, error: &Error) -> Self {
        if error.outcome() != Outcome::MaybeDone {
            return Self::of_call(globals, format!("{uri} was not {done}"), error);
        }
        let look = CommandLine::new(globals, "tail").word(uri);
        let advice =
            format!("see whether its record is there with `{look}`; doing it twice does no harm unless others write");
        let failure = Self::of_call(globals, format!("{uri} may or may not have been {done}"), error);
        Self { advice, ..failure }.with_exit(Exit::Ambiguous)
    }

    /// A call that should have created `thing`. Says so if it may have, and ends the process with a code of its own then.
    pub fn of_creation(globals: &Globals, thing: &str, error: &Error) -> Self {
        if error.code() == Some(ErrorCode::AlreadyExists) {
            let advice = "use it as it is, or choose another name";
            return Self::new(format!("{thing} was not created"), "there is one of this name", advice);
        }
        let failure = Self::of_call(globals, format!("{thing} was not created"), error);
        if error.outcome() != Outcome::MaybeDone {
            return failure;
        }
        let what = format!("{thing} may or may not have been created");
        let advice = "create it again: where it exists by now, that is refused and changes nothing".to_owned();
        Self { what, advice, ..failure }.with_exit(Exit::Ambiguous)
    }
}

/// Prints what went wrong to stderr; the code to end the process with (see the module's table). Whatever is no [`Failure`]
/// is a 1.
pub fn conclude(result: miette::Result<()>) -> ExitCode {
    let Err(report) = result else { return ExitCode::SUCCESS };
    remark(format!("Error: {}", Unwrapped(&*report)).trim_end());
    ExitCode::from(exit_code(&report))
}

/// A diagnostic whose lines are never broken: the commands in its help are there to be pasted.
struct Unwrapped<'a>(&'a dyn Diagnostic);

impl fmt::Display for Unwrapped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MietteHandlerOpts::new().wrap_lines(false).build().debug(self.0, f)
    }
}

fn exit_code(report: &miette::Report) -> u8 {
    report.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit) as u8
}

/// (why, what to do) of a client's error, where repeating does no harm.
fn explain(globals: &Globals, error: &Error) -> (String, String) {
    match error {
        Error::NotDone(NotDone::Connect { address, why }) => explain_connect(globals, address, why),
        Error::NotDone(NotDone::Poisoned { first }) => explain(globals, first),
        _ if error.is_authn() => (in_the_server_s_words(error), authn_advice(&Source::of(globals))),
        _ if error.code() == Some(ErrorCode::PermissionDenied) => {
            (in_the_server_s_words(error), permission_advice(&Source::of(globals)))
        }
        Error::Terminal(Terminal::Violation { .. }) => {
            (error.why(), check_address("a Riverrun server of a version that fits listens there"))
        }
        _ => (in_the_server_s_words(error), advice(error).to_owned()),
    }
}

fn in_the_server_s_words(error: &Error) -> String {
    error.refusal().map_or_else(|| error.why(), |refusal| refusal.message.clone())
}

const GIVE_A_TOKEN: &str = "give an access token with --token-file FILE, or in the environment as RIVERRUN_TOKEN";

fn authn_advice(source: &Source) -> String {
    match source {
        Source::Nowhere => GIVE_A_TOKEN.to_owned(),
        source => format!("the access token comes from {source}; check that it is whole, not expired and not revoked"),
    }
}

fn permission_advice(source: &Source) -> String {
    match source {
        Source::Nowhere => GIVE_A_TOKEN.to_owned(),
        source => format!("the access token comes from {source}; use one that allows it, or ask its issuer for one"),
    }
}

fn advice(error: &Error) -> &'static str {
    match error {
        _ if is_being_deleted(error) => "wait until the deletion is done, or use another name",
        Error::MaybeDone(_) => "it is safe to try again",
        // What the reason names is to be changed; "change the request" says no more.
        Error::NotDone(NotDone::InvalidInput { .. }) => "",
        _ if error.refusal().is_some_and(|refusal| !refusal.code.is_retryable()) => "",
        _ => error.advice(),
    }
}

fn is_being_deleted(error: &Error) -> bool {
    matches!(error.code(), Some(ErrorCode::BasinDeletionPending | ErrorCode::StreamDeletionPending))
}

fn explain_connect(globals: &Globals, address: &str, why: &str) -> (String, String) {
    let why = format!("{address}: {why}");
    // The client has the operating system's text only; it is the same in every locale that Rust's std uses.
    let serve = serve_at(&globals.addr).filter(|_| why.to_lowercase().contains("refused"));
    let advice = match serve {
        Some(serve) => {
            format!("start one in another terminal with `{serve}`, or name another with --addr or RIVERRUN_ADDR")
        }
        None => check_address("the server there is running"),
    };
    (why, advice)
}

fn check_address(and_that: &str) -> String {
    format!("check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that {and_that}")
}

/// The command that starts a server at `addr`, where that is on this machine. `serve` takes no host names.
fn serve_at(addr: &str) -> Option<String> {
    let numeric = addr.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let listen: SocketAddr = numeric.as_deref().unwrap_or(addr).parse().ok()?;
    listen.ip().is_loopback().then(|| match listen.to_string() {
        default if default == crate::ADDR_DEFAULT => "riverrun serve".to_owned(),
        other => format!("riverrun serve --listen {other}"),
    })
}

#[cfg(test)]
mod tests;
