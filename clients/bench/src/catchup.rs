//! Readers of what is there already, from 0 at maximum speed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use miette::miette;
use riverrun_client::{Client, ReadOptions, ReadSessionConfig};
use serde::Serialize;

use crate::failed;
use crate::measure::latencies::Latencies;
use crate::measure::progress::Moved;
use crate::measure::server::Tally;
use crate::target::Target;

/// The server is never to wait for credit.
const WINDOW_BYTES: u64 = 16 << 20;

/// What so many readers at once came to.
#[derive(Clone, Debug, Serialize)]
pub struct Readers {
    pub readers: usize,
    pub mib_per_s: f64,
    pub records_per_s: f64,
    #[serde(skip)]
    pub tally: Tally,
    #[serde(skip)]
    pub elapsed: Duration,
    /// From asking to the first records, of each reader.
    #[serde(skip)]
    pub first: Latencies,
}

/// `readers` of the stream at once, each with a connection of its own.
pub async fn read_all(target: &Target, readers: usize, records: u64, moved: &Arc<Moved>) -> miette::Result<Readers> {
    let clients = target.address.connect_all(readers).await?;
    let begun = Instant::now();
    let tasks = clients.into_iter().map(|client| {
        let reader = Reader { client, basin: target.basin().to_owned(), records, moved: moved.clone() };
        tokio::spawn(reader.read())
    });
    let done = try_join_all(tasks).await.map_err(|error| miette!("a reader failed: {error}"))?;
    let elapsed = begun.elapsed();
    let (mut tally, mut first) = (Tally::default(), Latencies::default());
    for outcome in done {
        let (read, first_ns) = outcome?;
        tally.merge(read);
        first.record_ns(first_ns);
    }
    let seconds = elapsed.as_secs_f64();
    let (mib_per_s, records_per_s) = (tally.bytes as f64 / (1 << 20) as f64 / seconds, tally.records as f64 / seconds);
    Ok(Readers { readers, mib_per_s, records_per_s, tally, elapsed, first })
}

/// One reader of stream 0.
#[derive(Debug)]
pub struct Reader {
    pub client: Client,
    pub basin: String,
    pub records: u64,
    pub moved: Arc<Moved>,
}

impl Reader {
    /// What it read, checked for gaps, and the ns until its first records.
    pub async fn read(self) -> miette::Result<(Tally, u64)> {
        let stream = crate::target::handle(&self.client, &self.basin, 0)?;
        let config = ReadSessionConfig { window_bytes: WINDOW_BYTES, ..ReadSessionConfig::default() };
        let options = ReadOptions::from_seq_num(0).count(self.records);
        let asked = Instant::now();
        let mut session = stream.read_session_with(options, config).await.map_err(failed)?;
        let (mut tally, mut first_ns) = (Tally::default(), 0);
        while let Some(batch) = session.next_batch().await {
            let batch = batch.map_err(failed)?;
            if tally.batches == 0 {
                first_ns = asked.elapsed().as_nanos() as u64;
            }
            if batch.first_seq_num() != tally.records {
                return Err(miette!("record {} is missing in a catch-up read", tally.records));
            }
            let bytes = batch.metered_bytes() - 8 * u64::from(batch.record_count());
            self.moved.read_bytes.fetch_add(bytes, Ordering::Relaxed);
            tally.merge(Tally { batches: 1, records: u64::from(batch.record_count()), bytes });
        }
        if tally.records != self.records {
            return Err(miette!("a catch-up read ended at record {} of {}", tally.records, self.records));
        }
        Ok((tally, first_ns))
    }
}

/// The kernel forgets what it holds of files. What the broker itself holds goes only by its restart, which is the caller's to do.
///
/// # Errors
/// Only root may.
pub fn drop_page_cache() -> miette::Result<()> {
    rustix::fs::sync();
    std::fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| {
        miette!(
            help = "run as root, or leave out --cold",
            "cannot drop the kernel's caches: writing to /proc/sys/vm/drop_caches: {error}"
        )
    })
}
