//! The client verbs as a program of their own, without the broker: what a machine needs that only talks to one.
//!
//! ```text
//! cargo run --example client -- --addr 127.0.0.1:5252 ls
//! ```

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Talk to a Riverrun broker
#[derive(Parser, Debug)]
#[command(name = "riverrun", version, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    globals: riverrun_cli::Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Client(riverrun_cli::Verb),
    Completions(riverrun_cli::completions::Completions),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    riverrun_cli::conclude(match cli.command {
        Command::Client(verb) => riverrun_cli::run(cli.globals, verb),
        Command::Completions(args) => riverrun_cli::completions::print(args, &mut Cli::command()),
    })
}
