//! The load generator alone, without the broker's binary around it.

use clap::Parser;
use riverrun_bench::{BenchArgs, run};

#[derive(Debug, Parser)]
struct Cli {
    #[arg(long, env = "RIVERRUN_ADDR", default_value = "127.0.0.1:5252")]
    addr: String,
    #[command(flatten)]
    bench: BenchArgs,
}

fn main() -> miette::Result<()> {
    let cli = Cli::parse();
    run(&cli.addr, None, &cli.bench)
}
