//! Riverrun beside its peers: each driven through its own public client, with the same records, the same bytes in flight and the
//! same durability, in turns with Riverrun in one run. How to install the peers, and what the figures mean: README.md.
//!
//! The way of a run: `args` say what, `peer` is what a peer has to offer (one file for each in `peers`), `process` starts and stops
//! its server, `load` keeps batches in flight, `durability` looks whether the server really syncs, `compare` takes turns, `report`
//! prints.
#![forbid(unsafe_code)]

mod args;
mod compare;
mod durability;
mod load;
mod peer;
mod peers;
mod process;
mod ratios;
mod records;
mod report;
mod shape;
mod trace;

use clap::Parser;

use args::Args;

fn main() -> miette::Result<()> {
    let args = Args::parse();
    let runtime = args.runtime()?;
    let report = runtime.block_on(compare::run(&args))?;
    print!("{}", report.text());
    if args.output.is_some() {
        println!("{}", report.json());
    }
    Ok(())
}
