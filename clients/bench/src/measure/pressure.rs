//! The kernel's account of how much its tasks waited for a core.

use serde::Serialize;

/// `some avg10` of the CPU's pressure: the share of the last ten seconds in which a task waited, in percent. Above 10 before a
/// run, its tail latencies say more about the machine than about the broker.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Pressure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
}

/// `None` where the kernel does not tell.
pub fn cpu_some_avg10() -> Option<f64> {
    parse(&std::fs::read_to_string("/proc/pressure/cpu").ok()?)
}

fn parse(text: &str) -> Option<f64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_whitespace().find_map(|field| field.strip_prefix("avg10="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_some_line_counts() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=7\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(parse(text), Some(12.5));
        assert_eq!((parse("nothing of the kind"), parse("full avg10=1")), (None, None));
    }
}
