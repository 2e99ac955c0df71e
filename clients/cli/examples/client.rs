//! The client verbs as a program of their own, without the broker: what a machine needs that only talks to one.
//!
//! ```text
//! cargo run --example client -- --addr 127.0.0.1:5252 ls
//! ```

use std::process::ExitCode;

use clap::Parser;

/// Talk to a Riverrun broker
#[derive(Parser, Debug)]
#[command(name = "riverrun", version, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    globals: riverrun_cli::Globals,
    #[command(subcommand)]
    verb: riverrun_cli::Verb,
}

fn main() -> ExitCode {
    let Cli { globals, verb } = Cli::parse();
    riverrun_cli::conclude(riverrun_cli::run(globals, verb))
}
