//! The journals whose blocks are replayed, found and judged.

use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::control::JournalLossRow;
use riverrun_core::journal::{BlockHeader, Expectation, JournalKey, Journals, ReadError, Replay};

use super::history::{History, UncleanEpoch};
use super::{RecoveryConfig, RecoveryError, RecoveryParts, key_of};

/// The journal files of one store on this node. Whoever makes one holds the locks of all of them. Calls wait for the disk and
/// come from threads where that is allowed.
pub trait JournalSource: Send + Sync + 'static {
    /// How many journal files there are. Asked before new ones are made: where there are none, the journals are elsewhere.
    fn file_count(&self) -> usize;

    /// Syncs every file and their folder, then looks for blocks of this store in all of them.
    fn scan(&self, store_id: &[u8; 16]) -> Result<Journals, String>;

    /// The whole block, as long as its header says.
    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError>;
}

/// What is to be replayed, in this order.
#[derive(Clone, Debug, Default)]
pub struct FoundJournals {
    pub journals: Vec<FoundJournal>,
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
    if are_missing(&needed, unclean, &journals, source.file_count()) {
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
    let journals = needed.into_iter().map(decide).collect::<Result<_, _>>()?;
    Ok(FoundJournals { journals, accepted_loss: None })
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

/// Whether journals are missing as a whole, as they are when a store is opened on another node or with another data directory.
/// (Single blocks that are missing are the verdict's business.) A journal of which nothing is found may never have been written
/// to, but every shard of an epoch that served had a file.
fn are_missing(needed: &[Needed], unclean: &UncleanEpoch, journals: &Journals, file_count: usize) -> bool {
    let inherited = unclean.serving.inherited.len();
    let had_blocks =
        |needed: &&Needed| needed.expected.last_number.is_some_and(|last| last >= needed.expected.needed_from.max(1));
    let inherited_missing = needed[..inherited].iter().filter(had_blocks).any(|needed| !is_found(needed, journals));
    let own = &needed[inherited..];
    let own_missing = !own.is_empty() && file_count < own.len() && !own.iter().any(|needed| is_found(needed, journals));
    inherited_missing || own_missing
}

fn is_found(needed: &Needed, journals: &Journals) -> bool {
    journals.keys().any(|key| key == needed.key)
}
