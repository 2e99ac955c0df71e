//! What a broker counts, as text that Prometheus reads (OpenMetrics 1.0). docs/METRICS.md lists every series.
//!
//! ```text
//! durations   fixed buckets, written without a lock        snapshot   everything at one moment, plain data
//! http        the HTTP side's own counters                  broker     a snapshot as series
//! ```
//! Shards write what they count once a turn, into memory of their own; whoever asks adds it up. On the way of a
//! record nothing is counted for metrics alone, but for three additions when a request of its own is answered.

mod broker;
pub mod durations;
pub mod http;
pub mod snapshot;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use durations::Durations;
pub use http::HttpMetrics;
pub use snapshot::{Snapshot, Source};

/// What the text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PREFIX: &str = "riverrun";

/// Of one broker.
#[derive(Debug)]
pub struct Metrics {
    source: Arc<dyn Source>,
    /// What counts for itself.
    lasting: Registry,
    http: HttpMetrics,
}

impl Metrics {
    pub fn new(source: Arc<dyn Source>) -> Self {
        let mut lasting = Registry::with_prefix(PREFIX);
        let http = HttpMetrics::new(&mut lasting);
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        lasting.register("build", "Which Riverrun this is", Info::new(version));
        Self { source, lasting, http }
    }

    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// Whether every shard answers.
    pub async fn is_answering(&self) -> bool {
        self.source.is_answering().await
    }

    /// All series as of now.
    pub async fn text(&self) -> String {
        let snapshot = self.source.take().await;
        let mut text = String::new();
        self.write(snapshot, &mut text).expect("a string takes it");
        text
    }

    fn write(&self, snapshot: Snapshot, text: &mut String) -> fmt::Result {
        let mut process = Registry::default();
        process.register_collector(Box::new(broker::Process { of: snapshot.process, started_at: snapshot.started_at }));
        let mut broker = Registry::with_prefix(PREFIX);
        broker.register_collector(Box::new(broker::Broker(snapshot)));
        encode_registry(text, &self.lasting)?;
        encode_registry(text, &broker)?;
        encode_registry(text, &process)?;
        encode_eof(text)
    }
}
