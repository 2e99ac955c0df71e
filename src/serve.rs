//! `riverrun serve`: arguments to `Config`, a banner, and waiting for the end.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use miette::miette;
use riverrun_protocol::config::StorageClass;
use riverrun_protocol::types::{Level, LocationName};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{Auth, Door, ROOT_TOKEN_FILE};
use crate::config::{Config, HttpTls, JOURNAL_FILE_BYTES_DEFAULT, LOCATION_DEFAULT, Origin};
use crate::server::journal_files::SyncMethod;
use crate::server::{Broker, Facts, StartError};

/// Sweeping more often would only cost.
const COLLECT_INTERVAL_MIN: std::time::Duration = std::time::Duration::from_millis(100);

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  riverrun serve
  riverrun serve --listen 127.0.0.1:6000 --data /var/lib/riverrun --shards 2
  riverrun serve --store memory:          nothing survives the process: for tests")]
pub struct ServeArgs {
    /// Address to listen on; any but a loopback one needs --insecure.
    #[arg(long, default_value = "127.0.0.1:5252", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Address for HTTP, where S2's own clients, curl and browsers connect; `off` for none.
    #[arg(long, env = "RIVERRUN_HTTP", default_value = "127.0.0.1:5280", value_name = "ADDR|off")]
    pub http: HttpAddress,
    /// Certificate chain for HTTPS, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", requires = "http_tls_key")]
    pub http_tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[arg(long, value_name = "FILE", requires = "http_tls_cert")]
    pub http_tls_key: Option<PathBuf>,
    /// HTTPS with a certificate of the broker's own making, kept as `http-cert.pem` in the data folder: for development.
    #[arg(long, conflicts_with = "http_tls_cert")]
    pub http_tls_self_signed: bool,
    /// What follows the basin in the names of HTTP hosts: with `b.example`, `my-basin.b.example` is the basin my-basin.
    #[arg(long, value_name = "NAME")]
    pub http_zone: Option<String>,
    /// Pages of this origin may use HTTP, e.g. `https://app.example`; may be given more than once. Without it no page of another origin may.
    #[arg(long = "http-allow-origin", value_name = "ORIGIN")]
    pub http_origins: Vec<Origin>,
    /// Name of the place where all basins of this broker are.
    #[arg(long, default_value = LOCATION_DEFAULT, value_name = "NAME")]
    pub location: LocationName,
    /// Whether access tokens are asked for.
    #[arg(long, default_value = "auto", value_name = "WHEN")]
    pub auth: Auth,
    /// Listen where others could read along: the binary protocol has no TLS yet.
    #[arg(long)]
    pub insecure: bool,
    /// Replace the root token: the old one is dead, the new one is in the file `root-token` of the data folder.
    #[arg(long)]
    pub new_root_token: bool,
    /// Folder for journals and everything else of this node.
    #[arg(long, default_value = "riverrun-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Object store: fs:DIR or memory:  [default: fs: with the folder `objects` under the data folder]
    #[arg(long, value_name = "fs:DIR|memory:")]
    pub store: Option<String>,
    /// Threads, each with its own share of the streams  [default: all cores]
    #[arg(long, value_name = "N")]
    pub shards: Option<usize>,
    /// Bytes acknowledged but not yet in chunks, at most; beyond it producers wait
    /// [default: the smaller of 4 GiB, 5 % of the disk, a quarter of memory]
    #[arg(long, value_name = "BYTES")]
    pub unpublished_bytes_max: Option<u64>,
    /// Memory for readers: recent records, frames that wait for sockets, pages; over all shards, at least 32 MiB for each
    /// [default: 192 MiB for each shard, and 64 MiB]
    #[arg(long, value_name = "BYTES")]
    pub read_memory_bytes_max: Option<u64>,
    /// Size of each journal file, 4 to 256 MiB.
    #[arg(long, default_value_t = JOURNAL_FILE_BYTES_DEFAULT, value_name = "BYTES")]
    pub journal_file_bytes: u64,
    /// Prepare journal files for the whole backlog before serving (benchmarks).
    #[arg(long)]
    pub journal_prepare: bool,
    /// Touch memory for the whole backlog before serving, and keep it: a page's first use costs more than the rest of an append.
    #[arg(long)]
    pub memory_prepare: bool,
    /// How often expired records, dead chunks and empty streams are looked for.
    #[arg(long, default_value = "1m", value_name = "DURATION")]
    pub collect_interval: humantime::Duration,
    /// How long a chunk without a living record stays before it is deleted.
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    pub collect_grace: humantime::Duration,
    /// Serve although journals that may hold acknowledged records are missing.
    #[arg(long)]
    pub accept_journal_loss: bool,
    /// Storage class of streams for which neither their creator nor their basin names one.
    #[arg(long, value_enum, default_value_t = StorageClassArg::Express, value_name = "CLASS")]
    pub default_storage_class: StorageClassArg,
}

/// An address, or `off`.
#[derive(Clone, Copy, Debug)]
pub struct HttpAddress(pub Option<SocketAddr>);

impl std::str::FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| format!("`{text}` is neither HOST:PORT nor `off`"))
    }
}

/// When a record is acknowledged: once it is in this node's journal, or once it is in the object store.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum StorageClassArg {
    Express,
    Standard,
}

impl From<StorageClassArg> for StorageClass {
    fn from(class: StorageClassArg) -> Self {
        match class {
            StorageClassArg::Express => Self::Express,
            StorageClassArg::Standard => Self::Standard,
        }
    }
}

impl ServeArgs {
    fn http_tls(&self) -> Option<HttpTls> {
        match (&self.http_tls_cert, &self.http_tls_key) {
            (Some(certificate), Some(key)) => {
                Some(HttpTls::Files { certificate: certificate.clone(), key: key.clone() })
            }
            _ => self.http_tls_self_signed.then_some(HttpTls::SelfSigned),
        }
    }

    fn config(&self) -> Config {
        Config {
            listen: self.listen,
            http: self.http.0,
            http_tls: self.http_tls(),
            http_zone: self.http_zone.clone(),
            http_origins: self.http_origins.clone(),
            location: self.location.clone(),
            auth: self.auth,
            insecure: self.insecure,
            new_root_token: self.new_root_token,
            data: self.data.clone(),
            store: self.store.clone(),
            shards: self.shards,
            unpublished_bytes_max: self.unpublished_bytes_max,
            read_memory_bytes_max: self.read_memory_bytes_max,
            journal_file_bytes: self.journal_file_bytes,
            journal_prepare: self.journal_prepare,
            memory_prepare: self.memory_prepare,
            accept_journal_loss: self.accept_journal_loss,
            default_storage_class: Some(self.default_storage_class.into()),
            collect_interval: (*self.collect_interval).max(COLLECT_INTERVAL_MIN),
            collect_grace: *self.collect_grace,
            ..Config::default()
        }
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The broker could not start, or had to stop by itself.
pub fn run(args: &ServeArgs) -> miette::Result<()> {
    start_logging();
    end_process_on_panic();
    raise_descriptors();
    let broker = Broker::start(args.config()).map_err(|error| report(&error))?;
    print_banner(&broker);
    let failure = wait(&broker)?;
    if let Some(reason) = failure {
        eprintln!("{:?}", fatal(&reason));
        // Not through destructors: nothing may be acknowledged or published any more (reliability.md D8).
        std::process::exit(1);
    }
    eprintln!("stopping: answering what was accepted, publishing what is in the journal (again to stop at once)");
    stop(broker)?;
    eprintln!("stopped; nothing is left in the journal to recover");
    Ok(())
}

/// Stops gracefully; a second signal ends the process at once, which loses nothing either: the next start recovers it.
fn stop(broker: Broker) -> miette::Result<()> {
    let (done, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(broker.stop()));
    let outcome = signals(async { stopped.await.unwrap_or_else(|_| Err("stopping panicked".to_owned())) })?;
    match outcome {
        Some(stopped) => stopped.map_err(|reason| fatal(&reason)),
        None => {
            eprintln!("stopped at once; the next start recovers what is in the journal only");
            std::process::exit(130);
        }
    }
}

/// Waits for a signal (`None`) or for the broker's failure.
pub(crate) fn wait(broker: &Broker) -> miette::Result<Option<String>> {
    signals(broker.failed())
}

/// Waits for a signal (`None`) or for `other`.
fn signals<T>(other: impl Future<Output = T>) -> miette::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| miette!("cannot wait for signals: {error}"))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|e| miette!("cannot catch SIGTERM: {e}"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| miette!("cannot catch SIGINT: {e}"))?;
        Ok(tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            other = other => Some(other),
        })
    })
}

/// To as many as the system allows: the soft limit is there for programs that use select(2), and a broker has a descriptor per
/// client. Where it cannot be raised, the number of connections follows it.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, current = ?limit.current, "cannot raise the number of open files");
    }
}

/// A thread that panics leaves a broker half dead; a restart is quick and always possible (reliability.md D20).
fn end_process_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::abort();
    }));
}

pub(crate) fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,slatedb=warn,opendal=warn"));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    // A second call in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}

pub(crate) fn report(error: &StartError) -> miette::Report {
    miette!(help = error.what_to_do(), "{error}")
}

fn fatal(reason: &str) -> miette::Report {
    miette!(
        help = "nothing more was acknowledged; what was is safe. Mend the cause and start again: recovery needs no other step",
        "the broker had to stop: {reason}"
    )
}

pub(crate) fn print_banner(broker: &Broker) {
    let facts = broker.facts();
    println!("riverrun {} listening on {}", env!("CARGO_PKG_VERSION"), broker.addr());
    println!("  store      {} (epoch {})", facts.store, facts.epoch);
    println!("  durability {}", survives(facts.level, facts.sync_method));
    println!("  shards     {} (one thread and one io_uring each)", facts.shards);
    println!("  recovered  {}", broker.recovered());
    println!("  access     {}", access(facts));
    if let Some(http) = broker.http_addr() {
        let (scheme, door) = (broker.http_scheme(), facts.http_door.describe());
        println!("  http       {scheme}://{http}/v1: S2's own clients, curl; {door}");
    }
    println!("try it in another terminal:");
    let addr = if broker.addr().port() == 5252 { String::new() } else { format!("--addr {} ", broker.addr()) };
    println!("  riverrun {addr}create-basin my-first-basin --create-stream-on-append");
    println!("  echo hello | riverrun {addr}append my-first-basin/greetings");
    println!("  riverrun {addr}read my-first-basin/greetings --seq-num 0");
}

/// Who gets in. Never the secret, only where it is.
fn access(facts: &Facts) -> String {
    let root = facts.data.join(ROOT_TOKEN_FILE);
    match facts.door {
        Door::Guarded => format!("{}; the root token is in {}", facts.door.describe(), root.display()),
        Door::Local | Door::Open { .. } => facts.door.describe().to_owned(),
    }
}

/// What an ack survives.
fn survives(level: Level, method: Option<SyncMethod>) -> String {
    let method = match method {
        Some(SyncMethod::DirectDsync) => "O_DIRECT, RWF_DSYNC",
        Some(SyncMethod::DirectFdatasync) => "O_DIRECT, fdatasync",
        Some(SyncMethod::BufferedFdatasync) => "buffered, fdatasync",
        None => "no journal",
    };
    match level {
        Level::Memory => "NONE: an ack survives nothing but this process (memory: store)".to_owned(),
        Level::Journal => format!(
            "an ack survives kill -9 and power loss: journal on this disk, written through ({method}). \
             It does not survive the loss of the disk"
        ),
        Level::Object => "an ack survives the loss of this machine: object store".to_owned(),
    }
}
