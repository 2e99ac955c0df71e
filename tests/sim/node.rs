//! One process: the production broker without its threads, sockets and files. What production does on the tokio side are
//! futures here, polled when the simulator says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use riverrun::catalog::Catalog;
use riverrun::entropy::random_id;
use riverrun::loader::{Loader, LoaderParts, PAGE_CACHE_BYTES};
use riverrun::names::{Names, NamesParts};
use riverrun::publish::{Encoder, Offload, Publisher, Writer};
use riverrun::recovery::{
    Epoch, JournalSource, Recovered, RecoveryConfig, RecoveryParts, Summary, recover, store_identity,
};
use riverrun::server::shard_calls::ShardCalls;
use riverrun_core::action::Action;
use riverrun_core::control::SYSTEM_DEFAULTS;
use riverrun_core::event::{ConnectionId, Event};
use riverrun_core::journal::{BlockMeta, FirstBlock, first_block};
use riverrun_core::limits::JOURNAL_WRITES_INFLIGHT_MAX;
use riverrun_core::shard::{JournalConfig, ShardConfig};
use riverrun_core::{Now, Shard};
use riverrun_protocol::config::{BasinConfig, PartialStreamConfig, StorageClass};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::frame::FrameHeader;
use riverrun_protocol::request::{CreateBasin, CreateStream};
use riverrun_protocol::response::Response;
use tokio::task::yield_now;

use crate::outside::catalog::SimCatalog;
use crate::outside::disk::{FILE_BYTES, SimDisk};
use crate::trace::{Trace, describe};
use crate::wire::with_request;
use crate::world::{Lasting, STANDARD_STREAM, basin, target};

/// Less than what one client's socket may be behind by, so that some lose their connection for it.
const OUTPUT_BYTES_MAX: u64 = 8 << 10;

/// What comes of a future.
pub enum Done {
    Happened(u16, Event<'static>),
    /// Files that recovery needed are free.
    InheritedSettled(bool),
    /// Of this number.
    Deleted(usize, Result<(), ErrorFrame>),
}

pub type Pending = Pin<Box<dyn Future<Output = Done>>>;

/// What waits to be told to a shard.
pub enum Inbox {
    Frame(ConnectionId, FrameHeader, Bytes),
    Event(Event<'static>),
}

pub struct Host {
    pub shard: Shard,
    pub inbox: VecDeque<Inbox>,
}

pub struct Node {
    pub hosts: Vec<Host>,
    pub pending: Vec<Pending>,
    /// What never comes to an end while the process lives.
    pub background: Vec<Pending>,
    pub names: Arc<Names>,
    calls: ShardCalls,
    /// Told to shards, and not on their way yet.
    told: Arc<Mutex<Vec<(u16, Event<'static>)>>>,
    /// What shards said and sockets have not taken.
    pub output: BTreeMap<ConnectionId, BytesMut>,
    /// Connections that are to be closed, whatever they still have to hear.
    pub closing: BTreeSet<ConnectionId>,
    pub stopped: BTreeSet<ConnectionId>,
    /// Shards that gave up, and why the first did.
    pub failed: BTreeMap<u16, String>,
    /// The disk failed one of its writes: it may give up.
    pub may_fail: bool,
    pub files_wanted: BTreeSet<u16>,
    pub inherited_waiting: BTreeSet<u16>,
    /// By recovery.
    pub found: Summary,
    pub chunks_under_way: usize,
    pub loads_under_way: usize,
    free_files: BTreeSet<u32>,
    inherited_files: BTreeSet<u32>,
    disk: Arc<SimDisk>,
    publisher: Arc<Publisher>,
    loader: Arc<Loader>,
    epoch: Arc<Epoch>,
}

/// How a process is started.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub shards: u16,
    pub chunk_bytes_max: u64,
    pub unpublished_bytes_max: u64,
    pub now: Now,
}

impl Node {
    /// Recovers and serves.
    ///
    /// # Errors
    /// The store or the catalog did not answer; another start may succeed. Damage that is found is told here, too.
    pub async fn start(lasting: &Lasting, setup: Setup) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let catalog: Arc<dyn Catalog> =
            Arc::new(SimCatalog { rows: lasting.rows.open(), points: lasting.points.clone() });
        let store_id = store_identity(&*catalog, setup.now.wall_ms).await.map_err(|e| failed(&e))?;
        let writer = Writer { store_id, writer_id: random_id()? };
        let journal_ids = (0..setup.shards).map(|_| random_id()).collect::<Result<Vec<_>, _>>()?;
        let parts = RecoveryParts {
            objects: lasting.store.clone(),
            catalog: catalog.clone(),
            journals: Some(lasting.disk.clone() as Arc<dyn JournalSource>),
            offload: Offload::inline(),
        };
        let config = RecoveryConfig {
            writer,
            node: "sim".to_owned(),
            shards: setup.shards,
            journal_ids: journal_ids.clone(),
            accept_journal_loss: false,
            now_ms: setup.now.wall_ms,
        };
        let recovered = recover(&parts, &config).await.map_err(|e| failed(&e))?;
        Self::serve(lasting, setup, writer, &journal_ids, recovered, catalog).await
    }

    async fn serve(
        lasting: &Lasting,
        setup: Setup,
        writer: Writer,
        journal_ids: &[[u8; 16]],
        mut recovered: Recovered,
        catalog: Arc<dyn Catalog>,
    ) -> Result<Self, String> {
        let disk = lasting.disk.clone();
        let mut free_files: BTreeSet<u32> =
            disk.files().into_iter().filter(|file| !recovered.files_in_question.contains(file)).collect();
        let mut firsts = Vec::new();
        for (shard, &journal_id) in (0..).zip(journal_ids) {
            let file = free_files.pop_first().unwrap_or_else(|| disk.make_file());
            let journal =
                JournalConfig { journal_id, salt: u64::from_le_bytes(*random_id()?.first_chunk().expect("16")) };
            let (first, buffers) = begin(writer, &recovered, shard, journal, file, setup.now);
            write_first(lasting, (shard, 1), file, &buffers, setup.now).await?;
            firsts.push((journal, first));
        }
        let streams = std::mem::take(&mut recovered.shards);
        let wall_at_zero_ms = setup.now.wall_ms.saturating_sub(setup.now.monotonic.as_millis() as u64);
        let wall_floor_ms = wall_at_zero_ms.max(recovered.index.newest_write_ms());
        let number = recovered.epoch.number();
        let mut hosts = Vec::new();
        for (n, (streams, (journal, first))) in streams.into_iter().zip(&firsts).enumerate() {
            let mut config = ShardConfig::new(n as u16, setup.shards, number, writer.store_id, Some(*journal));
            config.chunk_bytes_max = setup.chunk_bytes_max;
            config.unpublished_bytes_max = setup.unpublished_bytes_max;
            config.tail_cache_bytes_max = 64 << 10;
            config.output_bytes_max = OUTPUT_BYTES_MAX;
            config.chunk_age_max = Duration::from_secs(5);
            config.wall_floor_ms = wall_floor_ms;
            let mut shard = Shard::new(config, streams, u64::from_le_bytes(*random_id()?.first_chunk().expect("16")));
            shard.begin_journal(*first);
            let ready = Event::JournalFileReady { file: first.file, bytes: FILE_BYTES };
            hosts.push(Host { shard, inbox: VecDeque::from([Inbox::Event(ready)]) });
        }
        recovered.epoch.mark_serving().await.map_err(|error| error.to_string())?;
        free_files.extend(recovered.files_in_question.difference(&recovered.inherited_files));
        let index = recovered.index.clone();
        let wall = lasting.wall_ms.clone();
        let told: Arc<Mutex<Vec<_>>> = Arc::default();
        let tell = told.clone();
        let calls = ShardCalls::new(setup.shards, move |shard, event| {
            tell.lock().expect("no panic while held").push((shard, event));
        });
        let names = Arc::new(Names::new(NamesParts {
            catalog: catalog.clone(),
            shards: Arc::new(calls.clone()),
            index: index.clone(),
            defaults: SYSTEM_DEFAULTS,
            clock: Arc::new(move || wall.load(Ordering::Relaxed)),
        }));
        let config =
            BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
        made(names.create_basin(CreateBasin { basin: basin(), config, request_token: None }).await)?;
        let config =
            PartialStreamConfig { storage_class: Some(StorageClass::Standard), ..PartialStreamConfig::default() };
        let target = target(STANDARD_STREAM);
        made(names.create_stream(CreateStream { target, config, request_token: None }).await)?;
        let encoder = Encoder::new(Offload::inline());
        let publisher = Publisher::new(lasting.store.clone(), catalog.clone(), index.clone(), encoder, writer);
        let loader = Loader::new(LoaderParts {
            objects: lasting.store.clone(),
            catalog,
            index,
            store_id: writer.store_id,
            names: names.clone(),
            offload: Offload::inline(),
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        });
        let reaper = names.clone().reap().map(|()| Done::InheritedSettled(false)).boxed_local();
        Ok(Self {
            hosts,
            pending: Vec::new(),
            background: vec![reaper],
            names,
            calls,
            told,
            output: BTreeMap::new(),
            closing: BTreeSet::new(),
            stopped: BTreeSet::new(),
            failed: BTreeMap::new(),
            may_fail: false,
            files_wanted: BTreeSet::new(),
            inherited_waiting: (0..setup.shards).collect(),
            found: recovered.summary,
            chunks_under_way: 0,
            loads_under_way: 0,
            free_files,
            inherited_files: recovered.inherited_files,
            disk,
            publisher: Arc::new(publisher),
            loader: Arc::new(loader),
            epoch: Arc::new(recovered.epoch),
        })
    }

    /// Appends that wait for room.
    pub fn has_waiting_appends(&self) -> bool {
        self.hosts.iter().any(|host| host.shard.counters().waiting_bytes > 0)
    }

    pub fn has_inherited(&self) -> bool {
        !self.inherited_files.is_empty()
    }

    /// One turn of a shard's loop with the first `events` of what waits for it. One that gave up has no more turns.
    pub fn turn(&mut self, now: Now, shard: u16, events: usize, trace: &mut Trace) {
        if self.failed.contains_key(&shard) {
            return;
        }
        let mut actions = Vec::new();
        let host = &mut self.hosts[usize::from(shard)];
        for _ in 0..events {
            match host.inbox.pop_front() {
                Some(Inbox::Event(event)) => host.shard.handle(now, event, &mut actions),
                Some(Inbox::Frame(connection, header, frame)) => with_request(header, &frame, |request| {
                    let event = Event::RequestReceived { connection, id: header.id, request };
                    host.shard.handle(now, event, &mut actions);
                }),
                None => break,
            }
        }
        if host.shard.next_timeout().is_some_and(|at| at <= now.monotonic) {
            host.shard.handle(now, Event::TimeoutReached, &mut actions);
        }
        host.shard.flush(now, &mut actions);
        for action in actions {
            trace.add(|| format!("{shard} {}", describe(&action)));
            self.execute(now, shard, action);
        }
    }

    fn execute(&mut self, now: Now, shard: u16, action: Action) {
        match action {
            Action::Reply { connection, id, response } => {
                response.write(id, self.output.entry(connection).or_default());
            }
            Action::Push { connection, id, push, .. } => push.write(id, self.output.entry(connection).or_default()),
            Action::Fail { connection, id, error } => error.write(id, self.output.entry(connection).or_default()),
            Action::CloseConnection { connection } => drop(self.closing.insert(connection)),
            Action::StopReceiving { connection } => drop(self.stopped.insert(connection)),
            Action::ResumeReceiving { connection } => drop(self.stopped.remove(&connection)),
            Action::WriteBlock { number, file, offset, buffers } => {
                assert!(!self.failed.contains_key(&shard), "P9: nothing is written after a failure");
                self.disk.begin_write((shard, number), (file, offset), &buffers, now.monotonic);
            }
            Action::PrepareJournalFile => drop(self.files_wanted.insert(shard)),
            Action::ReleaseJournalFile { file } => drop(self.free_files.insert(file)),
            Action::Fatal { reason } => {
                assert!(self.may_fail, "it gives up, and nothing is wrong: {reason}");
                self.failed.entry(shard).or_insert(reason);
            }
            Action::Denied { .. } | Action::Drained => {}
            Action::StreamClosed { call, outcome } => self.calls.closed(call, outcome),
            Action::StreamConfigured { call } | Action::StreamGone { call } => self.calls.done(call),
            Action::StoreChunk { .. }
            | Action::LoadStream { .. }
            | Action::LoadPages { .. }
            | Action::InheritedPublished => self.ask(shard, action),
        }
    }

    fn ask(&mut self, shard: u16, action: Action) {
        let pending: Pending = match action {
            Action::StoreChunk { chunk } => {
                self.chunks_under_way += 1;
                let publisher = self.publisher.clone();
                Box::pin(async move {
                    let id = chunk.id;
                    let outcome = publisher.store_chunk(chunk).await;
                    Done::Happened(shard, Event::ChunkStored { chunk: id, outcome })
                })
            }
            Action::LoadStream { load, target, cause } => {
                self.loads_under_way += 1;
                let loader = self.loader.clone();
                Box::pin(async move {
                    let outcome = loader.load_stream(&target, cause).await;
                    Done::Happened(shard, Event::StreamLoaded { load, outcome })
                })
            }
            Action::LoadPages { load, order } => {
                self.loads_under_way += 1;
                let loader = self.loader.clone();
                Box::pin(async move {
                    let outcome = loader.load_pages(order).await;
                    Done::Happened(shard, Event::PagesLoaded { load, outcome })
                })
            }
            _ => {
                if !self.inherited_waiting.remove(&shard) || !self.inherited_waiting.is_empty() {
                    return;
                }
                let epoch = self.epoch.clone();
                Box::pin(async move { Done::InheritedSettled(epoch.inherited_published().await.is_ok()) })
            }
        };
        self.pending.push(pending);
    }

    pub fn on_done(&mut self, done: Done) {
        match done {
            Done::Happened(shard, event) => {
                match event {
                    Event::ChunkStored { .. } => self.chunks_under_way -= 1,
                    _ => self.loads_under_way -= 1,
                }
                self.tell(shard, event);
            }
            // Otherwise they stay out of use until the next start.
            Done::InheritedSettled(true) => self.free_files.append(&mut self.inherited_files),
            Done::InheritedSettled(false) => {}
            Done::Deleted(..) => unreachable!("it is the world's"),
        }
    }

    pub fn tell(&mut self, shard: u16, event: Event<'static>) {
        self.hosts[usize::from(shard)].inbox.push_back(Inbox::Event(event));
    }

    /// What the control plane has to say to shards.
    pub fn take_calls(&mut self) {
        let told = std::mem::take(&mut *self.told.lock().expect("no panic while held"));
        for (shard, event) in told {
            self.tell(shard, event);
        }
    }

    /// Nobody who waits for a shard has an answer any more.
    pub fn end(&self) {
        (0..self.hosts.len() as u16).for_each(|shard| self.calls.end(shard));
    }

    pub fn give_file(&mut self, shard: u16) {
        if self.files_wanted.remove(&shard) {
            let file = self.free_files.pop_first().unwrap_or_else(|| self.disk.make_file());
            self.tell(shard, Event::JournalFileReady { file, bytes: FILE_BYTES });
        }
    }

    /// When the next of its shards wants a turn.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.hosts.iter().filter_map(|host| host.shard.next_timeout()).min()
    }
}

fn begin(
    writer: Writer,
    recovered: &Recovered,
    shard: u16,
    journal: JournalConfig,
    file: u32,
    now: Now,
) -> (FirstBlock, Vec<Bytes>) {
    let (first, closed) = first_block(BlockMeta {
        store_id: writer.store_id,
        journal_id: journal.journal_id,
        salt: journal.salt,
        epoch: recovered.epoch.number(),
        shard,
        q: JOURNAL_WRITES_INFLIGHT_MAX as u32,
        number: 1,
        file,
        offset: 0,
        durable_watermark: 0,
        needed_from: 1,
        prev_header_crc: 0,
        wall_ms: now.wall_ms,
    });
    (first, closed.buffers)
}

/// Now, or at an earlier start.
fn made(answer: Result<Response, ErrorFrame>) -> Result<(), String> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.code == ErrorCode::AlreadyExists => Ok(()),
        Err(error) => Err(error.message.to_string()),
    }
}

/// A process may be killed while the first blocks of its journals are on their way.
async fn write_first(
    lasting: &Lasting,
    block: (u16, u64),
    file: u32,
    buffers: &[Bytes],
    now: Now,
) -> Result<(), String> {
    let disk = &lasting.disk;
    disk.begin_write(block, (file, 0), buffers, now.monotonic);
    yield_now().await;
    let mut random = StdRng::seed_from_u64(lasting.points.passed());
    let written = disk.complete(block, &mut random);
    yield_now().await;
    written
}
