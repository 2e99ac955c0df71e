//! Apache Iggy with `enforce_fsync`, driven by its own `iggy-bench`, whose figures are taken as it prints them. Its producers have
//! one batch in flight each, so there are as many of them as there are batches in flight elsewhere.

use std::cell::Cell;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use hdrhistogram::Histogram;
use miette::{IntoDiagnostic, WrapErr, miette};
use tokio::process::Command;
use tokio::time::timeout;

use crate::load::{Load, Measured, histogram};
use crate::peer::{Line, Missing, Peer, Server};
use crate::process::{Process, free_port, on_path, version_line};
use crate::shape::Shape;

const SERVER: &str = "iggy-server";
const BENCH: &str = "iggy-bench";
const INSTALL: &str = "iggy-server and iggy-bench on PATH, built from the sources of one release";
/// It takes a number of batches and no time: about what one producer gets synced in a second.
const BATCHES_PER_S: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub struct Iggy;

#[async_trait(?Send)]
impl Peer for Iggy {
    fn name(&self) -> &'static str {
        "iggy"
    }

    fn about(&self) -> &'static str {
        "enforce_fsync, messages_required_to_save 1; iggy-bench pinned-producer, a producer for each batch in flight"
    }

    fn find(&self) -> Result<String, Missing> {
        let server = on_path(SERVER).ok_or_else(|| Missing::not_on_path(SERVER, INSTALL))?;
        on_path(BENCH).ok_or_else(|| Missing::not_on_path(BENCH, INSTALL))?;
        Ok(version_line(&server).unwrap_or_default())
    }

    async fn start(&self, folder: &Path) -> miette::Result<Box<dyn Server>> {
        let port = free_port()?;
        let addr = format!("127.0.0.1:{port}");
        let mut command = std::process::Command::new(SERVER);
        command.env("IGGY_SYSTEM_PATH", folder.join("data")).env("IGGY_TCP_ADDRESS", &addr);
        command.envs([("IGGY_ROOT_USERNAME", "iggy"), ("IGGY_ROOT_PASSWORD", "iggy")]);
        command.envs(["HTTP", "QUIC", "WEBSOCKET"].map(|other| (format!("IGGY_{other}_ENABLED"), "false")));
        command.env("IGGY_SYSTEM_PARTITION_ENFORCE_FSYNC", "true");
        command.env("IGGY_SYSTEM_PARTITION_MESSAGES_REQUIRED_TO_SAVE", "1");
        let mut process = Process::start(&mut command, folder)?;
        process.listens(port).await?;
        Ok(Box::new(IggyServer { process, addr }))
    }
}

struct IggyServer {
    process: Process,
    addr: String,
}

#[async_trait(?Send)]
impl Server for IggyServer {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn lines(&self, _turn: u32, _shape: &Shape) -> miette::Result<Vec<Box<dyn Line>>> {
        Err(miette!("{BENCH} drives Iggy by itself"))
    }

    /// The bench deletes its streams when it begins again.
    async fn clear(&self, _turn: u32, _shape: &Shape) -> miette::Result<()> {
        Ok(())
    }

    /// Its acks are not told while it runs, so nobody can relate them to syncs: the check says UNCHECKED.
    async fn load(&self, _turn: u32, load: &Load<'_>, _acked_batches: &Cell<u64>) -> miette::Result<Measured> {
        let Load { shape, timing, .. } = load;
        let producers = shape.batches_inflight_max().to_string();
        let batches = (timing.span.as_millis() as u64 * BATCHES_PER_S / 1000).max(1);
        let mut command = Command::new(BENCH);
        command.args(["--message-size", &shape.record_bytes.to_string()]);
        command.args(["--messages-per-batch", &shape.batch_records.to_string()]);
        command.args(["--message-batches", &batches.to_string()]);
        command.args(["--warmup-time", &format!("{} ms", timing.warmup.as_millis().max(1))]);
        command.args(["pinned-producer", "--streams", &producers, "--producers", &producers]);
        command.args(["tcp", "--server-address", &self.addr]).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.map_err(|_| miette!("{BENCH} does not end"))?;
        let output = output.into_diagnostic().wrap_err("cannot start iggy-bench")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let figures = Figures::parse(&said).ok_or_else(|| miette!("{BENCH} printed no figures. It said:\n{said}"))?;
        Ok(figures.measured(shape))
    }
}

/// As printed; its percentiles are averages over its producers.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Figures {
    records_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    seconds: f64,
}

impl Figures {
    fn parse(said: &str) -> Option<Self> {
        let line = said.lines().rfind(|line| line.contains("Producers Results"))?;
        let behind = |label: &str| {
            let (_, rest) = line.split_once(label)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            records_per_s: behind("MB/s, ")?,
            p50_ms: behind("p50 latency: ")?,
            p99_ms: behind("p99 latency: ")?,
            p999_ms: behind("p999 latency: ")?,
            seconds: behind("total time: ")?,
        })
    }

    fn measured(self, shape: &Shape) -> Measured {
        let records = (self.records_per_s * self.seconds) as u64;
        Measured {
            records,
            bytes: records * shape.record_bytes as u64,
            span: Duration::from_secs_f64(self.seconds.max(1e-3)),
            ack_us: self.histogram(),
            server_cpu: None,
            client_cpu: None,
        }
    }

    /// One with these percentiles, as nothing more is told.
    fn histogram(self) -> Histogram<u64> {
        let mut ack_us = histogram();
        for (ms, count) in [(self.p50_ms, 500), (self.p99_ms, 490), (self.p999_ms, 10)] {
            ack_us.saturating_record_n((ms * 1000.0) as u64, count);
        }
        ack_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "INFO Producers Results: Total throughput: 12.50 MB/s, 12500 messages/s, average throughput per \
                        Producer: 3.13 MB/s, p50 latency: 1.20 ms, p90 latency: 2.00 ms, p95 latency: 2.10 ms, \
                        p99 latency: 3.40 ms, p999 latency: 9.00 ms, p9999 latency: 9.10 ms, average latency: 1.30 ms, \
                        median latency: 1.20 ms, min: 0.90 ms, max: 9.20 ms, std dev: 0.40 ms, total time: 4.00 s";

    #[test]
    fn its_figures_are_read_as_printed() {
        let figures = Figures::parse(SAID).expect("figures");
        let expected = Figures { records_per_s: 12_500.0, p50_ms: 1.2, p99_ms: 3.4, p999_ms: 9.0, seconds: 4.0 };
        assert_eq!(figures, expected);
        let ack_us = figures.histogram();
        assert_eq!((ack_us.value_at_quantile(0.5), ack_us.value_at_quantile(0.99)), (1200, 3401));
        assert_eq!(Figures::parse("nothing"), None);
    }
}
