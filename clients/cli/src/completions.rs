//! `completions SHELL`: what a shell needs to complete the command line.
//!
//! The whole command is the binary's; it hands itself in.

use clap_complete::Shell;

use crate::console::print as print_out;

/// Print completions for a shell
#[derive(clap::Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  source <(riverrun completions bash)
  riverrun completions zsh > \"${fpath[1]}/_riverrun\"
  riverrun completions fish > ~/.config/fish/completions/riverrun.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Which,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    Bash,
    Zsh,
    Fish,
}

/// Prints the completions of `command`, the whole command line.
///
/// # Errors
/// Where stdout cannot be written.
pub fn print(args: Completions, command: &mut clap::Command) -> miette::Result<()> {
    let shell = match args.shell {
        Which::Bash => Shell::Bash,
        Which::Zsh => Shell::Zsh,
        Which::Fish => Shell::Fish,
    };
    let name = command.get_name().to_owned();
    // By way of memory: the generator panics where its writer fails, as stdout does once its reader has left.
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    print_out(&String::from_utf8_lossy(&script)).map(drop).map_err(miette::Report::new)
}
