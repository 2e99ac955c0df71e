//! A [`Snapshot`] as series. Names are listed in docs/METRICS.md; a test compares the two.

use std::fmt::Error;
use std::time::UNIX_EPOCH;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use riverrun_core::shard::{CounterKind, ShardCounters};

use super::durations::Counted;
use super::snapshot::{ShardSnapshot, Snapshot};
use crate::loader::{CacheUse, Caches};
use crate::stages::Stage;

/// One moment, encoded once.
#[derive(Debug)]
pub struct Broker(pub Snapshot);

impl Collector for Broker {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut series = Series(encoder);
        self.shards(&mut series)?;
        self.durations(&mut series)?;
        self.caches(&mut series)?;
        self.collection(&mut series)?;
        series.gauge(
            "epoch",
            "Number of this start of the broker: the epoch that its chunks and blocks carry.",
            self.0.epoch,
        )
    }
}

impl Broker {
    fn shards(&self, series: &mut Series<'_>) -> Result<(), Error> {
        // Each shard counts the connections that it knows; here each is where its socket is.
        for counter in ShardCounters::ALL.iter().filter(|counter| counter.name != "connections") {
            let help = format!("{}.", counter.help);
            let value = |shard: &ShardSnapshot| (counter.value)(&shard.counters);
            match counter.kind {
                CounterKind::Total => self.per_shard(series, counter.name, &help, MetricType::Counter, value)?,
                CounterKind::Gauge => self.per_shard(series, counter.name, &help, MetricType::Gauge, value)?,
            }
        }
        for (name, help, value) in PER_SHARD_TOTALS {
            self.per_shard(series, name, help, MetricType::Counter, value)?;
        }
        let connections = "Connections whose sockets the shard's thread has.";
        self.per_shard(series, "connections", connections, MetricType::Gauge, |shard| shard.connections)?;
        self.reader_lag(series)
    }

    fn per_shard(
        &self,
        series: &mut Series<'_>,
        name: &str,
        help: &str,
        kind: MetricType,
        value: impl Fn(&ShardSnapshot) -> u64,
    ) -> Result<(), Error> {
        let is_gauge = matches!(kind, MetricType::Gauge);
        let mut metric = series.0.encode_descriptor(name, help, None, kind)?;
        for (n, shard) in self.0.shards.iter().enumerate() {
            let labels = [("shard", n)];
            let mut one = metric.encode_family(&labels)?;
            match is_gauge {
                true => one.encode_gauge(&value(shard))?,
                false => one.encode_counter::<NoLabelSet, _, f64>(&value(shard), None)?,
            }
        }
        Ok(())
    }

    /// A shard that did not say has no value: it is not 0.
    fn reader_lag(&self, series: &mut Series<'_>) -> Result<(), Error> {
        let help = "Records between the reader that is furthest behind and its stream's tail.";
        let mut metric = series.0.encode_descriptor("reader_lag_records_max", help, None, MetricType::Gauge)?;
        for (n, shard) in self.0.shards.iter().enumerate() {
            if let Some(lag) = shard.reader_lag_records_max {
                metric.encode_family(&[("shard", n)])?.encode_gauge(&lag)?;
            }
        }
        Ok(())
    }

    fn durations(&self, series: &mut Series<'_>) -> Result<(), Error> {
        let stages = Stage::ALL.iter().map(|stage| (stage.name().to_owned(), self.0.stages.counted(*stage)));
        let help = "How long the stages of an append's way take (docs/PROTOCOL.md, Stages).";
        series.histograms("stage_duration_seconds", help, "stage", stages)?;
        let requests = self.0.requests.iter().map(|request| (snake(request.kind.name()), request.times));
        let help = "From a request of the binary protocol to its answer, a read's own wait included.";
        series.histograms("request_duration_seconds", help, "request", requests)?;
        let refused = self.0.requests.iter().map(|request| (snake(request.kind.name()), request.refused));
        series.counters("requests_refused", "Requests that were answered with an error.", "request", refused)?;
        let calls = self.0.store_calls.iter().map(|call| (call.call.name().to_owned(), call.times));
        let help = "How long calls to the object store take, those of the catalog left out.";
        series.histograms("store_call_duration_seconds", help, "call", calls)?;
        let failed = self.0.store_calls.iter().map(|call| (call.call.name().to_owned(), call.failed));
        series.counters("store_calls_failed", "Calls to the object store that failed.", "call", failed)
    }

    fn caches(&self, series: &mut Series<'_>) -> Result<(), Error> {
        let Caches { pages, footers } = self.0.caches;
        series.gauge("page_cache_bytes", "Decompressed pages that are kept for the next reader.", pages.bytes)?;
        series.gauge("footer_cache_bytes", "Footers of chunks that are kept, as encoded.", footers.bytes)?;
        let cache = |of: fn(CacheUse) -> u64| [("pages".to_owned(), of(pages)), ("footers".to_owned(), of(footers))];
        series.counters("cache_hits", "Found in a cache.", "cache", cache(|cache| cache.hits))?;
        series.counters("cache_misses", "Looked for in a cache, and not there.", "cache", cache(|cache| cache.misses))
    }

    fn collection(&self, series: &mut Series<'_>) -> Result<(), Error> {
        let done = self.0.collected;
        for (name, help, value) in [
            ("collection_sweeps", "Looks for what has expired.", self.0.collection_sweeps),
            ("collection_streams_expired", "Times that records of a stream expired.", done.streams_expired),
            ("collection_chunks_died", "Chunks left without a living record.", done.chunks_died),
            ("collection_chunks_deleted", "Chunks deleted from the store.", done.chunks_deleted),
            ("collection_streams_deleted", "Streams deleted because they stayed empty.", done.streams_deleted),
        ] {
            series.counter(name, help, value)?;
        }
        Ok(())
    }
}

type PerShard = (&'static str, &'static str, fn(&ShardSnapshot) -> u64);

const PER_SHARD_TOTALS: [PerShard; 6] = [
    ("connections_moved", "Connections that moved to the shard of their stream.", |shard| shard.connections_moved),
    ("received_copied_bytes", "Bytes of payload copied while they were received.", |shard| shard.received_copied_bytes),
    ("ring_enters", "System calls of the shard's io_uring.", |shard| shard.ring.enters),
    ("ring_submissions", "Operations given to the shard's io_uring.", |shard| shard.ring.submissions),
    ("ring_completions", "Completions taken from the shard's io_uring.", |shard| shard.ring.completions),
    ("ring_overflows", "Times that completions did not fit into the ring.", |shard| shard.ring.overflows),
];

/// Of the process, under the names that every exporter has for them.
#[derive(Debug)]
pub struct Process {
    pub of: super::snapshot::Process,
    pub started_at: std::time::SystemTime,
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut series = Series(encoder);
        let started = self.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        series.counter(
            "process_cpu_seconds",
            "Processor time of the process, user and system.",
            self.of.cpu_seconds,
        )?;
        series.gauge(
            "process_resident_memory_bytes",
            "Memory of the process that is resident.",
            self.of.resident_bytes,
        )?;
        series.gauge("process_open_fds", "Descriptors that are open.", self.of.descriptors)?;
        series.gauge("process_max_fds", "Descriptors that there may be.", self.of.descriptors_max)?;
        series.gauge("process_start_time_seconds", "When the process began.", started.as_secs_f64())?;
        let workers = "Threads that the kernel keeps for what a ring could not do at once.";
        series.gauge("riverrun_ring_workers", workers, self.of.ring_workers)
    }
}

struct Series<'a>(DescriptorEncoder<'a>);

impl Series<'_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl prometheus_client::encoding::EncodeGaugeValue,
    ) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl prometheus_client::encoding::EncodeCounterValue,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (String, u64)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (of, value) in values {
            metric.encode_family(&[(label, of)])?.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (String, Counted)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (of, times) in values {
            let (sum, count) = (times.sum_seconds(), times.count());
            let labels = [(label, of)];
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &times.in_seconds(), None)?;
        }
        Ok(())
    }
}

/// `CreateBasin` as `create_basin`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (n, letter) in name.chars().enumerate() {
        if n > 0 && letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_requests_are_written_as_labels_are() {
        assert_eq!(snake("CreateBasin"), "create_basin");
        assert_eq!(snake("Append"), "append");
    }
}
