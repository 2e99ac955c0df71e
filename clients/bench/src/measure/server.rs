//! What the broker used, from the counters of its status report. A counter that it does not have is absent, not 0.

use std::time::{Duration, Instant};

use riverrun_client::{Client, StatusReport};
use serde::Serialize;

use crate::failed;

const GIB: f64 = (1u64 << 30) as f64;
/// How often the backlog is looked at while it drains.
const DRAIN_POLL: Duration = Duration::from_millis(50);
/// A backlog that has not moved for so long is not being worked on. It moves a chunk at a time, and a broker that has time for it
/// compresses at its highest level: chunks of 16 MiB took up to 1.2 s each.
const SETTLED_AFTER: Duration = Duration::from_secs(4);

/// The broker's counters at one moment.
#[derive(Debug)]
pub struct ServerUse {
    status: StatusReport,
}

/// What was moved between two moments, to put what was used in relation to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tally {
    pub batches: u64,
    pub records: u64,
    pub bytes: u64,
}

impl Tally {
    pub fn merge(&mut self, other: Self) {
        self.batches += other.batches;
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What the broker used between two moments.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(default)]
pub struct Server {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_per_gib: Option<f64>,
    /// With the work behind the last ack, where all of it was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s_per_gib_drained: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_writes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_writes_per_batch: Option<f64>,
    /// Journal writes that the kernel gave to a worker thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_punts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enters_per_batch: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enters_per_record: Option<f64>,
    /// Payload bytes copied inside the broker, per byte moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_share: Option<f64>,
}

impl ServerUse {
    pub async fn read(client: &Client) -> miette::Result<Self> {
        Ok(Self { status: client.status().await.map_err(failed)? })
    }

    pub fn counter(&self, name: &str) -> Option<u64> {
        self.status.counters.iter().find(|(counter, _)| counter == name).map(|(_, value)| *value)
    }

    /// Bytes that no chunk has yet.
    pub fn backlog_bytes(&self) -> Option<u64> {
        self.counter("unpublished_bytes")
    }

    /// What was used since `before`, while `moved` was appended and read.
    pub fn since(&self, before: &Self, moved: Tally) -> Server {
        let used = |name| Some(self.counter(name)?.saturating_sub(before.counter(name)?));
        let per = |count: Option<u64>, of: u64| count.filter(|_| of > 0).map(|count| count as f64 / of as f64);
        let cpu_s = used("cpu_ms_total").map(|ms| ms as f64 / 1000.0);
        let (writes, enters) = (used("blocks"), used("ring_enters_total"));
        let copied = used("copied_bytes").map(|bytes| bytes + used("received_copied_bytes_total").unwrap_or(0));
        Server {
            cpu_s,
            cpu_s_per_gib: cpu_s.filter(|_| moved.bytes > 0).map(|cpu_s| cpu_s / (moved.bytes as f64 / GIB)),
            cpu_s_per_gib_drained: None,
            journal_writes: writes,
            journal_writes_per_batch: per(writes, moved.batches),
            journal_punts: used("journal_punts_total"),
            enters_per_batch: per(enters, moved.batches),
            enters_per_record: per(enters, moved.records),
            copied_share: per(copied, moved.bytes),
        }
    }
}

/// What became of the backlog behind the last ack.
#[derive(Debug)]
pub struct Drain {
    pub bytes_per_s: Option<f64>,
    /// The counters at its end.
    pub end: ServerUse,
    pub is_complete: bool,
}

/// Watches the backlog move on into chunks, with nothing else to do, until it is gone or `patience` is over.
pub async fn watch_drain(client: &Client, start: &ServerUse, patience: Duration) -> miette::Result<Drain> {
    let begun = Instant::now();
    loop {
        let end = ServerUse::read(client).await?;
        let is_complete = end.backlog_bytes().is_none_or(|bytes| bytes == 0);
        if is_complete || begun.elapsed() >= patience {
            let drained = start.backlog_bytes().zip(end.backlog_bytes());
            let bytes_per_s =
                drained.map(|(from, to)| from.saturating_sub(to) as f64 / begun.elapsed().as_secs_f64().max(1e-9));
            return Ok(Drain { bytes_per_s, end, is_complete });
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

/// Waits until the broker has nothing more to do behind what it acknowledged: its backlog is gone, or stays as it is because
/// it waits for more of it.
pub async fn settle(client: &Client, patience: Duration) -> miette::Result<()> {
    let begun = Instant::now();
    let (mut last, mut since) = (None, begun);
    while begun.elapsed() < patience {
        let backlog_bytes = ServerUse::read(client).await?.backlog_bytes().unwrap_or(0);
        if last != Some(backlog_bytes) {
            (last, since) = (Some(backlog_bytes), Instant::now());
        }
        if backlog_bytes == 0 || since.elapsed() >= SETTLED_AFTER {
            return Ok(());
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use riverrun_client::Level;

    use super::*;

    fn with(counters: &[(&str, u64)]) -> ServerUse {
        let counters = counters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        ServerUse {
            status: StatusReport {
                shards: 1,
                uptime_ms: 1,
                connections: 1,
                streams_open: 1,
                epoch: 1,
                level: Level::Journal,
                store: String::new(),
                version: String::new(),
                counters,
            },
        }
    }

    #[test]
    fn counts_are_put_in_relation_to_what_was_moved() {
        let before = with(&[("cpu_ms_total", 1000), ("blocks", 10), ("ring_enters_total", 5), ("copied_bytes", 0)]);
        let after =
            with(&[("cpu_ms_total", 3000), ("blocks", 20), ("ring_enters_total", 25), ("copied_bytes", 1 << 29)]);
        let used = after.since(&before, Tally { batches: 40, records: 400, bytes: 1 << 30 });
        assert_eq!((used.cpu_s_per_gib, used.journal_writes), (Some(2.0), Some(10)));
        assert_eq!((used.journal_writes_per_batch, used.enters_per_record), (Some(0.25), Some(0.05)));
        assert_eq!(used.copied_share, Some(0.5));
    }

    #[test]
    fn what_the_broker_does_not_count_is_absent() {
        let used = with(&[]).since(&with(&[]), Tally { batches: 1, records: 1, bytes: 1 });
        assert_eq!(used, Server::default());
        assert_eq!(serde_json::to_string(&used).expect("JSON"), "{}");
    }
}
