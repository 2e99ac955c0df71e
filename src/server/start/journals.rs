//! The new epoch's journals, from files that may be filled to shards that fill them.

use riverrun_core::journal::{BlockMeta, FirstBlock};
use riverrun_core::limits::JOURNAL_WRITES_INFLIGHT_MAX;
use riverrun_core::shard::JournalConfig;

use super::launch::random_u64;
use super::{StartError, Taken};
use crate::config::Config;
use crate::server::clock::Clock;
use crate::server::journal_files::{Begun, JournalFiles, SyncMethod};
use crate::server::mail::Mail;
use crate::server::mailbox::Postbox;

/// Every shard's journal, begun: its first block is durable. Empty for a store without journals.
#[derive(Debug)]
pub(super) struct NewJournals {
    files: Option<JournalFiles>,
    journals: Vec<(JournalConfig, Begun)>,
    /// Files that only a repeated recovery would look at.
    free_once_serving: Vec<u32>,
}

impl NewJournals {
    /// Before the catalog says that this epoch serves: from then on a journal of which nothing is found is a missing one.
    pub fn begin(config: &Config, clock: Clock, taken: &mut Taken) -> Result<Self, StartError> {
        let recovered = &taken.recovered;
        let free_once_serving = recovered.files_in_question.difference(&recovered.inherited_files).copied().collect();
        let mut files = prepare_files(config, taken)?;
        let mut journals = Vec::new();
        if let Some(files) = &mut files {
            for (shard, &journal_id) in (0..).zip(&taken.journal_ids) {
                let journal = JournalConfig { journal_id, salt: random_u64()? };
                journals.push((journal, files.begin(meta(taken, clock, shard, journal))?));
            }
        }
        Ok(Self { files, journals, free_once_serving })
    }

    pub fn sync_method(&self) -> Option<SyncMethod> {
        self.files.as_ref().map(JournalFiles::method)
    }

    pub fn of_shard(&self, shard: usize) -> Option<(JournalConfig, FirstBlock)> {
        self.journals.get(shard).map(|(journal, begun)| (*journal, begun.first))
    }

    /// The catalog says that this epoch serves. Gives every shard the file in which its journal was begun, as if it had asked
    /// for it, and lets go of what only a repeated recovery would have needed.
    pub fn hand_over(self, shards: &[Postbox]) -> Option<JournalFiles> {
        for ((_, Begun { first, bytes, handle }), shard) in self.journals.into_iter().zip(shards) {
            shard.post(Mail::JournalFile { id: first.file, bytes, file: handle });
        }
        let mut files = self.files?;
        self.free_once_serving.into_iter().for_each(|file| files.release(file));
        Some(files)
    }
}

/// Says which files recovery needs, now or if it is repeated, and makes as many as must be ready: one per shard, or the whole
/// backlog's.
fn prepare_files(config: &Config, taken: &mut Taken) -> Result<Option<JournalFiles>, StartError> {
    let Some(mut files) = taken.journal.take() else { return Ok(None) };
    for store in files.other_stores() {
        tracing::info!(store, "the data folder also holds the journal of another store; it is left alone");
    }
    let needed: Vec<u32> = taken.recovered.files_in_question.iter().copied().collect();
    files.keep_only(&needed);
    let whole_backlog = config.backlog_bytes_max().div_ceil(config.journal_file_bytes) as usize;
    let ahead = if config.journal_prepare { whole_backlog + config.shard_count() } else { 0 };
    files.prepare(config.shard_count() + ahead)?;
    Ok(Some(files))
}

fn meta(taken: &Taken, clock: Clock, shard: u16, journal: JournalConfig) -> BlockMeta {
    BlockMeta {
        store_id: taken.writer.store_id,
        journal_id: journal.journal_id,
        salt: journal.salt,
        epoch: taken.recovered.epoch.number(),
        shard,
        q: JOURNAL_WRITES_INFLIGHT_MAX as u32,
        number: 1,
        file: 0,
        offset: 0,
        durable_watermark: 0,
        needed_from: 1,
        prev_header_crc: 0,
        wall_ms: clock.now().wall_ms,
    }
}
