//! From a recovered store to threads that serve it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use riverrun_core::Shard;
use riverrun_core::control::{placement, shard_of};
use riverrun_core::event::RecoveredStream;
use riverrun_core::shard::ShardConfig;
use riverrun_protocol::types::{Level, StreamId};
use tokio::runtime::Runtime;

use super::journals::NewJournals;
use super::{StartError, Taken, system};
use crate::access::{RootFile, Tokens, TokensParts, audit};
use crate::catalog::Catalog;
use crate::collection::{Collector, CollectorParts};
use crate::config::Config;
use crate::gateway::{self, Front, Gateway};
use crate::loader::{Loader, LoaderParts};
use crate::metrics::Metrics;
use crate::names::{Names, NamesParts};
use crate::publish::{Encoder, Offload, Publisher, StepBack, random_id};
use crate::recovery::{Epoch, Summary};
use crate::server::Broker;
use crate::server::Reception;
use crate::server::audit_writer::{self, AuditWriter};
use crate::server::clock::Clock;
use crate::server::collector::{BrokerStreams, collect};
use crate::server::failure::Failure;
use crate::server::inherited::Inherited;
use crate::server::internal::{self, Internal};
use crate::server::journal_files::{self, JournalFiles, JournalOrder, SyncMethod};
use crate::server::location::Location;
use crate::server::mail::Mail;
use crate::server::mailbox::{Mailbox, Postbox, mailbox};
use crate::server::ownership::Ownership;
use crate::server::room::Room;
use crate::server::shard_calls::ShardCalls;
use crate::server::shared::{Facts, Shared};
use crate::server::side::{Side, SideOrders, side_orders};
use crate::server::snapshot::Counts;
use crate::server::steady_clock::steady;
use crate::server::worker::{Worker, WorkerParts};
use crate::uring::{self, Features, Ring};

/// Pages that are decompressed at the same time: the cores belong to the shards first.
const DECOMPRESSIONS_AT_ONCE: usize = 2;
/// Journal files kept ready beyond what shards hold.
const FILES_AHEAD: usize = 1;

/// What threads are connected by.
struct Wiring {
    postboxes: Vec<Postbox>,
    calls: ShardCalls,
    shared: Arc<Shared>,
    journal_orders: Sender<JournalOrder>,
    failure: Failure,
    epoch: Arc<Epoch>,
}

/// Says in the catalog that this epoch serves, then starts the threads that do.
pub(super) fn launch(
    config: &Config,
    clock: Clock,
    mut taken: Taken,
    runtime: Runtime,
    addr: SocketAddr,
    listeners: Vec<OwnedFd>,
    front: Option<Front>,
) -> Result<Broker, StartError> {
    let journals = NewJournals::begin(config, clock, &mut taken)?;
    let facts = facts(config, &taken, journals.sync_method());
    let (journal_orders, journal_queue) = channel();
    let (drained_sender, drained) = channel();
    let (postboxes, mailboxes) = mailboxes(config.shard_count())?;
    let (audit, audit_queue) = audit::queue();
    let (answer, answers) = internal::answers();
    let shared =
        Arc::new(Shared::new(facts.clone(), clock, journal_orders.clone(), drained_sender, audit.clone(), answer));
    let recovered = describe(&taken.recovered.summary);
    let streams = std::mem::take(&mut taken.recovered.shards);
    let shards = new_shards(config, clock, &taken, streams, &journals)?;
    let epoch = Arc::new(taken.recovered.epoch);
    let told = postboxes.clone();
    let calls = ShardCalls::new(facts.shards, move |shard, event| told[usize::from(shard)].post(Mail::Happened(event)));
    let wiring = Wiring { postboxes, calls, shared, journal_orders, failure: Failure::new(), epoch };
    runtime.block_on(wiring.epoch.mark_serving())?;
    let target = audit_writer::target().map_err(system)?;
    let stream_id = StreamId(random_id().map_err(StartError::System)?);
    let now_ms = clock.now().wall_ms;
    runtime.block_on(audit_writer::make_stream(&*taken.catalog, &target, stream_id, now_ms))?;
    let owner = shard_of(placement(&target.basin, &target.stream), facts.shards);
    let inside = Internal::new(owner, wiring.postboxes[usize::from(owner)].clone(), answers);
    runtime.spawn(AuditWriter::new(audit_queue, audit.clone(), target, inside).run());
    let files = journals.hand_over(&wiring.postboxes);
    let journal_helper = start_journal_helper(files, journal_queue, &wiring)?;
    let (orders, queue) = side_orders();
    let publisher = Publisher::new(
        taken.store.objects(),
        taken.catalog.clone(),
        taken.recovered.index.clone(),
        encoder(config.shard_count()).map_err(system)?,
        taken.writer,
    );
    let names = Arc::new(Names::new(NamesParts {
        catalog: taken.catalog.clone(),
        shards: Arc::new(wiring.calls.clone()),
        index: taken.recovered.index.clone(),
        defaults: config.stream_defaults(),
        clock: Arc::new(move || clock.now().wall_ms),
    }));
    let loader = Loader::new(LoaderParts {
        objects: taken.store.objects(),
        catalog: taken.catalog.clone(),
        index: taken.recovered.index.clone(),
        store_id: taken.writer.store_id,
        names: names.clone(),
        offload: Offload::threads(DECOMPRESSIONS_AT_ONCE),
        page_cache_bytes_max: config.read_memory().page_cache_bytes_max,
    });
    let loader = Arc::new(loader);
    wiring.shared.watch_caches(loader.clone());
    let files = taken.recovered.inherited_files;
    let Wiring { epoch, journal_orders, failure, .. } = &wiring;
    let inherited = Inherited::new(epoch.clone(), facts.shards, files, journal_orders.clone(), failure.clone());
    let inherited = Arc::new(inherited);
    let publisher = Arc::new(publisher);
    let counts = Counts {
        shared: wiring.shared.clone(),
        publisher: publisher.clone(),
        store_calls: taken.store.calls().clone(),
        shards: wiring.postboxes.clone(),
        started_at: SystemTime::now(),
    };
    let side = Side {
        publisher,
        loader,
        names: names.clone(),
        inherited: inherited.clone(),
        tokens: Arc::new(tokens(taken.root_file, clock, taken.catalog.clone(), &wiring)),
        audit,
        clock,
        shards: wiring.postboxes.clone(),
        shared: wiring.shared.clone(),
        location: Location(config.location.clone()),
    };
    let reception = Reception {
        door: facts.http_door,
        tokens: side.tokens.clone(),
        shards: wiring.postboxes.clone(),
        clock,
        audit: side.audit.clone(),
    };
    runtime.spawn(side.run(queue));
    let collector = Collector::new(CollectorParts {
        objects: taken.store.objects(),
        catalog: taken.catalog.clone(),
        index: taken.recovered.index,
        store_id: taken.writer.store_id,
        streams: Arc::new(BrokerStreams { shards: wiring.postboxes.clone(), names: names.clone() }),
        clock: steady(clock),
        grace: config.collect_grace,
    });
    runtime.spawn(collect(collector, config.collect_interval, wiring.shared.clone()));
    runtime.spawn(names.reap());
    let watching = watch(&runtime, &taken.store, &taken.catalog, &wiring.failure);
    let threads = start_shards(clock, shards, mailboxes, listeners, &orders, &wiring, config)?;
    let gateway =
        front.map(|front| Gateway::start(front, reception, http_settings(config), Metrics::new(Arc::new(counts))));
    Ok(Broker {
        addr,
        facts,
        recovered,
        shared: wiring.shared,
        shards: wiring.postboxes,
        threads,
        journal_helper,
        drained,
        failure: wiring.failure,
        ownership: Ownership { epoch: wiring.epoch, inherited, catalog: taken.catalog, clock, watching },
        gateway: gateway.transpose().map_err(system)?,
        runtime: Some(runtime),
    })
}

fn http_settings(config: &Config) -> gateway::Settings {
    gateway::Settings {
        zone: config.http_zone.clone(),
        is_guarded: config.http_door().is_guarded(),
        origins: config.http_origins.clone(),
        location: config.location.clone(),
    }
}

/// A thread of each kind for each core: they have the cores that no shard wants, and all of them while the shards wait for room.
fn encoder(threads: usize) -> std::io::Result<Encoder> {
    let patient = Offload::background(threads, StepBack::Wholly)?;
    let urgent = Offload::background(threads, StepBack::Somewhat)?;
    Ok(Encoder::with_urgent(patient, urgent))
}

fn facts(config: &Config, taken: &Taken, sync_method: Option<SyncMethod>) -> Facts {
    Facts {
        shards: config.shard_count() as u16,
        epoch: taken.recovered.epoch.number(),
        level: if sync_method.is_some() { Level::Journal } else { Level::Memory },
        store: taken.store.url().to_string(),
        data: config.data.clone(),
        sync_method,
        door: config.door(),
        http_door: config.http_door(),
    }
}

fn tokens(root: RootFile, clock: Clock, catalog: Arc<dyn Catalog>, wiring: &Wiring) -> Tokens {
    let shards = wiring.postboxes.clone();
    Tokens::new(TokensParts {
        catalog,
        root,
        clock: Arc::new(move || clock.now().wall_ms),
        cut: Box::new(move |public_id| shards.iter().for_each(|shard| shard.post(Mail::TokenGone(public_id)))),
    })
}

fn mailboxes(shards: usize) -> Result<(Vec<Postbox>, Vec<Mailbox>), StartError> {
    let pairs = (0..shards).map(|_| mailbox()).collect::<std::io::Result<Vec<_>>>().map_err(system)?;
    Ok(pairs.into_iter().unzip())
}

fn new_shards(
    config: &Config,
    clock: Clock,
    taken: &Taken,
    streams: Vec<Vec<RecoveredStream>>,
    journals: &NewJournals,
) -> Result<Vec<Shard>, StartError> {
    let (count, read_memory) = (config.shard_count(), config.read_memory());
    let now = clock.now();
    let wall_at_zero_ms = now.wall_ms.saturating_sub(now.monotonic.as_millis() as u64);
    let wall_floor_ms = wall_at_zero_ms.max(taken.recovered.index.newest_write_ms());
    let mut shards = Vec::with_capacity(count);
    for (n, streams) in streams.into_iter().enumerate() {
        let (journal, first) = journals.of_shard(n).unzip();
        let epoch = taken.recovered.epoch.number();
        let mut shard = ShardConfig::new(n as u16, count as u16, epoch, taken.writer.store_id, journal);
        shard.unpublished_bytes_max = config.backlog_bytes_max() / count as u64;
        // A chunk must fit into the backlog several times, or publishing one could not make room before the next is full.
        shard.chunk_bytes_max = config.chunk_bytes_max.min(shard.unpublished_bytes_max / 4);
        shard.chunk_age_max = config.chunk_age_max;
        shard.tail_cache_bytes_max = read_memory.tail_cache_bytes_max;
        shard.output_bytes_max = read_memory.output_bytes_max;
        shard.loaded_bytes_max = read_memory.loaded_bytes_max;
        shard.wall_floor_ms = wall_floor_ms;
        shard.allocate = uring::huge;
        let memory_bytes = if config.memory_prepare { shard.unpublished_bytes_max as usize } else { 0 };
        let mut shard = Shard::new(shard, streams, random_u64()?);
        shard.prepare_memory(memory_bytes);
        if let Some(first) = first {
            shard.begin_journal(first);
        }
        shards.push(shard);
    }
    Ok(shards)
}

pub(super) fn random_u64() -> Result<u64, StartError> {
    let id = random_id().map_err(StartError::System)?;
    Ok(u64::from_le_bytes(*id.first_chunk().expect("16 bytes")))
}

fn start_journal_helper(
    files: Option<JournalFiles>,
    orders: Receiver<JournalOrder>,
    wiring: &Wiring,
) -> Result<Option<JoinHandle<()>>, StartError> {
    let Some(files) = files else { return Ok(None) };
    let shards = wiring.postboxes.clone();
    let give = move |ready: journal_files::Ready| {
        shards[usize::from(ready.shard)].post(Mail::JournalFile {
            id: ready.file,
            bytes: ready.bytes,
            file: ready.handle,
        });
    };
    journal_files::start(files, FILES_AHEAD, orders, give).map(Some).map_err(system)
}

/// The store's disk failing a sync, or the catalog closing, ends the broker (reliability.md D8, D11).
fn watch(
    runtime: &Runtime,
    store: &crate::store::Store,
    catalog: &Arc<crate::catalog::SlateCatalog>,
    failure: &Failure,
) -> tokio::task::JoinHandle<()> {
    let (store, catalog, failure) = (store.clone(), catalog.clone(), failure.clone());
    runtime.spawn(async move {
        let reason = tokio::select! {
            reason = store.failed() => reason,
            error = catalog.closed() => error.to_string(),
        };
        failure.report(reason);
    })
}

fn start_shards(
    clock: Clock,
    shards: Vec<Shard>,
    mailboxes: Vec<Mailbox>,
    listeners: Vec<OwnedFd>,
    side: &SideOrders,
    wiring: &Wiring,
    config: &Config,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let (features, room) = (config.uring_features, Room::of_process(shards.len(), config.http.is_some()));
    let parts = shards.into_iter().zip(mailboxes).zip(listeners).enumerate();
    parts
        .map(|(n, ((shard, mailbox), listener))| {
            let parts = WorkerParts {
                index: n as u16,
                shard,
                listener,
                mailbox,
                peers: wiring.postboxes.clone(),
                side: side.clone(),
                calls: wiring.calls.clone(),
                shared: wiring.shared.clone(),
                clock,
                room,
            };
            let failure = wiring.failure.clone();
            let thread = std::thread::Builder::new().name(format!("shard-{n}"));
            thread.spawn(move || run_shard(parts, features, &failure)).map_err(system)
        })
        .collect()
}

fn run_shard(parts: WorkerParts, features: Features, failure: &Failure) {
    let (index, calls) = (parts.index, parts.calls.clone());
    let report = |reason: String| failure.report(format!("shard {index}: {reason}"));
    let mut worker = match Ring::new(features) {
        Ok(ring) => Worker::new(parts, ring),
        Err(refused) => {
            calls.end(index);
            return report(refused.to_string());
        }
    };
    // Reported before the worker goes: its ring waits for what the kernel still has in hand.
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| worker.run()));
    calls.end(index);
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => report(reason),
        Err(panic) => {
            report("its thread panicked".to_owned());
            std::panic::resume_unwind(panic);
        }
    }
}

/// What recovery found, for people.
fn describe(summary: &Summary) -> String {
    if summary.blocks == 0 && summary.torn_blocks == 0 && summary.chunks_indexed == 0 {
        return format!("clean start, {} chunks in the store", summary.chunks);
    }
    let torn = match summary.torn_blocks {
        0 => String::new(),
        torn => format!("; dropped {torn} torn blocks that were never acknowledged"),
    };
    format!(
        "{} records of {} streams ({} bytes, {} blocks) from the journal, {} chunks in the store{torn}",
        summary.records, summary.streams, summary.bytes, summary.blocks, summary.chunks
    )
}
