//! Two brokers on one machine, in turns: A B B A, block after block. The machine's weather falls on both alike, so the ratio within
//! a block holds where a number alone does not.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use miette::miette;
use riverrun_client::Token;

use crate::cells::{Kind, cell};
use crate::flags::WorkloadFlags;
use crate::kinds::live;
use crate::measure::latencies::Kinds;
use crate::measure::report::Outcome;
use crate::run::RunOptions;
use crate::target::Address;
use crate::workload::Workload;

use broker::Broker;
use ratios::{Ratio, Ratios};

mod broker;
mod ratios;

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  riverrun bench compare --a 127.0.0.1:5252 --b 127.0.0.1:5253 --cell W3 --seconds 5
  riverrun bench compare --a-bin ./old/riverrun --b-bin ./new/riverrun --cell W0")]
pub struct CompareArgs {
    /// The first broker's address.
    #[arg(long, value_name = "ADDR", required_unless_present = "a_bin")]
    a: Option<String>,
    /// The second broker's address.
    #[arg(long, value_name = "ADDR", required_unless_present = "b_bin")]
    b: Option<String>,
    /// Starts the first broker from this binary, in a temporary folder.
    #[arg(long, value_name = "PATH", conflicts_with = "a")]
    a_bin: Option<PathBuf>,
    /// Starts the second broker from this binary.
    #[arg(long, value_name = "PATH", conflicts_with = "b")]
    b_bin: Option<PathBuf>,
    /// Where brokers that are started keep their data: on the disk that is to be measured  [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which cell.
    #[arg(long, default_value = "W3")]
    cell: String,
    /// Blocks of four runs: A B B A. Below ten the interval says little.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    blocks: u32,
    #[command(flatten)]
    workload: WorkloadFlags,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Prints the result as one JSON object on the last line of standard output.
    #[arg(short = 'o', long, value_name = "json")]
    output: Option<crate::OutputFormat>,
}

/// One side of a block: two runs, merged.
#[derive(Debug, Default)]
struct Side {
    kinds: Kinds,
    mib_per_s: f64,
    cpu_s: Option<f64>,
    bytes: u64,
}

impl Side {
    fn merge(&mut self, outcome: &Outcome) {
        self.kinds.merge(&outcome.kinds);
        let Some(append) = &outcome.report.append else { return };
        self.mib_per_s += append.mib_per_s / 2.0;
        self.bytes += append.tally.bytes;
        let cpu_s = outcome.report.server.cpu_s;
        self.cpu_s = cpu_s.map(|cpu_s| self.cpu_s.unwrap_or(0.0) + cpu_s);
    }

    fn cpu_s_per_gib(&self) -> Option<f64> {
        self.cpu_s.filter(|_| self.bytes > 0).map(|cpu_s| cpu_s / (self.bytes as f64 / (1u64 << 30) as f64))
    }
}

/// # Errors
/// A broker does not start, or a run on one of them fails.
pub fn run(token: Option<&Token>, args: &CompareArgs) -> miette::Result<()> {
    let cell = cell(&args.cell)?;
    if cell.kind != Kind::Live {
        return Err(miette!("only cells of producers and live consumers can be compared, not {}", cell.name));
    }
    let mut workload = Workload { seconds: 3.0, ..cell.workload() };
    args.workload.apply(&mut workload);
    workload.check()?;
    let a = Broker::of(args.a.as_deref(), args.a_bin.as_deref(), args.data.as_deref())?;
    let b = Broker::of(args.b.as_deref(), args.b_bin.as_deref(), args.data.as_deref())?;
    let [of_a, of_b] = [&a, &b].map(|broker| Address { addr: broker.addr.clone(), token: token.cloned() });
    let ratios = crate::on_runtime(args.threads.into(), blocks(&of_a, &of_b, &workload, args))?;
    show(&workload, args, &ratios);
    Ok(())
}

async fn blocks(a: &Address, b: &Address, workload: &Workload, args: &CompareArgs) -> miette::Result<Ratios> {
    let mut ratios = Ratios::default();
    for block in 1..=args.blocks {
        let (mut of_a, mut of_b) = (Side::default(), Side::default());
        of_a.merge(&turn(a, workload, args).await?);
        of_b.merge(&turn(b, workload, args).await?);
        of_b.merge(&turn(b, workload, args).await?);
        of_a.merge(&turn(a, workload, args).await?);
        let (was, is) = (&of_a, &of_b);
        ratios.throughput.add(Some(was.mib_per_s), Some(is.mib_per_s));
        let quantile = |side: &Side, q| Some(side.kinds.ack.quantile_us(q) as f64);
        ratios.ack_p50.add(quantile(was, 0.5), quantile(is, 0.5));
        ratios.ack_p99.add(quantile(was, 0.99), quantile(is, 0.99));
        ratios.cpu_s_per_gib.add(was.cpu_s_per_gib(), is.cpu_s_per_gib());
        let (was, is) = (was.mib_per_s, is.mib_per_s);
        eprintln!("block {block} of {}: A {was:.1} MiB/s, B {is:.1} MiB/s", args.blocks);
    }
    Ok(ratios)
}

/// One run. It begins once the broker has nothing left to do, so that neither side pays for the other.
async fn turn(address: &Address, workload: &Workload, args: &CompareArgs) -> miette::Result<Outcome> {
    let threads = usize::from(args.threads);
    let options = RunOptions { threads, verify: false, keep: false, drain: Duration::ZERO };
    live::run(address, workload, options).await
}

fn show(workload: &Workload, args: &CompareArgs, ratios: &Ratios) {
    let seconds = workload.seconds;
    println!(
        "{}: B over A, median of {} blocks A B B A of {seconds} s each [95 % interval]",
        workload.name, args.blocks
    );
    let found: Vec<(&str, Option<Ratio>)> = ratios.named().map(|(name, blocks)| (name, blocks.ratio())).collect();
    for (name, ratio) in &found {
        match ratio {
            Some(Ratio { median, low, high, .. }) => println!("  {name:<14} {median:.3} [{low:.3} .. {high:.3}]"),
            None => println!("  {name:<14} not told by both"),
        }
    }
    if args.output.is_some() {
        let ratios: serde_json::Map<String, serde_json::Value> =
            found.iter().map(|(name, ratio)| ((*name).to_owned(), serde_json::json!(ratio))).collect();
        println!("{}", serde_json::json!({ "workload": workload.name, "blocks": args.blocks, "ratios": ratios }));
    }
}
