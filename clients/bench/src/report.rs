//! Histograms, what the server used meanwhile, and the result.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use miette::miette;
use riverrun_client::{Client, StatusReport};

use crate::failed;

const MIB: f64 = (1 << 20) as f64;
/// Latencies above a minute count as a minute.
const LATENCY_US_MAX: u64 = 60_000_000;
const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// Ack latencies in microseconds, 3 significant digits.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("bounds and digits are in range"))
    }

    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_micros() as u64);
    }

    /// The raw histogram, for HdrHistogram's own tools.
    pub fn write_hlog(&self, path: Option<&Path>, begun: Instant, elapsed: Duration) -> miette::Result<()> {
        let Some(path) = path else { return Ok(()) };
        let write = || -> Result<(), Box<dyn std::error::Error>> {
            let mut file = std::fs::File::create(path)?;
            let mut serializer = V2Serializer::new();
            let mut log = IntervalLogWriterBuilder::new()
                .with_start_time(SystemTime::now() - begun.elapsed())
                .begin_log_with(&mut file, &mut serializer)?;
            log.write_histogram(&self.0, Duration::ZERO, elapsed, None).map_err(|e| format!("{e:?}"))?;
            Ok(())
        };
        write().map_err(|error| miette!("cannot write the histogram to {}: {error}", path.display()))
    }
}

/// The server's counters at one moment.
pub struct ServerUse {
    pub unpublished_bytes: u64,
    status: StatusReport,
}

impl ServerUse {
    pub async fn read(client: &Client) -> miette::Result<Self> {
        let status = client.status().await.map_err(failed)?;
        let mut server = Self { unpublished_bytes: 0, status };
        server.unpublished_bytes = server.counter("unpublished_bytes");
        Ok(server)
    }

    fn counter(&self, name: &str) -> u64 {
        self.status.counters.iter().find(|(n, _)| n == name).map_or(0, |(_, value)| *value)
    }

    /// What was used between two moments.
    pub fn since(&self, before: &Self) -> Used {
        let used = |name| self.counter(name).saturating_sub(before.counter(name));
        Used {
            cpu: Duration::from_millis(used("cpu_ms_total")),
            blocks: used("blocks"),
            enters: used("ring_enters_total"),
            copied_bytes: used("copied_bytes") + used("received_copied_bytes_total"),
        }
    }
}

pub struct Used {
    cpu: Duration,
    blocks: u64,
    enters: u64,
    copied_bytes: u64,
}

pub struct Report {
    pub workload: &'static str,
    pub elapsed: Duration,
    pub batches: u64,
    pub records: u64,
    pub bytes: u64,
    pub server: Used,
    pub backlog_bytes: u64,
    pub drain_bytes_per_s: f64,
}

impl Report {
    pub fn print(&self, latencies: &Latencies, json: bool) {
        let seconds = self.elapsed.as_secs_f64();
        let gib = self.bytes as f64 / (1u64 << 30) as f64;
        println!("{}: {} records in {} batches, {seconds:.1} s", self.workload, self.records, self.batches);
        println!("  rate      {:.1} MiB/s, {:.0} records/s", self.mib_per_s(), self.records as f64 / seconds);
        let micros: Vec<String> =
            PERCENTILES.iter().map(|(name, q)| format!("{name} {}", latencies.0.value_at_quantile(*q))).collect();
        println!("  ack us    {}", micros.join("  "));
        println!(
            "  server    {:.3} CPU-s/GiB, {:.2} journal writes and {:.2} ring enters per batch, {:.1} % of bytes copied",
            self.server.cpu.as_secs_f64() / gib,
            self.server.blocks as f64 / self.batches as f64,
            self.server.enters as f64 / self.batches as f64,
            100.0 * self.server.copied_bytes as f64 / self.bytes as f64,
        );
        println!(
            "  backlog   {:.1} MiB at the end, draining at {:.1} MiB/s",
            self.backlog_bytes as f64 / MIB,
            self.drain_bytes_per_s / MIB
        );
        if json {
            println!("{}", self.json(latencies));
        }
    }

    fn mib_per_s(&self) -> f64 {
        self.bytes as f64 / MIB / self.elapsed.as_secs_f64()
    }

    fn json(&self, latencies: &Latencies) -> serde_json::Value {
        let quantile = |q| latencies.0.value_at_quantile(q);
        serde_json::json!({
            "workload": self.workload,
            "seconds": self.elapsed.as_secs_f64(),
            "append": {
                "mib_per_s": self.mib_per_s(),
                "records_per_s": self.records as f64 / self.elapsed.as_secs_f64(),
                "ack_us": { "p50": quantile(0.5), "p99": quantile(0.99), "p999": quantile(0.999) },
            },
            "server": {
                "cpu_s_per_gib": self.server.cpu.as_secs_f64() / (self.bytes as f64 / (1u64 << 30) as f64),
                "journal_writes": self.server.blocks,
            },
            "backlog_bytes": self.backlog_bytes,
        })
    }
}

/// A bar on a terminal, a line every few seconds otherwise.
pub struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    said: Instant,
}

impl Progress {
    const LINE_INTERVAL: Duration = Duration::from_secs(5);
    const BAR_INTERVAL: Duration = Duration::from_millis(200);

    pub fn new(duration: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {elapsed} {msg}").expect("a sound template");
            ProgressBar::new(duration.as_millis() as u64).with_style(style)
        });
        Self { bar, begun: Instant::now(), said: Instant::now() }
    }

    pub fn show(&mut self, bytes: u64) {
        let interval = if self.bar.is_some() { Self::BAR_INTERVAL } else { Self::LINE_INTERVAL };
        if self.said.elapsed() < interval {
            return;
        }
        self.said = Instant::now();
        let message = format!("{:.0} MiB/s", bytes as f64 / MIB / self.begun.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.begun.elapsed().as_millis() as u64);
                bar.set_message(message);
            }
            None => eprintln!("{:.0} s: {message}", self.begun.elapsed().as_secs_f64()),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
