//! `ping`: round trips of an empty message.

use std::time::Duration;

use riverrun_client::Client;

use crate::Globals;
use crate::console::{Reader, print};
use crate::errors::Failure;
use crate::interrupt::Interrupt;
use crate::server;
use crate::time::parse_duration;

/// Round trips kept for the percentiles; beyond it, the first ones are forgotten.
const SAMPLES_MAX: usize = 1 << 20;

/// Measure round trips to the server
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Ctrl-C stops early and still prints the percentiles.

Examples:
  riverrun ping
  riverrun ping -c 1000 -i 0s
  riverrun --addr 127.0.0.1:5253 ping -c 1")]
pub struct Ping {
    /// How many round trips
    #[arg(short, long, default_value_t = 10)]
    pub count: u64,
    /// The wait between two of them
    #[arg(short, long, default_value = "100ms", value_parser = parse_duration, value_name = "DURATION")]
    pub interval: humantime::Duration,
}

pub async fn run(globals: &Globals, args: Ping) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let client = server::connect(globals).await?;
    let mut samples = Vec::new();
    tokio::select! {
        result = measure(globals, &client, &args, &mut samples) => result?,
        () = interrupt.wait() => {}
    }
    print(&summary(&globals.addr, &mut samples)).map(|_| ())
}

async fn measure(globals: &Globals, client: &Client, args: &Ping, samples: &mut Vec<Duration>) -> Result<(), Failure> {
    for n in 0..args.count {
        if n > 0 {
            tokio::time::sleep(*args.interval).await;
        }
        let round_trip = server::patiently("waiting for the answer", client.ping()).await;
        let round_trip = round_trip.map_err(|e| Failure::of_call(globals, "the ping was not answered", &e))?;
        if samples.len() == SAMPLES_MAX {
            samples.drain(..SAMPLES_MAX / 2);
        }
        samples.push(round_trip);
        if print(&format!("pong {n} after {}\n", ms(round_trip)))? == Reader::Gone {
            break;
        }
    }
    Ok(())
}

fn summary(addr: &str, samples: &mut [Duration]) -> String {
    samples.sort_unstable();
    let (Some(min), Some(max)) = (samples.first(), samples.last()) else { return String::new() };
    let at = |permille: usize| ms(samples[(samples.len() * permille).div_ceil(1000).max(1) - 1]);
    format!(
        "{} round trip{} to {addr}: min {}, p50 {}, p90 {}, p99 {}, p99.9 {}, max {}\n",
        samples.len(),
        if samples.len() == 1 { "" } else { "s" },
        ms(*min),
        at(500),
        at(900),
        at(990),
        at(999),
        ms(*max)
    )
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_samples() {
        let mut samples: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        insta::assert_snapshot!(summary("here", &mut samples), @"100 round trips to here: min 1.000 ms, p50 50.000 ms, p90 90.000 ms, p99 99.000 ms, p99.9 100.000 ms, max 100.000 ms");
        insta::assert_snapshot!(summary("here", &mut [Duration::from_micros(123)]), @"1 round trip to here: min 0.123 ms, p50 0.123 ms, p90 0.123 ms, p99 0.123 ms, p99.9 0.123 ms, max 0.123 ms");
        assert_eq!(summary("here", &mut []), "");
    }
}
