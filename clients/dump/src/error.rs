//! What, why, and what to do about it.

use std::io;

use miette::Diagnostic;

/// Why a dump ended early or has to be told of afterwards.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// Whoever read our output has seen enough: no error at all.
    #[error("the output was closed")]
    OutputClosed,
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("cannot read {name}: {why}")]
    #[diagnostic(help("give a file that exists and that you may read, or `-` for standard input"))]
    Input { name: String, why: io::Error },
    #[error("cannot listen on {address}: {why}")]
    #[diagnostic(help("is the port taken? `127.0.0.1:0` takes any free one"))]
    Listen { address: String, why: io::Error },
    #[error("cannot connect to {address}: {why}")]
    #[diagnostic(help("is a server running there? `riverrun serve` prints the address that it listens on"))]
    Connect { address: String, why: io::Error },
    #[error("the connection to {address} broke: {why}")]
    Connection { address: String, why: io::Error },
    #[error("{name} is not hexadecimal text: {why}")]
    #[diagnostic(help("leave --hex out if the file holds raw bytes"))]
    Hex { name: String, why: crate::hextext::NotHex },
    #[error("line {line}: {why}")]
    #[diagnostic(help(
        "a line is a JSON object as `-o jsonl` prints it, or `hex` and hexadecimal digits, or a kind's name"
    ))]
    Line { line: usize, why: crate::walk::Stop },
    #[error("a line of input longer than {max} bytes")]
    LineTooLong { max: usize },
    #[error("{name} is longer than {max} bytes")]
    TooLong { name: String, max: u64 },
    #[error("{name} does not hold frames alone")]
    #[diagnostic(help("the lines marked BAD say where and why"))]
    NotFrames { name: String },
    #[error("{requests} of the requests were not answered: {why}")]
    Unanswered { requests: usize, why: String },
    #[error("{name} is damaged: {what}")]
    #[diagnostic(help("the lines above name what is damaged; everything else is intact"))]
    Damaged { name: String, what: String },
    #[error("{name} cannot be read: {why}")]
    #[diagnostic(help("{help}"))]
    Foreign { name: String, why: String, help: String },
}

impl From<io::Error> for Error {
    /// For errors of the output only; others carry what they were about.
    fn from(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error::OutputClosed,
            _ => Error::Output(error),
        }
    }
}
