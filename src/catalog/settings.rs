//! How SlateDB is set up, and why. The catalog is small (a row per chunk, a few per stream), written a few times a second and
//! read at start and when streams are opened, so the defaults, made for bulk data in a remote bucket, do not fit.

use std::sync::Arc;
use std::time::Duration;

use slatedb::Settings;
use slatedb::config::{CompactorOptions, GarbageCollectorOptions};
use slatedb::db_cache::SplitCache;
use slatedb::db_cache::moka::{MokaCache, MokaCacheOptions};

const MIB: u64 = 1 << 20;
/// Blocks of rows: without a cache a read takes milliseconds (design.md 6, Catalog).
const BLOCK_CACHE_BYTES: u64 = 32 * MIB;
/// Indexes and filters.
const META_CACHE_BYTES: u64 = 16 * MIB;
/// How often the manifest is looked at. A rival is noticed at the next write in any case; this is for an idle owner.
const MANIFEST_POLL: Duration = Duration::from_secs(2);
const COMPACTION_POLL: Duration = Duration::from_secs(10);

/// What of the store decides the settings.
#[derive(Clone, Copy, Debug)]
pub struct StoreTraits {
    /// Without times in listings everything looks old, and a collection by age would take what is in use.
    pub lists_times: bool,
    pub replaces_conditionally: bool,
}

pub fn settings(store: StoreTraits) -> Settings {
    Settings {
        // No timer: `SlateCatalog` flushes as soon as something waits, and what arrives meanwhile shares the next flush. On a
        // local disk a durable put then takes as long as its object does, where an interval would add half of itself.
        flush_interval: None,
        manifest_poll_interval: MANIFEST_POLL,
        // A memtable is small, so that start replays little; `SlateCatalog` also flushes it every so many flushes of the log.
        l0_sst_size_bytes: 4 << 20,
        max_unflushed_bytes: 64 << 20,
        l0_flush_parallelism: 1,
        compactor_options: Some(CompactorOptions {
            poll_interval: COMPACTION_POLL,
            max_concurrent_compactions: 1,
            ..CompactorOptions::default()
        }),
        garbage_collector_options: store.lists_times.then(|| GarbageCollectorOptions {
            // A fence must outlive any stalled writer, so fences are never collected (reliability.md 1, finding 3).
            wal_fence_options: None,
            boundary_files_enabled: store.replaces_conditionally,
            ..GarbageCollectorOptions::default()
        }),
        ..Settings::default()
    }
}

pub fn cache() -> Arc<SplitCache> {
    let moka = |max_capacity| {
        let options = MokaCacheOptions { max_capacity, ..MokaCacheOptions::default() };
        Some(Arc::new(MokaCache::new_with_opts(options)) as _)
    };
    Arc::new(
        SplitCache::new().with_block_cache(moka(BLOCK_CACHE_BYTES)).with_meta_cache(moka(META_CACHE_BYTES)).build(),
    )
}
