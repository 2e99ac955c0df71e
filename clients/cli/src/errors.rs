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
use std::process::ExitCode;

use miette::{Diagnostic, MietteHandlerOpts, ReportHandler};
use riverrun_client::{Error, NotDone, Outcome, Terminal};
use riverrun_protocol::ErrorCode;

use crate::Globals;
use crate::console::remark;

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

    /// A call that changes nothing: whatever became of it, repeating it is safe.
    pub fn of_read(globals: &Globals, what: impl Into<String>, error: &Error) -> Self {
        let (why, advice) = explain(globals, error);
        Self::new(what, why, advice)
    }

    /// A call that has an effect. Says so if it may have had it, and ends the process with a code of its own then.
    pub fn of_write(globals: &Globals, what: impl Into<String>, error: &Error) -> Self {
        let failure = Self::of_read(globals, what, error);
        if error.outcome() == Outcome::MaybeDone { failure.with_exit(Exit::Ambiguous) } else { failure }
    }
}

/// Prints what went wrong to stderr; the code to end the process with (see the module's table). Whatever is no [`Failure`]
/// is a 1.
pub fn conclude(result: miette::Result<()>) -> ExitCode {
    let Err(report) = result else { return ExitCode::SUCCESS };
    remark(&format!("Error: {}", Unwrapped(&*report)));
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

/// (why, what to do) of a client's error.
fn explain(globals: &Globals, error: &Error) -> (String, String) {
    match error {
        Error::NotDone(NotDone::Connect { address, why }) => explain_connect(globals, address, why),
        Error::NotDone(NotDone::Poisoned { first }) => explain(globals, first),
        Error::Terminal(Terminal::Violation { why }) => (why.clone(), other_address()),
        _ => match error.refusal() {
            Some(refusal) if refusal.code == ErrorCode::Invalid => (refusal.message.clone(), String::new()),
            Some(refusal) => (refusal.message.clone(), error.advice().to_owned()),
            None => (error.why(), error.advice().to_owned()),
        },
    }
}

fn explain_connect(globals: &Globals, address: &str, why: &str) -> (String, String) {
    let why = format!("{address}: {why}");
    // The client has the operating system's text only; it is the same in every locale that Rust's std uses.
    if why.to_lowercase().contains("refused") && is_loopback(&globals.addr) {
        let serve = match globals.addr.as_str() {
            crate::ADDR_DEFAULT => "riverrun serve".to_owned(),
            addr => format!("riverrun serve --listen {addr}"),
        };
        return (
            why,
            format!("start one in another terminal with `{serve}`, or name another with --addr or RIVERRUN_ADDR"),
        );
    }
    (why, other_address())
}

fn other_address() -> String {
    "check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that the server there is running".to_owned()
}

fn is_loopback(addr: &str) -> bool {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
