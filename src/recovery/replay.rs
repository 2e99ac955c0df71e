//! Replaying journals: the batches that no chunk holds yet, in order, per stream.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use riverrun_core::control::{IdRow, InheritedJournal, StreamEntry, keys};
use riverrun_core::event::RecoveredStream;
use riverrun_core::journal::{BlockHeader, ReadError, Replay, directory, verify_payload};
use riverrun_core::plan::replay::{KnownStream, ReplayDamage, ReplayVerdict, judge};
use riverrun_core::stored::StoredError;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

use super::journals::{FoundJournal, FoundJournals, JournalSource};
use super::losses::Losses;
use super::{RecoveryError, RecoveryParts, Summary};
use crate::catalog::Catalog;
use crate::loader::ChunkIndex;

/// Blocks read ahead of the one that is applied; a block has at most 4 MiB.
const BLOCKS_AHEAD: usize = 4;

#[derive(Debug, Default)]
pub struct Replayed {
    pub streams: Vec<RecoveredStream>,
    /// Journals with at least one batch that no chunk holds.
    pub inherited: Vec<InheritedJournal>,
    /// The files their blocks lie in.
    pub files: BTreeSet<u32>,
    pub summary: Summary,
}

/// Step 6. All batches are kept in memory, as they were before the crash: the same limit bounded them then.
pub async fn replay(
    parts: &RecoveryParts,
    index: &Arc<ChunkIndex>,
    found: FoundJournals,
    losses: &mut Losses,
) -> Result<Replayed, RecoveryError> {
    let Some(source) = &parts.journals else { return Ok(Replayed::default()) };
    let mut replayed = Replayed::default();
    let mut streams = Streams { catalog: &*parts.catalog, index, losses, known: HashMap::new() };
    for journal in &found.journals {
        replayed.count_torn(&journal.replay);
        let applied = streams.replay(parts, source, journal).await?;
        replayed.summary.blocks += journal.replay.blocks.iter().filter(|b| b.directory_count > 0).count() as u64;
        if applied > 0 {
            replayed.inherit(journal);
        }
    }
    replayed.finish(streams);
    Ok(replayed)
}

impl Replayed {
    fn count_torn(&mut self, replay: &Replay) {
        if let Some(torn) = &replay.torn {
            tracing::info!(first = torn.first, found = ?torn.found, reason = %torn.reason, "dropped a torn tail");
            self.summary.torn_blocks += torn.found.len().max(1) as u64;
        }
    }

    fn inherit(&mut self, journal: &FoundJournal) {
        self.inherited.push(InheritedJournal {
            journal_id: journal.key.journal_id,
            epoch: journal.key.epoch,
            shard: journal.shard,
            needed_from: journal.replay.needed_from,
            last_number: journal.replay.last_number,
        });
        self.files.extend(journal.replay.blocks.iter().map(|block| block.file));
    }

    fn finish(&mut self, streams: Streams<'_>) {
        for known in streams.known.into_values() {
            let Known::Alive(Recovering { entry, unpublished, .. }) = known else { continue };
            if unpublished.is_empty() {
                continue;
            }
            self.summary.streams += 1;
            self.summary.records += unpublished.iter().map(|batch| u64::from(batch.record_count())).sum::<u64>();
            self.summary.bytes += unpublished.iter().map(|batch| batch.bytes().len() as u64).sum::<u64>();
            self.streams.push(RecoveredStream { stream: streams.index.load(entry), unpublished });
        }
        self.streams.sort_unstable_by_key(|stream| stream.stream.entry.id);
    }
}

/// The streams that were met.
struct Streams<'a> {
    catalog: &'a dyn Catalog,
    index: &'a Arc<ChunkIndex>,
    losses: &'a mut Losses,
    known: HashMap<StreamId, Known>,
}

/// What the catalog knows of an id.
#[derive(Debug)]
enum Known {
    Alive(Recovering),
    /// Its deletion is in the catalog, or it is purged: nothing of it may come back.
    Deleted,
    Unknown,
}

#[derive(Debug)]
struct Recovering {
    entry: Arc<StreamEntry>,
    next_seq_num: u64,
    unpublished: Vec<Batch>,
}

impl Known {
    fn alive(&mut self) -> Option<&mut Recovering> {
        match self {
            Self::Alive(stream) => Some(stream),
            Self::Deleted | Self::Unknown => None,
        }
    }

    fn state(&self) -> KnownStream {
        match self {
            Self::Alive(stream) => KnownStream::Alive { next_seq_num: stream.next_seq_num },
            Self::Deleted => KnownStream::Tombstoned,
            Self::Unknown => KnownStream::Unknown,
        }
    }
}

impl Streams<'_> {
    /// Returns how many batches of the journal are in no chunk.
    async fn replay(
        &mut self,
        parts: &RecoveryParts,
        source: &Arc<dyn JournalSource>,
        journal: &FoundJournal,
    ) -> Result<u64, RecoveryError> {
        let read = |header: BlockHeader| {
            let (source, offload) = (Arc::clone(source), parts.offload.clone());
            async move { (header, offload.run(move || read_block(&*source, &header)).await) }
        };
        let mut blocks = stream::iter(journal.replay.blocks.clone()).map(read).buffered(BLOCKS_AHEAD);
        let mut applied = 0;
        while let Some((header, batches)) = blocks.next().await {
            for batch in batches.map_err(|error| error.in_block(&header, &journal.replay))? {
                applied += u64::from(self.apply(&header, batch).await?);
            }
        }
        Ok(applied)
    }

    async fn apply(&mut self, block: &BlockHeader, batch: Batch) -> Result<bool, RecoveryError> {
        let stream_id = batch.stream_id();
        if self.losses.is_beyond_cut(stream_id, block.epoch, batch.first_seq_num()) {
            return Ok(false);
        }
        if !self.known.contains_key(&stream_id) {
            let found = self.find(stream_id).await?;
            self.known.insert(stream_id, found);
        }
        let known = self.known.get_mut(&stream_id).expect("inserted above");
        let placement = known.alive().map_or(0, |stream| stream.entry.placement);
        match judge(stream_id, known.state(), batch.first_seq_num(), batch.end_seq_num()) {
            ReplayVerdict::Skip | ReplayVerdict::Drop => Ok(false),
            ReplayVerdict::Damage(ReplayDamage::Gap { stream_id, next_seq_num, .. })
                if self.losses.explain_gap(block.epoch, stream_id, placement, next_seq_num) =>
            {
                Ok(false)
            }
            ReplayVerdict::Damage(damage) => Err(RecoveryError::replay(block, damage)),
            ReplayVerdict::Apply => {
                let stream = known.alive().expect("only a known stream continues");
                stream.next_seq_num = batch.end_seq_num();
                stream.unpublished.push(batch);
                Ok(true)
            }
        }
    }

    /// From id to name to entry. A name that now belongs to another id says nothing about this one.
    async fn find(&self, stream_id: StreamId) -> Result<Known, RecoveryError> {
        let in_catalog = |error: StoredError| RecoveryError::stored("the catalog", error);
        let Some(value) = self.catalog.get(keys::id(stream_id)).await? else { return Ok(Known::Unknown) };
        let IdRow { basin, name, purged_at_ms } = IdRow::decode(&value).map_err(in_catalog)?;
        if purged_at_ms.is_some() {
            return Ok(Known::Deleted);
        }
        let Some(value) = self.catalog.get(keys::stream(&basin, &name)).await? else { return Ok(Known::Unknown) };
        let entry = StreamEntry::decode(&value).and_then(StreamEntry::checked).map_err(in_catalog)?;
        if entry.id != stream_id {
            return Ok(Known::Unknown);
        }
        if entry.deleted_at_ms.is_some() {
            return Ok(Known::Deleted);
        }
        let next_seq_num = self.index.next_seq_num(stream_id).unwrap_or(0);
        Ok(Known::Alive(Recovering { entry: Arc::new(entry), next_seq_num, unpublished: Vec::new() }))
    }
}

/// Why a block that the verdict found good cannot be used after all.
enum BlockFault {
    Read(ReadError),
    Block(riverrun_core::journal::BlockError),
    Batch(riverrun_protocol::error::DecodeError),
}

impl BlockFault {
    fn in_block(self, header: &BlockHeader, replay: &Replay) -> RecoveryError {
        match self {
            Self::Read(error) => replay.damage_in(header, error).into(),
            Self::Block(error) => replay.damage_in(header, error).into(),
            Self::Batch(error) => RecoveryError::batch(header, error),
        }
    }
}

/// The whole block is read for its batches anyway, so all of it is checked, not only above the watermark: readers get these
/// bytes before publishing looks at them again.
fn read_block(source: &dyn JournalSource, header: &BlockHeader) -> Result<Vec<Batch>, BlockFault> {
    let block: Bytes = source.read_block(header).map_err(BlockFault::Read)?;
    verify_payload(header, &block).map_err(BlockFault::Block)?;
    let batches = directory(header, &block).map_err(BlockFault::Block)?;
    batches.into_iter().map(|batch| Batch::parse(batch).map_err(BlockFault::Batch)).collect()
}
