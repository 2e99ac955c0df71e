//! The journals whose blocks are replayed, found and judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::control::{JournalLossRow, LostJournal};
use riverrun_core::journal::{BlockHeader, Expectation, JournalKey, Journals, ReadError, Replay};

use super::history::{History, UncleanEpoch};
use super::{RecoveryConfig, RecoveryError, RecoveryParts, key_of};

/// Findings that are put into the log one by one.
const FINDINGS_SAID: usize = 20;

/// The journal files of one store on this node. Whoever makes one holds the locks of all of them. Calls wait for the disk and
/// come from threads where that is allowed.
pub trait JournalSource: Send + Sync + 'static {
    /// Looks for blocks of this store in all files, which were synced before, with their folder.
    fn scan(&self, store_id: &[u8; 16]) -> Journals;

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
    let journals = source.scan(&config.writer.store_id);
    let needed = needed(unclean);
    report(&journals);
    refuse_unreadable(&needed, &journals)?;
    let (found, missing): (Vec<Needed>, Vec<Needed>) =
        needed.into_iter().partition(|needed| is_found(needed, &journals));
    let accepted_loss = accept_missing(config, unclean, &missing, found.len())?;
    let decide = |needed: &Needed| {
        let replay = journals.decide(needed.key, needed.expected, &mut |header| source.read_block(header))?;
        Ok::<_, RecoveryError>(FoundJournal { key: needed.key, shard: needed.shard, replay })
    };
    let files = found.iter().flat_map(|needed| journals.files_of(needed.key)).collect();
    let journals = found.iter().map(decide).collect::<Result<_, _>>()?;
    Ok(FoundJournals { journals, files, accepted_loss })
}

/// For the log. Anything may stand in a client's payload, so there is an end to it.
fn report(journals: &Journals) {
    for ((file, offset), oddity) in journals.findings().take(FINDINGS_SAID) {
        tracing::warn!(file, offset, %oddity, "noticed in a journal file");
    }
    let others = journals.findings().count().saturating_sub(FINDINGS_SAID);
    if others > 0 {
        tracing::warn!(others, "more of this kind was noticed in the journal files");
    }
}

/// What may be there and cannot be read: by this build, or from this disk.
fn refuse_unreadable(needed: &[Needed], journals: &Journals) -> Result<(), RecoveryError> {
    let is_needed = |journal_id: &[u8; 16]| needed.iter().any(|needed| needed.key.journal_id == *journal_id);
    if let Some((file, offset, version)) = journals.newer_version(is_needed) {
        return Err(RecoveryError::JournalNewer { file, offset, version });
    }
    match journals.unreadable() {
        Some((file, offset, error)) => Err(RecoveryError::JournalRead { file, offset, error }),
        None => Ok(()),
    }
}

/// A start goes on without what is missing only if the operator says so, and then without nothing else.
fn accept_missing(
    config: &RecoveryConfig,
    unclean: &UncleanEpoch,
    missing: &[Needed],
    found: usize,
) -> Result<Option<JournalLossRow>, RecoveryError> {
    if missing.is_empty() {
        return Ok(None);
    }
    if !config.accept_journal_loss {
        let (epoch, node) = (unclean.number, unclean.row.node.clone());
        return Err(RecoveryError::JournalsMissing {
            epoch,
            node,
            missing: missing.len(),
            needed: missing.len() + found,
        });
    }
    let lost = |&Needed { key: JournalKey { epoch, journal_id }, shard, .. }: &Needed| {
        tracing::warn!(epoch, shard, "going on without this journal, as ordered");
        LostJournal { journal_id, epoch, shard }
    };
    let journals = missing.iter().map(lost).collect();
    let (of_epoch, accepted_at_ms) = (unclean.number, config.now_ms);
    Ok(Some(JournalLossRow { of_epoch, accepted_at_ms, journals, streams: Vec::new() }))
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
