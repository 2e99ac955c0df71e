//! Recovery: from a store and journal files in whatever state a crash left them to streams that can be served. Sequential
//! plain code; what is torn, damaged, to be fenced or to be applied is decided in `core`.
//!
//! ```text
//! store_identity   which store this is: names the journal folder, whose files the caller locks before going on
//! recover
//!   1 history      the epochs before this one; the newest that served is the one whose journals count
//!   2 journals     synced, scanned; missing ones refused
//!   3 epoch/<E>    who we are, before anything carries our epoch
//!   4 fencing      every older sequence: index what was put, then end it
//!   5 index        all footers; where streams stand whose chunks are gone
//!   6 replay       batches that no chunk holds yet
//!   7 tombstones   those of which nothing is left go; what chunks hold of the others is dead
//! (the caller writes the first block of every new journal: a successor will call a journal missing of which it finds nothing)
//! Epoch::mark_serving          before the first append is accepted
//! Epoch::inherited_published   when every shard has republished what it inherited; then old journal files may be reused
//! Epoch::mark_closed           after a clean stop
//! ```
//! Nothing that is found counts before it is durable: the store syncs its folders when it opens, chunks found unindexed are
//! synced before they are read, and journal files are synced before they are scanned. Without that, a record could be replayed
//! from the page cache, read by somebody, and then be gone after a power cut.
//!
//! Every step may be interrupted and repeated: each is either a read, or a write that a second attempt finds done.

mod chunks;
mod epoch;
mod error;
mod fence;
mod history;
mod identity;
mod journals;
mod losses;
mod replay;
mod states;
mod tombstones;

use std::collections::BTreeSet;
use std::sync::Arc;

use riverrun_core::control::{ClosedRow, EpochRow, InheritedJournal, keys, shard_of};
use riverrun_core::event::RecoveredStream;

use crate::catalog::Catalog;
use crate::loader::ChunkIndex;
use crate::publish::{Offload, Writer};
use crate::store::Objects;

pub use epoch::Epoch;
pub use error::RecoveryError;
pub use identity::store_identity;
pub use journals::JournalSource;

/// What recovery works on.
#[derive(Clone)]
pub struct RecoveryParts {
    pub objects: Arc<dyn Objects>,
    /// Opened by this process: its writer epoch is the epoch that recovery claims the store for.
    pub catalog: Arc<dyn Catalog>,
    /// `None`: a store without journals (`memory:`).
    pub journals: Option<Arc<dyn JournalSource>>,
    /// Reading and checking journal blocks.
    pub offload: Offload,
}

#[derive(Clone, Debug)]
pub struct RecoveryConfig {
    pub writer: Writer,
    /// Where this process runs, for people.
    pub node: String,
    pub shards: u16,
    /// The new journals' ids, one per shard; empty for a store without journals.
    pub journal_ids: Vec<[u8; 16]>,
    /// Serve although journals that may hold acknowledged records are missing: these alone are given up, and that is recorded.
    pub accept_journal_loss: bool,
    pub now_ms: u64,
}

/// A store that can be served.
#[derive(Debug)]
pub struct Recovered {
    pub epoch: Epoch,
    pub index: Arc<ChunkIndex>,
    /// Per shard, the streams with batches that are in no chunk yet.
    pub shards: Vec<Vec<RecoveredStream>>,
    /// Journal files that hold these batches: not to be written until [`Epoch::inherited_published`] has returned.
    pub inherited_files: BTreeSet<u32>,
    /// These, and all others that recovery would look at if it were repeated: not to be written until [`Epoch::mark_serving`]
    /// has returned, because a kill before it makes the next start decide over the same journals again.
    pub files_in_question: BTreeSet<u32>,
    pub summary: Summary,
}

/// What was found, for the banner and the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Streams with batches that are in no chunk yet, and what they hold.
    pub streams: u64,
    pub records: u64,
    pub bytes: u64,
    /// Journal blocks with batches that were replayed.
    pub blocks: u64,
    /// Blocks of torn tails: written when the power went, never acknowledged, dropped.
    pub torn_blocks: u64,
    /// Chunks in the store, and those among them that a crash had left unindexed.
    pub chunks: u64,
    pub chunks_indexed: u64,
}

/// Takes the store over. Nothing is served yet; the caller marks it so.
///
/// # Errors
/// The store cannot be served as it is; nothing was lost by trying, and trying again is always possible.
pub async fn recover(parts: &RecoveryParts, config: &RecoveryConfig) -> Result<Recovered, RecoveryError> {
    let number = parts.catalog.writer_epoch();
    let history = history::History::read(&*parts.catalog, number).await?;
    let found = journals::find(parts, config, &history).await?;
    claim(parts, config, number).await?;
    let looked_at = found.files.clone();
    let chunks_indexed = fence::end_older_sequences(parts, config, &history).await?;
    let index = Arc::new(ChunkIndex::default());
    let chunks = rebuild_index(&*parts.objects, &*parts.catalog, &config.writer.store_id, &index).await?;
    let mut losses = losses::Losses::new(&history.losses);
    if let Some(row) = found.accepted_loss.clone() {
        let shards = history.registered().map(|(epoch, row)| (epoch, row.shards)).collect();
        losses.accept(number, row, shards);
    }
    let replayed = replay::replay(parts, &index, found, &mut losses).await?;
    let losses = losses.into_row();
    let is_behind = replayed.inherited.is_empty() && losses.is_none();
    if is_behind {
        close_unclean(parts, config, &history).await?;
        tombstones::take_away(&*parts.catalog, &index).await?;
    }
    tombstones::forget_purged(&*parts.catalog, &index).await?;
    let files_in_question = if is_behind { BTreeSet::new() } else { looked_at };
    let summary = Summary { chunks, chunks_indexed, ..replayed.summary };
    tracing::info!(epoch = number, ?summary, "recovered");
    Ok(Recovered {
        epoch: Epoch::new(Arc::clone(&parts.catalog), replayed.inherited, losses),
        index,
        shards: by_shard(replayed.streams, config.shards),
        inherited_files: replayed.files,
        files_in_question,
        summary,
    })
}

/// Step 5. Returns the number of chunks.
pub(crate) async fn rebuild_index(
    objects: &dyn Objects,
    catalog: &dyn Catalog,
    store_id: &[u8; 16],
    index: &ChunkIndex,
) -> Result<u64, RecoveryError> {
    let chunks = chunks::build_index(objects, catalog, store_id, index).await?;
    states::adopt(catalog, index).await?;
    Ok(chunks)
}

/// Step 3.
async fn claim(parts: &RecoveryParts, config: &RecoveryConfig, number: u64) -> Result<(), RecoveryError> {
    let row = EpochRow { node: config.node.clone(), shards: config.shards, journals: config.journal_ids.clone() };
    Ok(parts.catalog.put_batch(vec![(keys::epoch(number), row.encode())]).await?)
}

/// All that older journals held is in chunks: nobody need look at them again, so that their files are free at once. On a full disk
/// there may be no other file to begin a journal in (F16).
async fn close_unclean(
    parts: &RecoveryParts,
    config: &RecoveryConfig,
    history: &history::History,
) -> Result<(), RecoveryError> {
    if let Some(unclean) = history.unclean() {
        let row = ClosedRow { closed_at_ms: config.now_ms };
        parts.catalog.put_batch(vec![(keys::closed(unclean.number), row.encode())]).await?;
    }
    Ok(())
}

fn by_shard(streams: Vec<RecoveredStream>, shards: u16) -> Vec<Vec<RecoveredStream>> {
    let mut by_shard: Vec<Vec<RecoveredStream>> = (0..shards.max(1)).map(|_| Vec::new()).collect();
    for stream in streams {
        by_shard[usize::from(shard_of(stream.stream.entry.placement, shards))].push(stream);
    }
    by_shard
}

impl std::fmt::Debug for RecoveryParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryParts").field("epoch", &self.catalog.writer_epoch()).finish_non_exhaustive()
    }
}

/// A journal that a newer epoch inherits, by the journal's key.
fn key_of(journal: &InheritedJournal) -> riverrun_core::journal::JournalKey {
    riverrun_core::journal::JournalKey { epoch: journal.epoch, journal_id: journal.journal_id }
}

#[cfg(test)]
mod tests;
