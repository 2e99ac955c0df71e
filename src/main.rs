//! The `riverrun` binary: arguments to a verb, errors to what/why/do, nothing else.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use riverrun::{demo, serve};

/// The allocator is measured, not assumed: see docs/decisions/. A sanitizer knows the system's (`.ci/long`, S22).
#[cfg(not(riverrun_sanitized))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Durable streams: one producer appends, many consumers replay history or follow live.
#[derive(Debug, Parser)]
#[command(name = "riverrun", version, max_term_width = 120, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    globals: riverrun_cli::Globals,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  riverrun serve                                     a broker on 127.0.0.1:5252, data in ./riverrun-data
  riverrun create-basin my-first-basin --create-stream-on-append
  riverrun append my-first-basin/log -i access.log   one record per line
  riverrun read my-first-basin/log --seq-num 0       replay, then follow
  riverrun demo                                      all of it in one process, with a verdict";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker.
    Serve(serve::ServeArgs),
    /// Run a temporary broker, a producer and three followers, and check what they saw.
    Demo(demo::DemoArgs),
    #[command(flatten)]
    Client(riverrun_cli::Verb),
    /// See the protocol's frames, live, captured or typed, and what stored files hold: netcat for Riverrun.
    #[command(subcommand)]
    Dump(riverrun_dump::DumpCommand),
    /// Measure a broker.
    Bench(riverrun_bench::BenchArgs),
    Completions(riverrun_cli::completions::Completions),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Client(verb) => riverrun_cli::run(cli.globals, verb),
        Command::Dump(command) => on_runtime(riverrun_dump::run(command)),
        Command::Completions(args) => riverrun_cli::completions::print(args, &mut Cli::command()),
        Command::Bench(args) => riverrun_cli::credentials::token(&cli.globals)
            .map_err(miette::Report::new)
            .and_then(|token| riverrun_bench::run(&cli.globals.addr, token, &args)),
    };
    riverrun_cli::conclude(outcome)
}

/// The dump tool is one task or a few: one thread carries them.
fn on_runtime(tool: impl Future<Output = miette::Result<()>>) -> miette::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(|error| miette::miette!("cannot start a runtime: {error}"))?;
    let outcome = runtime.block_on(tool);
    // A thread may wait for input that never comes: the tool is done all the same.
    runtime.shutdown_background();
    outcome
}
