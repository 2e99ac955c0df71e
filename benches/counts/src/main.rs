//! One named scenario of the pure core, a given number of times: `riverrun-counts append-1 100`. Under callgrind, the difference
//! between two numbers of repetitions is what the work itself costs; `.ci/counts` takes it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod chunk_index;
mod features;
mod ingest;
mod model;
mod samples;
mod shard;

/// What is counted: its name, how many units one repetition has and what they are, and how it is run.
struct Scenario {
    name: &'static str,
    units: &'static [(&'static str, u64)],
    run: fn(u64),
}

const SCENARIOS: [Scenario; 7] = [
    Scenario { name: "ingest-1", units: &[("append", 1)], run: |times| ingest::run(times, 1) },
    Scenario { name: "ingest-250", units: &[("append", 1), ("record", 250)], run: |times| ingest::run(times, 250) },
    Scenario { name: "ingest-1000", units: &[("append", 1), ("record", 1000)], run: |times| ingest::run(times, 1000) },
    Scenario { name: "append-to-ack-1", units: &[("append", 1)], run: |times| shard::append_to_ack(times, 1) },
    Scenario {
        name: "append-to-ack-250",
        units: &[("append", 1), ("record", 250)],
        run: |times| shard::append_to_ack(times, 250),
    },
    Scenario {
        name: "push-32",
        units: &[("append", 1), ("push", shard::FOLLOWERS as u64)],
        run: |times| shard::push(times),
    },
    Scenario { name: "chunk-index", units: &[("stream", chunk_index::STREAMS as u64)], run: chunk_index::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => SCENARIOS.iter().for_each(list),
        ["features"] => println!("{}", features::detected().join(" ")),
        [name, times] => return run(name, times),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

/// A line for each scenario: its name, then each unit and how many of it one repetition has.
fn list(scenario: &Scenario) {
    let units: Vec<String> = scenario.units.iter().map(|(unit, count)| format!("{unit}={count}")).collect();
    println!("{} {}", scenario.name, units.join(" "));
}

fn run(name: &str, times: &str) -> ExitCode {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let (Some(scenario), Ok(times)) = (scenario, times.parse()) else { return usage() };
    (scenario.run)(times);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: riverrun-counts list | features | SCENARIO TIMES");
    ExitCode::from(2)
}
