//! Where it was measured, and how busy that machine was with other things.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::measure::pressure::cpu_some_avg10;

/// Above this, latencies are mostly waits for a core (performance.md 2.4).
const BUSY_PERCENT: f64 = 10.0;

/// What the system does not tell is empty or missing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub cpu_model: String,
    pub cores: u32,
    pub kernel: String,
    /// One-minute load average before the first step.
    pub load_average: Option<f64>,
    /// Percent of the last 10 s in which some task waited for a core (`/proc/pressure/cpu`), before the first step.
    pub cpu_pressure_percent: Option<f64>,
}

impl Machine {
    pub fn read() -> Self {
        Self {
            cpu_model: read("/proc/cpuinfo").as_deref().and_then(cpu_model).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            load_average: read("/proc/loadavg").as_deref().and_then(load_average),
            cpu_pressure_percent: cpu_some_avg10(),
        }
    }

    /// Something else ran: a limit measured meanwhile is too low, and every fraction of it too good.
    pub fn is_busy(&self) -> bool {
        self.cpu_pressure_percent.is_some_and(|percent| percent > BUSY_PERCENT)
    }

    /// One line for a table's head or a plot's sub-title.
    pub fn facts(&self) -> String {
        let mut facts = format!("{} x {}, Linux {}", self.cores, self.cpu_model, self.kernel);
        if let Some(load) = self.load_average {
            facts.push_str(&format!(", load {load:.1}"));
        }
        if let Some(percent) = self.cpu_pressure_percent {
            facts.push_str(&format!(", CPU pressure {percent:.0} %"));
        }
        facts
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load_average(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_understood() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(load_average("2.33 2.56 2.18 1/200 3\n"), Some(2.33));
    }

    #[test]
    fn a_machine_is_busy_when_tasks_wait_for_a_core() {
        let busy = |cpu_pressure_percent| Machine { cpu_pressure_percent, ..Machine::default() }.is_busy();
        assert_eq!([None, Some(0.0), Some(10.0), Some(11.0)].map(busy), [false, false, false, true]);
    }

    #[test]
    fn missing_texts_are_missing_facts() {
        assert_eq!((cpu_model(""), load_average("")), (None, None));
        assert_eq!(Machine { cores: 2, kernel: "6".into(), ..Machine::default() }.facts(), "2 x , Linux 6");
    }
}
