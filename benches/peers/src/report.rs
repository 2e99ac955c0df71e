//! What came out: a table for people, JSON for the rest.

use std::fmt::Write;

use serde::Serialize;

use crate::args::Args;
use crate::durability::{Durability, Verdict};
use crate::load::Measured;
use crate::peer::Missing;
use crate::ratios::Ratio;
use crate::shape::Shape;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;
const HEAD: &str =
    "                    MiB/s  records/s   ack p50      p99     p999 server CPU client CPU   syncs per   durable";
const UNITS: &str =
    "                                            us       us       us    s / GiB          %   1000 acks";

#[derive(Debug, Serialize)]
pub struct Report {
    pub riverrun_version: String,
    pub seconds: f64,
    pub warmup_seconds: f64,
    pub client_threads: u8,
    pub rows: Vec<Row>,
    pub skipped: Vec<Skipped>,
}

/// A peer beside Riverrun, in one shape.
#[derive(Debug, Serialize)]
pub struct Row {
    pub peer: &'static str,
    pub version: String,
    pub about: &'static str,
    pub shape: Shape,
    /// Before the row: the share of a second in which a task waited for a core, though nothing of ours ran.
    pub cpu_pressure_percent: Option<f64>,
    pub riverrun: Summary,
    pub peer_side: Summary,
    /// Riverrun's throughput over the peer's; none where one of them does not sync.
    pub throughput_ratio: Option<Ratio>,
}

/// All turns of one side.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub mib_per_s: f64,
    pub records_per_s: f64,
    pub acks: u64,
    pub ack_p50_us: u64,
    pub ack_p99_us: u64,
    pub ack_p999_us: u64,
    pub ack_max_us: u64,
    pub server_cpu_s_per_gib: Option<f64>,
    /// Of one core.
    pub client_cpu_percent: Option<f64>,
    pub durability: Durability,
}

#[derive(Debug, Serialize)]
pub struct Skipped {
    pub peer: &'static str,
    pub why: String,
    pub install: &'static str,
}

impl Skipped {
    pub fn loudly(peer: &'static str, Missing { why, install }: Missing) -> Self {
        eprintln!("SKIPPED: {peer}: {why}. To have it: {install}");
        Self { peer, why, install }
    }
}

impl Summary {
    pub fn of(total: &Measured, durability: Durability) -> Self {
        let (seconds, gib) = (total.span.as_secs_f64(), total.bytes as f64 / GIB);
        let at = |quantile| total.ack_us.value_at_quantile(quantile);
        Self {
            mib_per_s: total.bytes_per_s() / MIB,
            records_per_s: total.records as f64 / seconds,
            acks: total.ack_us.len(),
            ack_p50_us: at(0.5),
            ack_p99_us: at(0.99),
            ack_p999_us: at(0.999),
            ack_max_us: total.ack_us.max(),
            server_cpu_s_per_gib: total.server_cpu.filter(|_| gib > 0.0).map(|cpu| cpu.as_secs_f64() / gib),
            client_cpu_percent: total.client_cpu.map(|cpu| 100.0 * cpu.as_secs_f64() / seconds),
            durability,
        }
    }

    fn line(&self, name: &str) -> String {
        let [cpu, client] = [self.server_cpu_s_per_gib, self.client_cpu_percent].map(or_dash);
        let Durability { verdict, syncs, acked_batches, .. } = self.durability;
        let syncs = 1000.0 * syncs as f64 / acked_batches.max(1) as f64;
        format!(
            "  {name:<14} {:>9.1} {:>10.0} {:>9} {:>8} {:>8} {cpu:>10} {client:>10} {syncs:>11.0}   {}\n",
            self.mib_per_s,
            self.records_per_s,
            self.ack_p50_us,
            self.ack_p99_us,
            self.ack_p999_us,
            verdict.word(),
        )
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Durable => "yes",
            Self::NotDurable => "NOT DURABLE",
            Self::Unchecked => "UNCHECKED",
        }
    }
}

impl Row {
    pub fn p99_ratio(&self) -> f64 {
        self.riverrun.ack_p99_us as f64 / self.peer_side.ack_p99_us.max(1) as f64
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.shape);
        text.push_str(&self.riverrun.line("riverrun"));
        text.push_str(&self.peer_side.line(self.peer));
        match self.throughput_ratio {
            Some(Ratio { median, min, max, blocks }) => {
                let p99 = self.p99_ratio();
                let _ = writeln!(
                    text,
                    "  {median:.2} x {} ({min:.2} to {max:.2} in {blocks} blocks), p99 {p99:.2} x",
                    self.peer
                );
            }
            None => text.push_str("  no ratio: one of them does not sync before it acknowledges\n"),
        }
        text
    }
}

impl Report {
    pub fn new(args: &Args, riverrun_version: String) -> Self {
        let (timing, client_threads) = (args.timing(), args.threads);
        let (seconds, warmup_seconds) = (timing.span.as_secs_f64(), timing.warmup.as_secs_f64());
        Self { riverrun_version, seconds, warmup_seconds, client_threads, rows: Vec::new(), skipped: Vec::new() }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            if self.rows[..index].iter().all(|before| before.peer != row.peer) {
                let _ = writeln!(text, "{} {}: {}", row.peer, row.version, row.about);
            }
        }
        let _ = writeln!(text, "{HEAD}\n{UNITS}");
        self.rows.iter().for_each(|row| text.push_str(&row.text()));
        text
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

fn or_dash(figure: Option<f64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}"))
}
