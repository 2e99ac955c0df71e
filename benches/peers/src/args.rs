//! What is asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use miette::{IntoDiagnostic, WrapErr};
use tokio::runtime::{Builder, Runtime};

use crate::load::Timing;
use crate::peers::PEERS;
use crate::shape::{SHAPES, Shape};

#[derive(Clone, Debug, Parser)]
#[command(
    about = "Riverrun beside its peers, equally durable, in turns",
    after_help = "Examples:
  riverrun-peers --riverrun ../../target/release/riverrun
  riverrun-peers --peers redis,nats --shapes kib --blocks 10 --seconds 5 -o json
  PATH=$HOME/nats/bin:$PATH riverrun-peers --peers nats-batch"
)]
pub struct Args {
    /// The broker's binary  [default: riverrun on PATH, else target/release/riverrun]
    #[arg(long, value_name = "PATH")]
    pub riverrun: Option<PathBuf>,
    /// Which peers, with commas  [default: all]
    #[arg(long, value_delimiter = ',', value_parser = PEERS)]
    pub peers: Vec<String>,
    /// Which shapes of load, with commas  [default: all]
    #[arg(long, value_delimiter = ',', value_parser = SHAPES.map(|shape| shape.name))]
    pub shapes: Vec<String>,
    /// Blocks of four turns: Riverrun, peer, peer, Riverrun.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub blocks: u32,
    /// Seconds that are measured in each turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,
    /// Seconds of load before them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub warmup_seconds: u64,
    /// Threads of the clients.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Where the servers keep their data: on the disk that is to be measured  [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Prints the result as one JSON object on the last line of standard output.
    #[arg(short = 'o', long, value_name = "json")]
    pub output: Option<OutputFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OutputFormat {
    Json,
}

impl Args {
    pub fn wants_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer == name)
    }

    pub fn shapes(&self) -> impl Iterator<Item = &'static Shape> {
        SHAPES.iter().filter(|shape| self.shapes.is_empty() || self.shapes.iter().any(|name| name == shape.name))
    }

    pub fn timing(&self) -> Timing {
        Timing { warmup: Duration::from_secs(self.warmup_seconds), span: Duration::from_secs(self.seconds) }
    }

    /// One thread by default, for every client alike: the servers have the other cores.
    pub fn runtime(&self) -> miette::Result<Runtime> {
        let mut builder = match self.threads {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(usize::from(self.threads)).enable_all().build();
        runtime.into_diagnostic().wrap_err("cannot start the clients' threads; lower --threads")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(["riverrun-peers"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn all_of_them_unless_some_are_named() {
        let all = parse("").expect("defaults");
        assert!(PEERS.iter().all(|peer| all.wants_peer(peer)));
        assert_eq!(all.shapes().count(), SHAPES.len());
        let some = parse("--peers redis,nats --shapes kib").expect("names");
        assert!(some.wants_peer("nats") && !some.wants_peer("s2-lite"));
        assert_eq!(some.shapes().map(|shape| shape.name).collect::<Vec<_>>(), ["kib"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--peers kafka", "--shapes huge", "--blocks 0", "--seconds 0", "--seconds 61", "--threads 0"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
