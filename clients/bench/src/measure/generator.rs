//! What the generator itself used, and whether it stood in the broker's way.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// A thread busier than this has no room for a load that comes in bursts: what it measures is itself.
const BUSY_SHARE_MAX: f64 = 0.9;

/// The generator's counters at one moment.
#[derive(Debug)]
pub struct GeneratorUse {
    at: Instant,
    cpu_s: f64,
    waited_s: Option<f64>,
}

/// What it used between two moments.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Generator {
    pub threads: usize,
    pub cpu_s: f64,
    /// Share of the threads' time spent running.
    pub busy_share: f64,
    /// Share of it spent ready to run, but without a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starved_share: Option<f64>,
    pub is_bottleneck: bool,
    /// By which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// Records that were due and could not be sent yet, at most.
    pub queue_max: u64,
}

impl GeneratorUse {
    pub fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self { at: Instant::now(), cpu_s: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9, waited_s: waited_s() }
    }

    /// What was used since `before`, by `threads` threads.
    pub fn since(&self, before: &Self, threads: usize, queue_max: u64) -> Generator {
        let available_s = (self.at - before.at).as_secs_f64().max(1e-9) * threads as f64;
        let cpu_s = self.cpu_s - before.cpu_s;
        let starved_share = self.waited_s.zip(before.waited_s).map(|(after, before)| (after - before) / available_s);
        judged(Generator {
            threads,
            cpu_s,
            busy_share: cpu_s / available_s,
            starved_share,
            is_bottleneck: false,
            rule: None,
            queue_max,
        })
    }
}

fn judged(mut generator: Generator) -> Generator {
    generator.rule = if generator.busy_share > BUSY_SHARE_MAX {
        Some("its threads ran for more than 90 % of the time: give it more with --threads, or read ratios only")
    } else if generator.busy_share + generator.starved_share.unwrap_or(0.0) > BUSY_SHARE_MAX {
        Some(
            "its threads ran or waited for a core for more than 90 % of the time: the machine is too small or too busy",
        )
    } else {
        None
    };
    generator.is_bottleneck = generator.rule.is_some();
    generator
}

/// Seconds that this process's threads were ready and had no core; `None` where the kernel does not count them.
fn waited_s() -> Option<f64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let waited_ns = tasks.flatten().filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        if name.trim() == super::hiccup::THREAD_NAME {
            return None;
        }
        let schedstat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        schedstat.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Some(waited_ns.sum::<u64>() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(busy_share: f64, starved_share: Option<f64>) -> Option<&'static str> {
        let generator = Generator {
            threads: 1,
            cpu_s: 1.0,
            busy_share,
            starved_share,
            is_bottleneck: false,
            rule: None,
            queue_max: 0,
        };
        judged(generator).rule
    }

    #[test]
    fn a_busy_generator_and_a_starved_one_are_bottlenecks() {
        assert_eq!(verdict(0.5, Some(0.1)), None);
        assert_eq!(verdict(0.5, None), None);
        assert!(verdict(0.95, None).is_some_and(|rule| rule.contains("--threads")));
        assert!(verdict(0.5, Some(0.45)).is_some_and(|rule| rule.contains("core")));
    }
}
