//! What the HTTP side counts of its own. Labels are words of this program: a visitor cannot make new series (reliability.md F62).

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::durations::BOUNDS_US;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    status: u16,
}

/// One for a broker.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    answered: Family<Answered, Counter>,
    times: Family<Operation, Histogram, fn() -> Histogram>,
    sockets: Gauge<u64, AtomicU64>,
    calls: Gauge<u64, AtomicU64>,
}

/// Counts something that is there until this is dropped.
#[derive(Debug)]
pub struct Present(Gauge<u64, AtomicU64>);

impl Present {
    fn new(gauge: &Gauge<u64, AtomicU64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl HttpMetrics {
    pub fn new(registry: &mut Registry) -> Self {
        let histogram = || Histogram::new(BOUNDS_US.map(|us| us as f64 / 1e6));
        let metrics = Self {
            answered: Family::default(),
            times: Family::new_with_constructor(histogram),
            sockets: Gauge::default(),
            calls: Gauge::default(),
        };
        registry.register("http_requests", "Answers over HTTP, by status", metrics.answered.clone());
        let times = "From a request's headers to its answer's; of sessions, until they begin";
        registry.register("http_request_duration_seconds", times, metrics.times.clone());
        registry.register("http_sockets", "Sockets of HTTP clients that are open", metrics.sockets.clone());
        registry.register("http_calls", "Calls and sessions over HTTP in progress", metrics.calls.clone());
        metrics
    }

    pub fn answered(&self, operation: &'static str, status: u16, elapsed: Duration) {
        self.answered.get_or_create(&Answered { operation, status }).inc();
        self.times.get_or_create(&Operation { operation }).observe(elapsed.as_secs_f64());
    }

    pub fn socket(&self) -> Present {
        Present::new(&self.sockets)
    }

    pub fn call(&self) -> Present {
        Present::new(&self.calls)
    }
}
