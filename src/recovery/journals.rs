//! The journals whose blocks are replayed, found and judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::control::JournalLossRow;
use riverrun_core::journal::{BlockHeader, Expectation, JournalKey, Journals, ReadError, Replay};

use super::history::{History, UncleanEpoch};
use super::{RecoveryConfig, RecoveryError, RecoveryParts, key_of};

/// The journal files of one store on this node. Whoever makes one holds the locks of all of them. Calls wait for the disk and
/// come from threads where that is allowed.
pub trait JournalSource: Send + Sync + 'static {
    /// Syncs every file and their folder, then looks for blocks of this store in all of them.
    fn scan(&self, store_id: &[u8; 16]) -> Result<Journals, String>;

    /// The whole block, as long as its header says.
    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError>;
}

/// What is to be replayed, in this order.
#[derive(Clone, Debug, Default)]
pub struct FoundJournals {
    pub journals: Vec<FoundJournal>,
    /// The files that this decision was made from: while they stay as they are, it is made again.
    pub files: BTreeSet<u32>,
    pub accepted_loss: Option<JournalLossRow>,
}

#[derive(Clone, Debug)]
pub struct FoundJournal {
    pub key: JournalKey,
    pub shard: u16,
    pub replay: Replay,
}

/// A journal to be replayed, and what is known of it beforehand.
#[derive(Clone, Copy, Debug)]
struct Needed {
    key: JournalKey,
    shard: u16,
    expected: Expectation,
}

/// Step 2. Changes nothing, so that a refusal leaves everything as it was.
pub async fn find(
    parts: &RecoveryParts,
    config: &RecoveryConfig,
    history: &History,
) -> Result<FoundJournals, RecoveryError> {
    let (Some(source), Some(unclean)) = (&parts.journals, history.unclean()) else {
        return Ok(FoundJournals::default());
    };
    let (source, config) = (Arc::clone(source), config.clone());
    parts.offload.run(move || find_blocking(&*source, &config, &unclean)).await
}

fn find_blocking(
    source: &dyn JournalSource,
    config: &RecoveryConfig,
    unclean: &UncleanEpoch,
) -> Result<FoundJournals, RecoveryError> {
    let journals = source.scan(&config.writer.store_id).map_err(RecoveryError::JournalRead)?;
    report(&journals)?;
    let needed = needed(unclean);
    if needed.iter().any(|needed| !is_found(needed, &journals)) {
        let of_epoch = unclean.number;
        let any_found = needed.iter().any(|needed| is_found(needed, &journals));
        return match config.accept_journal_loss && !any_found {
            true => Ok(FoundJournals {
                accepted_loss: Some(JournalLossRow { of_epoch, accepted_at_ms: config.now_ms }),
                ..FoundJournals::default()
            }),
            false => Err(RecoveryError::JournalsMissing { epoch: of_epoch, node: unclean.row.node.clone() }),
        };
    }
    let decide = |needed: Needed| {
        let replay = journals.decide(needed.key, needed.expected, &mut |header| source.read_block(header))?;
        Ok::<_, RecoveryError>(FoundJournal { key: needed.key, shard: needed.shard, replay })
    };
    let files = needed.iter().flat_map(|needed| journals.files_of(needed.key)).collect();
    let journals = needed.into_iter().map(decide).collect::<Result<_, _>>()?;
    Ok(FoundJournals { journals, files, accepted_loss: None })
}

fn report(journals: &Journals) -> Result<(), RecoveryError> {
    if let Some((file, offset, version)) = journals.newer_version() {
        return Err(RecoveryError::JournalNewer { file, offset, version });
    }
    for ((file, offset), oddity) in journals.findings() {
        tracing::warn!(file, offset, %oddity, "noticed in a journal file");
    }
    Ok(())
}

/// First what the unclean epoch had inherited and not yet republished, up to where it replayed it; then its own journals.
fn needed(unclean: &UncleanEpoch) -> Vec<Needed> {
    let inherited = unclean.serving.inherited.iter().map(|journal| Needed {
        key: key_of(journal),
        shard: journal.shard,
        expected: Expectation { needed_from: journal.needed_from, last_number: Some(journal.last_number) },
    });
    let own = unclean.row.journals.iter().zip(0u16..).map(|(journal_id, shard)| Needed {
        key: JournalKey { epoch: unclean.number, journal_id: *journal_id },
        shard,
        expected: Expectation::default(),
    });
    inherited.chain(own).collect()
}

/// Every journal of an epoch that served has at least its first block or a later one (`core::journal::first`), and one that was
/// inherited has blocks with batches. So a journal of which nothing is found is missing: its file is lost, or this is another
/// node's or another data directory. Single blocks that are missing are the verdict's business.
fn is_found(needed: &Needed, journals: &Journals) -> bool {
    journals.keys().any(|key| key == needed.key)
}
