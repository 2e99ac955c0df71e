//! What a broker is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use riverrun_core::control::SYSTEM_DEFAULTS;
use riverrun_core::limits::{
    BLOCK_BYTES_MAX, CONNECTION_OUTPUT_BYTES_MAX, LOADED_BYTES_MAX, OUTPUT_SHARE, TAIL_CACHE_BYTES_MAX,
};
use riverrun_protocol::config::{StorageClass, StreamConfig};
use riverrun_protocol::types::LocationName;

use crate::access::{Auth, Door};
pub use crate::gateway::Origin;
use crate::loader::PAGE_CACHE_BYTES;
use crate::uring::Features;

/// Journal files' size, in bytes (design.md 6). A file takes any block.
pub const JOURNAL_FILE_BYTES_MIN: u64 = BLOCK_BYTES_MAX as u64;
pub const JOURNAL_FILE_BYTES_MAX: u64 = 256 << 20;
pub const JOURNAL_FILE_BYTES_DEFAULT: u64 = 64 << 20;
/// A connection's home shard travels in 8 bits of a ring tag.
pub const SHARDS_MAX: usize = 255;
/// What the place is called where nobody names it.
pub const LOCATION_DEFAULT: &str = "local";
/// Below this the backlog could not hold one block per shard and one chunk.
pub const UNPUBLISHED_BYTES_MIN: u64 = 16 << 20;

/// Per shard: below this a reader of large records would wait for its own pages.
pub const READ_MEMORY_BYTES_MIN: u64 = 32 << 20;

/// Memory for readers: per shard, but for the page cache, which all share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadMemory {
    pub tail_cache_bytes_max: u64,
    pub output_bytes_max: u64,
    pub loaded_bytes_max: usize,
    pub page_cache_bytes_max: usize,
}

impl Default for ReadMemory {
    fn default() -> Self {
        Self {
            tail_cache_bytes_max: TAIL_CACHE_BYTES_MAX,
            output_bytes_max: CONNECTION_OUTPUT_BYTES_MAX * OUTPUT_SHARE,
            loaded_bytes_max: LOADED_BYTES_MAX,
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        }
    }
}

/// Where the HTTP side's certificate is from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HttpTls {
    /// PEM files, read again when they change.
    Files { certificate: PathBuf, key: PathBuf },
    /// Made by the broker and kept under `data`, for development.
    SelfSigned,
}

/// Everything a broker needs to know. `Config::default()` is a broker on an ephemeral loopback port whose data lie in
/// `./riverrun-data`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Any address but a loopback one needs `insecure`.
    pub listen: SocketAddr,
    /// The HTTP side's address, under the same rules; `None` = there is none.
    pub http: Option<SocketAddr>,
    /// HTTPS; `None` = HTTP in the clear.
    pub http_tls: Option<HttpTls>,
    /// What follows the basin in the name of a host, for HTTP clients that name it so (`s2-semantics.md` H1).
    pub http_zone: Option<String>,
    /// Pages of these origins may use the HTTP side.
    pub http_origins: Vec<Origin>,
    /// The name of the place where all basins are (`s2-semantics.md` E10).
    pub location: LocationName,
    /// Whether access tokens are asked for.
    pub auth: Auth,
    /// Listen where others could read along: the binary protocol has no TLS yet.
    pub insecure: bool,
    /// Replace the root token at start; the old one is dead.
    pub new_root_token: bool,
    /// Journals, and what belongs to this node.
    pub data: PathBuf,
    /// `fs:DIR` or `memory:`; `None` = `fs:` with the folder `objects` under `data`.
    pub store: Option<String>,
    /// One thread, one ring, one partition of the streams each; `None` = one per core.
    pub shards: Option<usize>,
    /// Bytes that are acknowledged and not yet in chunks, over all shards; `None` = the smaller of 4 GiB, 5 % of the disk and a
    /// quarter of memory.
    pub unpublished_bytes_max: Option<u64>,
    /// Memory for readers over all shards, a quarter for each purpose: recent records, frames that wait for sockets, loaded pages that wait
    /// for their readers, pages kept for the next reader. `None` = 64 MiB per shard and purpose, and 64 MiB for pages kept.
    pub read_memory_bytes_max: Option<u64>,
    /// Size of each journal file, between 4 and 256 MiB.
    pub journal_file_bytes: u64,
    /// Writes the journal files for the whole backlog before serving, so that no append waits for one.
    pub journal_prepare: bool,
    /// Touch memory for the whole backlog before serving.
    pub memory_prepare: bool,
    /// Serve although journals that may hold acknowledged records are missing. Recorded in the catalog.
    pub accept_journal_loss: bool,
    /// Raw bytes after which a chunk is sealed.
    pub chunk_bytes_max: u64,
    /// Age after which a chunk is sealed.
    pub chunk_age_max: Duration,
    /// What a stream gets of which neither its creator nor its basin names a storage class; `None` = express.
    pub default_storage_class: Option<StorageClass>,
    /// How often expired records, dead chunks and empty streams are looked for.
    pub collect_interval: Duration,
    /// How long a chunk without a living record stays for those who still read it.
    pub collect_grace: Duration,
    /// Kernel features that may be used where they are offered.
    pub uring_features: Features,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            http: None,
            http_tls: None,
            http_zone: None,
            http_origins: Vec::new(),
            location: LocationName::new(LOCATION_DEFAULT).expect("a name"),
            auth: Auth::Auto,
            insecure: false,
            new_root_token: false,
            data: PathBuf::from("riverrun-data"),
            store: None,
            shards: None,
            unpublished_bytes_max: None,
            read_memory_bytes_max: None,
            journal_file_bytes: JOURNAL_FILE_BYTES_DEFAULT,
            journal_prepare: false,
            memory_prepare: false,
            accept_journal_loss: false,
            chunk_bytes_max: 16 << 20,
            chunk_age_max: Duration::from_secs(30),
            default_storage_class: None,
            collect_interval: Duration::from_secs(60),
            collect_grace: Duration::from_secs(600),
            uring_features: Features::ALL,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ConfigError {
    pub what: String,
    pub what_to_do: String,
}

impl Config {
    /// The number of shards to run.
    pub fn shard_count(&self) -> usize {
        self.shards.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX))
    }

    /// Who comes in without a token.
    pub fn door(&self) -> Door {
        Door::new(self.auth, self.listen)
    }

    /// The same over HTTP.
    pub fn http_door(&self) -> Door {
        Door::new(self.auth, self.http.unwrap_or(self.listen))
    }

    /// The store's address as text.
    pub fn store_text(&self) -> String {
        self.store.clone().unwrap_or_else(|| format!("fs:{}", self.data.join("objects").display()))
    }

    /// What a stream gets of which nobody says anything.
    pub fn stream_defaults(&self) -> StreamConfig {
        let storage_class = self.default_storage_class.unwrap_or(SYSTEM_DEFAULTS.storage_class);
        StreamConfig { storage_class, ..SYSTEM_DEFAULTS }
    }

    /// The bound on the backlog, from what the machine has unless it was said.
    pub fn backlog_bytes_max(&self) -> u64 {
        self.unpublished_bytes_max.unwrap_or_else(|| {
            let disk = disk_bytes(&self.data).map_or(u64::MAX, |bytes| bytes / 20);
            let memory = memory_bytes().map_or(u64::MAX, |bytes| bytes / 4);
            (4u64 << 30).min(disk).min(memory).max(UNPUBLISHED_BYTES_MIN)
        })
    }

    /// What each purpose has of the memory for readers.
    pub fn read_memory(&self) -> ReadMemory {
        let Some(bytes_max) = self.read_memory_bytes_max else { return ReadMemory::default() };
        let purpose_bytes_max = bytes_max / 4;
        let shard_bytes_max = purpose_bytes_max / self.shard_count() as u64;
        ReadMemory {
            tail_cache_bytes_max: shard_bytes_max,
            output_bytes_max: shard_bytes_max,
            loaded_bytes_max: shard_bytes_max as usize,
            page_cache_bytes_max: purpose_bytes_max as usize,
        }
    }

    /// # Errors
    /// The first setting that cannot be used, with what to do instead.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |what: String, what_to_do: &str| Err(ConfigError { what, what_to_do: what_to_do.to_owned() });
        let http_in_the_clear = self.http.filter(|_| self.http_tls.is_none());
        let mut addresses = [Some(self.listen), http_in_the_clear].into_iter().flatten();
        if let Some(address) = addresses.find(|address| !address.ip().is_loopback() && !self.insecure) {
            let what = format!(
                "{address} is reachable from other machines, and tokens and records would travel there in the clear"
            );
            let instead = "listen on a loopback address, e.g. --listen 127.0.0.1:5252, or add --insecure where the \
                           network is trusted; over HTTP, give it a certificate with --http-tls-cert and --http-tls-key";
            return refuse(what, instead);
        }
        if self.http_tls.is_some() && self.http.is_none() {
            return refuse(
                "there is a certificate for HTTPS, and HTTP is off".to_owned(),
                "say where with --http HOST:PORT",
            );
        }
        if self.shard_count() == 0 || self.shard_count() > SHARDS_MAX {
            return refuse(format!("{} shards cannot be run", self.shard_count()), "choose between 1 and 255");
        }
        let file_bytes = self.journal_file_bytes;
        if !(JOURNAL_FILE_BYTES_MIN..=JOURNAL_FILE_BYTES_MAX).contains(&file_bytes) || !file_bytes.is_multiple_of(4096)
        {
            let what = format!("journal files cannot have {file_bytes} bytes");
            return refuse(what, "choose a multiple of 4096 between 4 MiB and 256 MiB");
        }
        if self.backlog_bytes_max() < UNPUBLISHED_BYTES_MIN {
            let what = format!("a backlog of {} bytes is too small", self.backlog_bytes_max());
            return refuse(what, "--unpublished-bytes-max must be at least 16 MiB");
        }
        let read_memory_min = READ_MEMORY_BYTES_MIN * self.shard_count() as u64;
        if self.read_memory_bytes_max.is_some_and(|bytes_max| bytes_max < read_memory_min) {
            let what = format!(
                "memory for readers below {} MiB is too little for {} shards",
                read_memory_min >> 20,
                self.shard_count()
            );
            return refuse(what, "--read-memory-bytes-max must be at least 32 MiB for each shard");
        }
        Ok(())
    }
}

fn disk_bytes(path: &std::path::Path) -> Option<u64> {
    let existing = path.ancestors().find(|p| p.exists()).unwrap_or_else(|| std::path::Path::new("."));
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(stat.f_blocks * stat.f_frsize)
}

/// Of the machine.
pub(crate) fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e2_the_system_default_of_the_storage_class_is_the_servers_option() {
        assert_eq!(Config::default().stream_defaults(), SYSTEM_DEFAULTS);
        let config = Config { default_storage_class: Some(StorageClass::Standard), ..Config::default() };
        let standard = StreamConfig { storage_class: StorageClass::Standard, ..SYSTEM_DEFAULTS };
        assert_eq!(config.stream_defaults(), standard);
    }

    #[test]
    fn memory_for_readers_is_what_was_said_over_all_shards_and_purposes() {
        for shards in [1, 2, 7] {
            let bytes_max = 256 << 20;
            let config = Config { shards: Some(shards), read_memory_bytes_max: Some(bytes_max), ..Config::default() };
            let memory = config.read_memory();
            let of_shard = memory.tail_cache_bytes_max + memory.output_bytes_max + memory.loaded_bytes_max as u64;
            let sum = of_shard * shards as u64 + memory.page_cache_bytes_max as u64;
            assert!(sum <= bytes_max && sum > bytes_max - 64, "{sum}");
        }
    }

    #[test]
    fn the_default_is_usable_and_each_bad_setting_says_what_to_do() {
        assert!(Config::default().check().is_ok());
        let everywhere = Config { http: Some("0.0.0.0:5280".parse().unwrap()), ..Config::default() };
        assert!(Config { http_tls: Some(HttpTls::SelfSigned), ..everywhere }.check().is_ok());
        let bad = [
            Config { listen: "0.0.0.0:5252".parse().unwrap(), ..Config::default() },
            Config { http: Some("0.0.0.0:5280".parse().unwrap()), ..Config::default() },
            Config { http_tls: Some(HttpTls::SelfSigned), ..Config::default() },
            Config { shards: Some(0), ..Config::default() },
            Config { shards: Some(256), ..Config::default() },
            Config { journal_file_bytes: 1 << 20, ..Config::default() },
            Config { journal_file_bytes: (8 << 20) + 1, ..Config::default() },
            Config { unpublished_bytes_max: Some(1), ..Config::default() },
            Config { shards: Some(2), read_memory_bytes_max: Some(2 * READ_MEMORY_BYTES_MIN - 1), ..Config::default() },
        ];
        for config in bad {
            let error = config.check().expect_err("refused");
            assert!(!error.what_to_do.is_empty(), "{error}");
        }
    }
}
