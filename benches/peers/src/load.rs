//! The load, the same for everybody: each producer keeps its batches in flight, for a warm-up and a measured span.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::{join, try_join_all};
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use miette::miette;

use crate::peer::{Ack, Line};
use crate::process::{Process, own_cpu};
use crate::records::{Feed, Pool};
use crate::shape::Shape;

/// Behind the end, how long acks may still take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub warmup: Duration,
    pub span: Duration,
}

#[derive(Debug)]
pub struct Load<'a> {
    pub shape: &'a Shape,
    pub pool: &'a Pool,
    pub timing: Timing,
}

/// What a turn came to.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Acknowledged within the span.
    pub records: u64,
    pub bytes: u64,
    pub span: Duration,
    /// From the sending of a batch within the span to its ack, in microseconds.
    pub ack_us: Histogram<u64>,
    /// The server's, with its children's that ended, within the span; where it can be told.
    pub server_cpu: Option<Duration>,
    /// Of the clients. Near the span and a single thread, it is the client that is measured.
    pub client_cpu: Option<Duration>,
}

impl Measured {
    pub fn bytes_per_s(&self) -> f64 {
        self.bytes as f64 / self.span.as_secs_f64()
    }

    /// To merge turns into.
    pub fn none() -> Self {
        let (cpu, span) = (Some(Duration::ZERO), Duration::ZERO);
        Self { records: 0, bytes: 0, span, ack_us: histogram(), server_cpu: cpu, client_cpu: cpu }
    }

    /// Two turns as one. Latencies are merged: an average of percentiles is no percentile.
    pub fn merge(&mut self, other: &Self) {
        let sum = |a: Option<Duration>, b: Option<Duration>| Some(a? + b?);
        self.records += other.records;
        self.bytes += other.bytes;
        self.span += other.span;
        self.ack_us.add(&other.ack_us).expect("all have the same bounds");
        self.server_cpu = sum(self.server_cpu, other.server_cpu);
        self.client_cpu = sum(self.client_cpu, other.client_cpu);
    }
}

/// Of microseconds; what takes above an hour counts as an hour.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("an hour and 3 digits are in range")
}

/// # Errors
/// A client says that a batch failed, or an ack never comes.
pub async fn run(
    lines: &mut [Box<dyn Line>],
    server: &Process,
    load: &Load<'_>,
    acked_batches: &Cell<u64>,
) -> miette::Result<Measured> {
    let from = Instant::now() + load.timing.warmup;
    let span = Span { from, end: from + load.timing.span };
    let producers = lines.len();
    let feeds = (0..).map(|producer| load.pool.feed(producer, producers));
    let producing = lines
        .iter_mut()
        .zip(feeds)
        .map(|(line, feed)| Producer { line: line.as_mut(), feed, span, acked_batches }.produce(load.shape.depth));
    let whole = tokio::time::timeout_at((span.end + PATIENCE).into(), join(try_join_all(producing), span.cpu(server)));
    let (produced, (server_cpu, client_cpu)) =
        whole.await.map_err(|_| miette!("acks are missing {PATIENCE:?} behind the end; see the server's log"))?;
    let mut ack_us = histogram();
    let mut batches = 0;
    for (acked, latencies) in produced? {
        batches += acked;
        ack_us.add(&latencies).map_err(|error| miette!("latencies beyond a histogram: {error}"))?;
    }
    let (records, bytes) = (batches * load.shape.batch_records as u64, batches * load.shape.batch_bytes() as u64);
    Ok(Measured { records, bytes, span: load.timing.span, ack_us, server_cpu, client_cpu })
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: Instant,
    end: Instant,
}

impl Span {
    fn contains(&self, at: Instant) -> bool {
        (self.from..self.end).contains(&at)
    }

    /// Used within it, by the server and by the clients.
    async fn cpu(&self, server: &Process) -> (Option<Duration>, Option<Duration>) {
        tokio::time::sleep_until(self.from.into()).await;
        let (server_before, own_before) = (server.cpu(), own_cpu());
        tokio::time::sleep_until(self.end.into()).await;
        let used = |before: Option<Duration>, after: Option<Duration>| after?.checked_sub(before?);
        (used(server_before, server.cpu()), used(own_before, own_cpu()))
    }
}

struct Producer<'a> {
    line: &'a mut dyn Line,
    feed: Feed<'a>,
    span: Span,
    acked_batches: &'a Cell<u64>,
}

impl Producer<'_> {
    /// Until the span is over and everything is acknowledged: batches acknowledged within it, and the latencies of those sent in it.
    async fn produce(mut self, depth: usize) -> miette::Result<(u64, Histogram<u64>)> {
        let (mut batches, mut ack_us) = (0, histogram());
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < depth && Instant::now() < self.span.end {
                let sent = Instant::now();
                let ack = self.line.send(self.feed.next_batch()).await?;
                in_flight.push(acked(sent, ack));
            }
            let Some(sent) = in_flight.next().await else { return Ok((batches, ack_us)) };
            let (sent, now) = (sent?, Instant::now());
            self.acked_batches.set(self.acked_batches.get() + 1);
            batches += u64::from(self.span.contains(now));
            if self.span.contains(sent) {
                ack_us.saturating_record((now - sent).as_micros() as u64);
            }
        }
    }
}

async fn acked(sent: Instant, ack: Ack) -> miette::Result<Instant> {
    ack.await.map(|()| sent)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use futures::FutureExt;

    use super::*;
    use crate::shape::SHAPES;

    /// Acknowledges at once, and remembers the most it had in flight.
    #[derive(Debug, Default)]
    struct Echo {
        fails: bool,
    }

    #[async_trait(?Send)]
    impl Line for Echo {
        async fn send(&mut self, bodies: &[Bytes]) -> miette::Result<Ack> {
            assert_eq!(bodies.len(), 64);
            let fails = self.fails;
            let ack = async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if fails { Err(miette!("refused")) } else { Ok(()) }
            };
            Ok(ack.boxed_local())
        }
    }

    async fn load(fails: bool) -> (miette::Result<Measured>, u64) {
        let shape = Shape { batch_records: 64, producers: 2, depth: 3, ..SHAPES[0] };
        let timing = Timing { warmup: Duration::ZERO, span: Duration::from_millis(30) };
        let load = Load { shape: &shape, pool: &Pool::new(&shape), timing };
        let mut lines: Vec<Box<dyn Line>> = vec![Box::new(Echo { fails }), Box::new(Echo { fails })];
        let acked = Cell::new(0);
        (run(&mut lines, &Process::of_this_one(), &load, &acked).await, acked.get())
    }

    #[tokio::test]
    async fn what_is_acknowledged_is_counted() {
        let (measured, acked) = load(false).await;
        let measured = measured.expect("a load");
        assert!(acked > 0 && measured.records.is_multiple_of(64) && measured.records <= acked * 64);
        assert_eq!(measured.bytes, measured.records * 1024);
        assert!(measured.ack_us.len() <= acked && measured.ack_us.min() >= 1000);
    }

    #[tokio::test]
    async fn a_failed_batch_ends_the_load() {
        assert!(load(true).await.0.is_err());
    }
}
