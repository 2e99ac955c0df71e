//! Starting: plain code, from what forbids it at all to the first accepted connection.

mod journals;
mod launch;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::Broker;
use super::clock::Clock;
use super::journal_files::{JournalFiles, JournalFilesError, Settings};
use super::listener;
use crate::access::{self, RootFile, RootTokenError, RootTokenPolicy};
use crate::catalog::{CatalogError, SlateCatalog};
use crate::config::{Config, ConfigError, HttpTls};
use crate::gateway::{self, Front, Tls, TlsError, TlsFiles};
use crate::publish::{Offload, Writer, random_id};
use crate::recovery::{
    JournalSource, Recovered, RecoveryConfig, RecoveryError, RecoveryParts, recover, store_identity,
};
use crate::store::{Store, StoreError, StoreUrl};
use crate::uring::{Features, Ring, RingRefused};

/// How long a previous owner of the store or the journals may take to go away (reliability.md F20).
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Pieces of recovery's reading and checking at the same time.
const CHECKS_AT_ONCE: usize = 2;
/// Threads of the tokio side.
const SIDE_THREADS: usize = 1;
/// Why a broker did not start: what and why in its text, what to do in [`StartError::what_to_do`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Ring(#[from] RingRefused),
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: std::io::Error },
    #[error("cannot listen for HTTP on {addr}: {source}")]
    ListenHttp { addr: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Journal(#[from] JournalFilesError),
    #[error(transparent)]
    RootToken(#[from] RootTokenError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("the system refuses a thread, a descriptor or random bytes: {0}")]
    System(String),
}

impl StartError {
    pub fn what_to_do(&self) -> String {
        match self {
            Self::Config(error) => error.what_to_do.clone(),
            Self::Ring(error) => error.what_to_do.clone(),
            Self::Listen { source, .. } => listen_advice(source).to_owned(),
            Self::ListenHttp { .. } => {
                "choose another address with --http, or `--http off` where nobody needs HTTP".to_owned()
            }
            Self::Tls(error) => error.what_to_do().to_owned(),
            Self::Store(error) => error.what_to_do().to_owned(),
            Self::Catalog(error) => error.what_to_do().to_owned(),
            Self::Journal(error) => error.what_to_do(),
            Self::RootToken(error) => error.what_to_do().to_owned(),
            Self::Recovery(error) => error.what_to_do().to_owned(),
            Self::System(_) => "raise the limits of this process (ulimit -n, ulimit -u)".to_owned(),
        }
    }
}

fn listen_advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "stop whatever listens there, or choose another port with --listen",
        std::io::ErrorKind::PermissionDenied => "choose a port above 1023 with --listen",
        std::io::ErrorKind::AddrNotAvailable => "choose an address of this machine with --listen, e.g. 127.0.0.1:5252",
        _ => "choose another address with --listen",
    }
}

fn system(error: impl ToString) -> StartError {
    StartError::System(error.to_string())
}

/// A store that is taken over and recovered.
struct Taken {
    store: Store,
    catalog: Arc<SlateCatalog>,
    recovered: Recovered,
    writer: Writer,
    journal_ids: Vec<[u8; 16]>,
    journal: Option<JournalFiles>,
    root_file: RootFile,
}

pub(super) fn start(config: Config) -> Result<Broker, StartError> {
    config.check()?;
    probe_ring(config.uring_features)?;
    let shard_count = config.shard_count();
    let (addr, listeners) = listener::listen(config.listen, shard_count)
        .map_err(|source| StartError::Listen { addr: config.listen, source })?;
    let front = config.http.map(|address| open_front(&config, address)).transpose()?;
    let runtime = side_runtime()?;
    let clock = Clock::start();
    let taken = runtime.block_on(take_store(&config, clock))?;
    launch::launch(&config, clock, taken, runtime, addr, listeners, front)
}

/// Before the store is touched: whoever asked for HTTP does not want a broker without it.
fn open_front(config: &Config, addr: SocketAddr) -> Result<Front, StartError> {
    let tls = match config.http_tls.clone() {
        Some(HttpTls::Files { certificate, key }) => Some(Tls::load(TlsFiles { certificate, key })?),
        Some(HttpTls::SelfSigned) => {
            Some(Tls::load(gateway::own_certificate(&config.data, config.http_zone.as_deref())?)?)
        }
        None => None,
    };
    let listener = TcpListener::bind(addr).map_err(|source| StartError::ListenHttp { addr, source })?;
    Ok(Front { listener, tls })
}

/// Fails for what no later step could mend, before anything is touched.
fn probe_ring(features: Features) -> Result<(), StartError> {
    // On a thread of its own: a ring belongs to the thread that builds it.
    let probe = std::thread::spawn(move || Ring::new(features).map(drop));
    match probe.join() {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(system("the probe of io_uring panicked")),
    }
}

fn side_runtime() -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(SIDE_THREADS).max_blocking_threads(16).thread_name("side").enable_all();
    builder.build().map_err(system)
}

/// Store, catalog, journals, recovery (design.md 6), in this order: locks first, then reading.
async fn take_store(config: &Config, clock: Clock) -> Result<Taken, StartError> {
    let url: StoreUrl = config.store_text().parse()?;
    let store = Store::open(&url, LOCK_WAIT).await?;
    let catalog = SlateCatalog::open(&store).await?;
    let now_ms = clock.now().wall_ms;
    let writer = Writer {
        store_id: store_identity(&*catalog, now_ms).await?,
        writer_id: random_id().map_err(StartError::System)?,
    };
    let journal = if url.is_memory() { None } else { Some(Arc::new(open_journal(config, writer.store_id)?)) };
    let policy = RootTokenPolicy {
        required: config.door().is_guarded(),
        is_memory: url.is_memory(),
        replace: config.new_root_token,
    };
    let root_file = if url.is_memory() { RootFile::of_memory(&config.data) } else { RootFile::new(&config.data) };
    access::prepare(&*catalog, &root_file, policy, now_ms).await?;
    let journal_ids = match &journal {
        Some(_) => {
            (0..config.shard_count()).map(|_| random_id()).collect::<Result<_, _>>().map_err(StartError::System)?
        }
        None => Vec::new(),
    };
    let parts = RecoveryParts {
        objects: store.objects(),
        catalog: catalog.clone(),
        journals: journal.clone().map(|files| files as Arc<dyn JournalSource>),
        offload: Offload::threads(CHECKS_AT_ONCE),
    };
    let recovery = RecoveryConfig {
        writer,
        node: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        shards: config.shard_count() as u16,
        journal_ids: journal_ids.clone(),
        accept_journal_loss: config.accept_journal_loss,
        now_ms,
    };
    let recovered = recover(&parts, &recovery).await?;
    drop(parts);
    let journal = journal.map(|files| Arc::into_inner(files).expect("recovery has ended and let go of the files"));
    Ok(Taken { store, catalog, recovered, writer, journal_ids, journal, root_file })
}

fn open_journal(config: &Config, store_id: [u8; 16]) -> Result<JournalFiles, StartError> {
    let settings = Settings {
        data: config.data.clone(),
        store_id,
        file_bytes: config.journal_file_bytes,
        journal_bytes_max: journal_bytes_max(config),
        lock_wait: LOCK_WAIT,
    };
    let files = JournalFiles::open(settings, &mut |progress| tracing::info!("{progress}"))?;
    Ok(files)
}

/// The backlog; per shard the file being filled, one kept ready and one partly needed; and what recovery still needs of as much,
/// with a file per shard that was being filled and one that was partly needed.
fn journal_bytes_max(config: &Config) -> u64 {
    let per_shard = 5 * config.journal_file_bytes;
    2 * config.backlog_bytes_max() + config.shard_count() as u64 * per_shard
}
