//! The client verbs of the `riverrun` command line: what a person or a script does to a broker from outside.
//!
//! The binary flattens [`Verb`] next to its own verbs and hands it to [`run`] with the [`Globals`]. Data goes to stdout and
//! nothing else does; remarks, acks, progress and errors go to stderr. Errors are [`errors::Failure`]s inside the
//! [`miette::Report`]; [`conclude`] prints them and says how the process should end.
//!
//! The route of an appended line: [`input`] reads and parses it on a thread of its own, [`verbs::append`] packs batches and
//! keeps them in flight. The route of a read record: [`copy`] takes batches from a read session, [`mod@format`] renders them,
//! [`output`] writes them on a thread of its own.
#![forbid(unsafe_code)]

use std::path::PathBuf;

pub mod completions;
pub mod conditions;
pub mod config;
pub mod console;
pub mod copy;
pub mod credentials;
pub mod errors;
pub mod format;
pub mod input;
pub mod interrupt;
pub mod output;
pub mod progress;
pub mod resume;
pub mod server;
pub mod time;
pub mod uri;
pub mod verbs;

pub use errors::conclude;
pub use verbs::{Verb, run, run_async};

/// Where a server is looked for when nothing is said.
pub const ADDR_DEFAULT: &str = "127.0.0.1:5252";

/// Options of every client verb.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
pub struct Globals {
    /// The server, as HOST:PORT
    #[arg(long, env = "RIVERRUN_ADDR", default_value = ADDR_DEFAULT, value_name = "HOST:PORT", global = true)]
    pub addr: String,
    /// The file with the access token, where the server wants one; else RIVERRUN_TOKEN is taken from the environment, or
    /// S2_ACCESS_TOKEN if it begins with rrt_
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
}

impl Globals {
    /// A server, and nothing else said.
    pub fn at(addr: impl Into<String>) -> Self {
        Self { addr: addr.into(), token_file: None }
    }
}
