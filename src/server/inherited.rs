//! When all that recovery found in older journals is in chunks, and their files may be used again.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::failure::Failure;
use super::journal_files::JournalOrder;
use crate::recovery::Epoch;

#[derive(Debug)]
pub struct Inherited {
    epoch: Arc<Epoch>,
    /// Shards that have not said yet that they published what they inherited.
    waiting: Mutex<BTreeSet<u16>>,
    files: BTreeSet<u32>,
    journal: Sender<JournalOrder>,
    failure: Failure,
    settled: watch::Sender<bool>,
}

impl Inherited {
    pub fn new(
        epoch: Arc<Epoch>,
        shards: u16,
        files: BTreeSet<u32>,
        journal: Sender<JournalOrder>,
        failure: Failure,
    ) -> Self {
        let waiting = Mutex::new((0..shards).collect());
        Self { epoch, waiting, files, journal, failure, settled: watch::Sender::new(false) }
    }

    /// One shard has published everything. After the last one the catalog says so, and only then the files go back: a
    /// successor that still found them needed would look for their blocks.
    pub async fn published(&self, shard: u16) {
        let is_last = {
            let mut waiting = self.waiting.lock().expect("no holder panics");
            waiting.remove(&shard) && waiting.is_empty()
        };
        if !is_last {
            return;
        }
        match self.epoch.inherited_published().await {
            Ok(()) => self.release_files(),
            Err(error) if error.is_fatal() => self.failure.report(error.to_string()),
            // The files stay out of use, and the next start finds everything already published.
            Err(error) => tracing::warn!(%error, "older journals stay reserved until the next start"),
        }
        self.settled.send_replace(true);
    }

    /// Waits until every shard has published, and the catalog has answered.
    pub async fn settled(&self) {
        // The sender lives in `self`.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    fn release_files(&self) {
        for &file in &self.files {
            // The helper ends only with the process.
            let _ = self.journal.send(JournalOrder::Release { file });
        }
    }
}
