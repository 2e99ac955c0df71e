//! What a long transfer shows on stderr: a bar or spinner on a terminal, else a log line every few seconds. Nothing
//! within the first second.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressFinish, ProgressStyle};

/// Shorter transfers show nothing.
const QUIET: Duration = Duration::from_secs(1);
/// Between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Where and whether progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A bar, redrawn in place.
    Terminal,
    /// Lines.
    Log,
    /// Nothing: the data itself is on the terminal, or it never ends.
    Off,
}

/// A transfer's counters and how they are shown.
#[derive(Debug)]
pub struct Progress {
    /// "appended", "read".
    done: &'static str,
    mode: Mode,
    bytes_total: Option<u64>,
    started: Instant,
    logged: Instant,
    bar: Option<ProgressBar>,
    records: u64,
    bytes: u64,
}

impl Mode {
    /// For a transfer whose data goes to or comes from elsewhere than stderr's terminal.
    pub fn for_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Terminal } else { Self::Log }
    }
}

impl Progress {
    pub fn new(done: &'static str, mode: Mode, bytes_total: Option<u64>) -> Self {
        let started = Instant::now();
        Self { done, mode, bytes_total, started, logged: started, bar: None, records: 0, bytes: 0 }
    }

    /// Counts, and shows what is due. Cheap: one look at the clock.
    pub fn add(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
        let now = Instant::now();
        match self.mode {
            Mode::Terminal if now - self.started >= QUIET => self.draw(),
            Mode::Log if now - self.logged >= LOG_EVERY => {
                self.logged = now;
                self.line(&self.summary(now));
            }
            _ => {}
        }
    }

    /// Writes a line to stderr without tearing the bar. A closed stderr is no reason to stop.
    pub fn line(&self, text: &str) {
        let write = || {
            let _ = writeln!(io::stderr().lock(), "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away; says what was done if it took long enough to have been shown.
    pub fn finish(mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let now = Instant::now();
        if self.mode != Mode::Off && now - self.started >= QUIET {
            self.line(&self.summary(now));
        }
    }

    fn draw(&mut self) {
        let bar = self.bar.get_or_insert_with(|| new_bar(self.bytes_total, self.started.elapsed()));
        bar.set_position(self.bytes);
        bar.set_message(format!("{} {} records", self.done, HumanCount(self.records)));
    }

    fn summary(&self, now: Instant) -> String {
        summary(self.done, self.records, self.bytes, self.bytes_total, now - self.started)
    }
}

fn new_bar(bytes_total: Option<u64>, elapsed: Duration) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} to go"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {bytes} {bytes_per_sec} {elapsed}"),
    };
    // An interrupted transfer drops its bar, which must not stay behind half drawn.
    let bar = bar.with_elapsed(elapsed).with_finish(ProgressFinish::AndClear);
    bar.with_style(ProgressStyle::with_template(template).expect("both templates are constants"))
}

fn summary(done: &str, records: u64, bytes: u64, bytes_total: Option<u64>, elapsed: Duration) -> String {
    let per_sec = (bytes as f64 / elapsed.as_secs_f64().max(1e-3)) as u64;
    let of_total = match bytes_total {
        Some(total) if total > bytes => format!(" of {}", HumanBytes(total)),
        _ => String::new(),
    };
    format!(
        "{done} {} record{}, {}{of_total}, in {} ({}/s)",
        HumanCount(records),
        if records == 1 { "" } else { "s" },
        HumanBytes(bytes),
        HumanDuration(elapsed),
        HumanBytes(per_sec)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_say_how_much_and_how_fast() {
        let ten_secs = Duration::from_secs(10);
        insta::assert_snapshot!(summary("read", 1_234_567, 5 << 30, None, ten_secs), @"read 1,234,567 records, 5.00 GiB, in 10 seconds (512.00 MiB/s)");
        insta::assert_snapshot!(summary("appended", 1, 10 << 20, Some(20 << 20), ten_secs), @"appended 1 record, 10.00 MiB of 20.00 MiB, in 10 seconds (1.00 MiB/s)");
    }
}
