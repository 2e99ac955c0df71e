//! What all threads of a broker see: the settings that never change, and counters for `status`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};

use riverrun_core::shard::ShardCounters;
use riverrun_protocol::response::StatusReport;
use riverrun_protocol::types::Level;

use super::clock::Clock;
use super::internal::Answers;
use super::journal_files::{JournalOrder, SyncMethod};
use super::mail::Output;
use super::process;
use super::requests::RequestsCounted;
use crate::access::Door;
use crate::access::audit::AuditSender;
use crate::collection::Swept;
use crate::loader::{Caches, Loader};
use crate::metrics::snapshot::{RequestTimes, ShardSnapshot};
use crate::stages::{SharedStages, Stages};
use crate::uring::RingCounters;

/// How this server names itself in hellos.
pub const AGENT: &str = concat!("riverrun/", env!("CARGO_PKG_VERSION"));

/// Facts about a broker that hold as long as it runs.
#[derive(Clone, Debug)]
pub struct Facts {
    pub shards: u16,
    pub epoch: u64,
    pub level: Level,
    pub store: String,
    pub data: PathBuf,
    /// `None`: no journal.
    pub sync_method: Option<SyncMethod>,
    /// Who comes in without a token.
    pub door: Door,
    /// And over HTTP.
    pub http_door: Door,
}

#[derive(Debug)]
pub struct Shared {
    facts: Facts,
    clock: Clock,
    journal: Sender<JournalOrder>,
    drained: Sender<u16>,
    audit: AuditSender,
    internal: Answers,
    shards: Vec<Published>,
    collected: Mutex<Collected>,
    /// Set once, when the broker is put together.
    loader: OnceLock<Arc<Loader>>,
}

/// What collection did so far.
#[derive(Clone, Copy, Debug, Default)]
struct Collected {
    sweeps: u64,
    sum: Swept,
}

/// One shard's counters, as of its last turn.
#[derive(Debug, Default)]
struct Published {
    counters: Mutex<(ShardCounters, RingCounters, usize)>,
    received_copied_bytes: AtomicU64,
    connections_moved: AtomicU64,
    is_output_short: AtomicBool,
    stages: SharedStages,
    requests: RequestsCounted,
}

impl Shared {
    pub fn new(
        facts: Facts,
        clock: Clock,
        journal: Sender<JournalOrder>,
        drained: Sender<u16>,
        audit: AuditSender,
        internal: Answers,
    ) -> Self {
        let shards = (0..facts.shards).map(|_| Published::default()).collect();
        Self {
            facts,
            clock,
            journal,
            drained,
            audit,
            internal,
            shards,
            collected: Mutex::default(),
            loader: OnceLock::new(),
        }
    }

    pub fn door(&self) -> Door {
        self.facts.door
    }

    pub fn audit(&self) -> &AuditSender {
        &self.audit
    }

    pub fn shards(&self) -> u16 {
        self.facts.shards
    }

    /// Whether a journal write is durable when it completes, or needs a sync behind it.
    pub fn syncs_with_the_write(&self) -> bool {
        self.facts.sync_method.is_some_and(SyncMethod::syncs_with_the_write)
    }

    /// To the internal connection.
    pub fn answer_inside(&self, id: u64, output: Output) {
        // Refused only when the broker is stopping and nobody waits for the answer.
        let _ = self.internal.send((id, output));
    }

    pub fn order_journal_file(&self, shard: u16) {
        // The helper ends only with the process.
        let _ = self.journal.send(JournalOrder::Prepare { shard });
    }

    pub fn end_journal_helper(&self) {
        let _ = self.journal.send(JournalOrder::End);
    }

    pub fn release_journal_file(&self, file: u32) {
        let _ = self.journal.send(JournalOrder::Release { file });
    }

    pub fn drained(&self, shard: u16) {
        let _ = self.drained.send(shard);
    }

    pub fn count_copied(&self, shard: u16, bytes: usize) {
        self.shards[usize::from(shard)].received_copied_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn count_moved(&self, shard: u16) {
        self.shards[usize::from(shard)].connections_moved.fetch_add(1, Ordering::Relaxed);
    }

    /// A shard's memory for output, as of its last turn: of interest to the cores that its connections live on.
    pub fn note_output(&self, shard: u16, is_short: bool) {
        self.shards[usize::from(shard)].is_output_short.store(is_short, Ordering::Relaxed);
    }

    pub fn is_output_short(&self, shard: u16) -> bool {
        self.shards[usize::from(shard)].is_output_short.load(Ordering::Relaxed)
    }

    pub fn publish(&self, shard: u16, counters: &ShardCounters, ring: RingCounters, connections: usize) {
        let mut published = self.shards[usize::from(shard)].counters.lock().expect("no holder panics");
        *published = (*counters, ring, connections);
    }

    pub fn connections_of(&self, shard: u16) -> usize {
        self.shards[usize::from(shard)].counters.lock().expect("no holder panics").2
    }

    /// Recorded into by this shard alone.
    pub fn stages_of(&self, shard: u16) -> &SharedStages {
        &self.shards[usize::from(shard)].stages
    }

    /// Over all shards, and of making chunks.
    pub fn stages(&self, chunks: &SharedStages) -> Stages {
        let mut sum = Stages::default();
        self.shards.iter().for_each(|shard| shard.stages.add_to(&mut sum));
        chunks.add_to(&mut sum);
        sum
    }

    /// Whose caches are reported.
    pub fn watch_caches(&self, loader: Arc<Loader>) {
        // There is one loader.
        let _ = self.loader.set(loader);
    }

    pub fn count_sweep(&self, swept: Swept) {
        let mut collected = self.collected.lock().expect("no holder panics");
        collected.sweeps += 1;
        let sum = &mut collected.sum;
        sum.streams_expired += swept.streams_expired;
        sum.chunks_died += swept.chunks_died;
        sum.chunks_deleted += swept.chunks_deleted;
        sum.streams_deleted += swept.streams_deleted;
    }

    /// Nothing before the broker is put together.
    pub fn caches(&self) -> Caches {
        self.loader.get().map(|loader| loader.caches()).unwrap_or_default()
    }

    /// How often collection looked, and what it did in all.
    pub fn collected(&self) -> (u64, Swept) {
        let Collected { sweeps, sum } = *self.collected.lock().expect("no holder panics");
        (sweeps, sum)
    }

    pub fn epoch(&self) -> u64 {
        self.facts.epoch
    }

    /// As of its last turn; how far behind its readers are, only it can tell.
    pub fn shard_snapshot(&self, shard: u16) -> ShardSnapshot {
        let published = &self.shards[usize::from(shard)];
        let (counters, ring, connections) = *published.counters.lock().expect("no holder panics");
        ShardSnapshot {
            counters,
            ring,
            connections: connections as u64,
            connections_moved: published.connections_moved.load(Ordering::Relaxed),
            received_copied_bytes: published.received_copied_bytes.load(Ordering::Relaxed),
            reader_lag_records_max: None,
        }
    }

    /// Recorded into by this shard alone.
    pub fn requests_of(&self, shard: u16) -> &RequestsCounted {
        &self.shards[usize::from(shard)].requests
    }

    /// Over all shards.
    pub fn request_times(&self) -> Vec<RequestTimes> {
        RequestsCounted::sum(self.shards.iter().map(|shard| &shard.requests))
    }

    /// One of the named counters, over all shards.
    pub fn counter(&self, name: &str) -> u64 {
        self.sum().get(name)
    }

    fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        self.shards.iter().for_each(|shard| sum.add(shard));
        sum.count("cpu_ms_total", process::cpu_ms());
        let (sweeps, swept) = self.collected();
        sum.count("collection_sweeps_total", sweeps);
        sum.count("collection_streams_expired_total", swept.streams_expired);
        sum.count("collection_chunks_died_total", swept.chunks_died);
        sum.count("collection_chunks_deleted_total", swept.chunks_deleted);
        sum.count("collection_streams_deleted_total", swept.streams_deleted);
        let Caches { pages, footers } = self.caches();
        sum.count("page_cache_bytes", pages.bytes);
        sum.count("footer_cache_bytes", footers.bytes);
        // Each shard counts those that it knows: one with streams on two shards would count twice, one without any not at all.
        sum.counters.insert("connections", sum.connections);
        sum
    }

    /// For holders of issued tokens: where the data is and what others do is not theirs to know.
    pub fn status_for_guests(&self) -> StatusReport {
        self.report(Sum::default(), String::new())
    }

    pub fn status(&self) -> StatusReport {
        let mut sum = self.sum();
        sum.count("ring_workers", process::ring_workers());
        self.report(sum, self.facts.store.clone())
    }

    fn report(&self, sum: Sum, store: String) -> StatusReport {
        StatusReport {
            shards: self.facts.shards,
            uptime_ms: self.clock.now().monotonic.as_millis() as u64,
            connections: sum.connections,
            streams_open: sum.get("streams_open"),
            epoch: self.facts.epoch,
            level: self.facts.level,
            store,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            counters: sum.counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// Counters added up over shards, sorted by name.
#[derive(Debug, Default)]
struct Sum {
    connections: u64,
    counters: std::collections::BTreeMap<&'static str, u64>,
}

impl Sum {
    fn add(&mut self, shard: &Published) {
        let (counters, ring, connections) = *shard.counters.lock().expect("no holder panics");
        self.connections += connections as u64;
        counters.named().for_each(|(name, value)| self.count(name, value));
        self.count("ring_enters_total", ring.enters);
        self.count("ring_submissions_total", ring.submissions);
        self.count("ring_completions_total", ring.completions);
        self.count("ring_overflows_total", ring.overflows);
        self.count("received_copied_bytes_total", shard.received_copied_bytes.load(Ordering::Relaxed));
        self.count("connections_moved_total", shard.connections_moved.load(Ordering::Relaxed));
    }

    fn count(&mut self, name: &'static str, value: u64) {
        *self.counters.entry(name).or_default() += value;
    }

    fn get(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }
}
