//! Every byte of a journal, damaged in every way, and recovery over it.
//!
//! ```text
//! block                          must be
//! below the last watermark       refused, with file, offset and number: it was acknowledged
//! above it                       dropped as torn with all behind it: nobody can tell it from a torn write
//! not needed, or nobody's        recovered as if nothing had happened
//! any page, not readable         refused, with file and offset: nobody can tell what stood there
//! any page, readable at last     recovered
//! ```

pub mod disk;
pub mod made;

use std::sync::Arc;

use bytes::Bytes;
use riverrun::publish::Offload;
use riverrun::recovery::{Recovered, RecoveryConfig, RecoveryError, RecoveryParts, recover};
use riverrun_core::journal::{BlockHeader, HEADER_BYTES, verify_payload};
use riverrun_protocol::batch::Batch;

use crate::damage::{Damage, KINDS, Kind, places};
use crate::made::{NOW_MS, STREAMS, WRITER};
use crate::tally::{Outcome, Tally};
use disk::Disk;
use made::{ABOVE, FILE_BYTES, LAST, Made, NEEDED_FROM, Written, next_process};

/// A page is asked for once with its neighbours and three times alone.
const READS_THAT_MAY_FAIL: usize = 3;
const PAGE_BYTES: usize = 4096;

/// What recovery hands over per stream, or why it refuses.
pub async fn recovered(made: &Made, disk: Disk) -> Result<Vec<Vec<Batch>>, RecoveryError> {
    let (catalog, objects) = next_process(made).await;
    let parts = RecoveryParts { objects, catalog, journals: Some(Arc::new(disk)), offload: Offload::inline() };
    let config = RecoveryConfig {
        writer: WRITER,
        node: "there".to_owned(),
        shards: 1,
        journal_ids: vec![[0x77; 16]],
        accept_journal_loss: false,
        now_ms: NOW_MS,
    };
    recover(&parts, &config).await.map(unpublished)
}

fn unpublished(recovered: Recovered) -> Vec<Vec<Batch>> {
    let mut streams = vec![Vec::new(); STREAMS];
    for stream in recovered.shards.into_iter().flatten() {
        streams[stream.stream.entry.id.0[0] as usize - 1] = stream.unpublished;
    }
    streams
}

/// Whether `found` is `expected`, byte for byte.
pub fn is_same(found: &[Vec<Batch>], expected: &[Vec<Batch>]) -> bool {
    let bytes = |streams: &[Vec<Batch>]| -> Vec<Vec<Bytes>> {
        streams.iter().map(|batches| batches.iter().map(|batch| batch.bytes().clone()).collect()).collect()
    };
    bytes(found) == bytes(expected)
}

pub fn record_count(streams: &[Vec<Batch>]) -> u64 {
    streams.iter().flatten().map(|batch| u64::from(batch.record_count())).sum()
}

/// Where recovery may end, and what it hands over then.
pub struct Endings(Vec<(u64, Vec<Vec<Batch>>)>);

impl Endings {
    pub fn of(made: &Made) -> Self {
        Self((0..=LAST).map(|last| (last, made.records_to(last))).collect())
    }

    pub fn at(&self, last: u64) -> &[Vec<Batch>] {
        &self.0[last as usize].1
    }

    /// The last block of what was handed over, `None` where that is no beginning of what was written.
    fn last(&self, found: &[Vec<Batch>]) -> Option<u64> {
        self.0.iter().rev().find(|(_, expected)| is_same(found, expected)).map(|(last, _)| *last)
    }
}

/// One fault in one file.
struct Case<'a> {
    made: &'a Made,
    endings: &'a Endings,
    file: u32,
    damage: Damage,
}

pub async fn sweep(stride: usize) -> Tally {
    let made = Made::new().await;
    assert_worth_sweeping(&made);
    let endings = Endings::of(&made);
    let mut tally = Tally::default();
    for file in 1..=made.files.len() as u32 {
        let headers = made.blocks.iter().filter(|block| block.header.file == file);
        let headers: Vec<_> =
            headers.map(|block| block.header.offset as usize..block.header.offset as usize + HEADER_BYTES).collect();
        for at in places(FILE_BYTES, stride, &headers) {
            for kind in KINDS {
                let case = Case { made: &made, endings: &endings, file, damage: Damage { kind, at } };
                case.run(case.struck(), &mut tally).await;
            }
        }
    }
    whole_writes(&made, &endings, &mut tally).await;
    tally
}

/// Each block as if its write had never happened, and as if any other had been written over it.
async fn whole_writes(made: &Made, endings: &Endings, tally: &mut Tally) {
    for block in &made.blocks {
        let BlockHeader { file, offset, number, .. } = block.header;
        let at = offset as usize;
        if made.owner(file, at).is_none_or(|owner| owner.header.number != number) {
            continue;
        }
        let older = &made.older[file as usize - 1][at..][..block.bytes.len()];
        let others = made.blocks.iter().filter(|other| other.header.number != number);
        let strays = others.map(|other| (Kind::Misdirected, &other.bytes[..other.bytes.len().min(block.bytes.len())]));
        for (kind, bytes) in [(Kind::Stale, older)].into_iter().chain(strays) {
            let mut damaged = made.files[file as usize - 1].clone();
            damaged[at..][..bytes.len()].copy_from_slice(bytes);
            Case { made, endings, file, damage: Damage { kind, at } }.run(damaged, tally).await;
        }
    }
}

/// All that the sweep is about is in the journal.
fn assert_worth_sweeping(made: &Made) {
    let last = &made.block(LAST).header;
    assert_eq!((last.needed_from, last.durable_watermark), (NEEDED_FROM, LAST - ABOVE));
    assert_eq!((made.block(1).header.file, last.file), (1, 1), "the second lap");
    assert!(made.owner(1, FILE_BYTES - 1).is_none_or(|owner| owner.header.number < NEEDED_FROM), "a rest of the first");
    let records = made.endings_check();
    assert!(records.iter().all(|count| *count > 0), "every stream has records to lose");
}

impl Made {
    fn endings_check(&self) -> Vec<usize> {
        self.records_to(LAST).iter().map(Vec::len).collect()
    }
}

impl Case<'_> {
    fn struck(&self) -> Vec<u8> {
        let mut damaged = self.made.files[self.file as usize - 1].clone();
        self.damage.strike(&mut damaged, &self.made.older[self.file as usize - 1]);
        damaged
    }

    /// `damaged` is the file as it is now.
    async fn run(&self, damaged: Vec<u8>, tally: &mut Tally) {
        let image = &self.made.files[self.file as usize - 1];
        let hit = self.made.owner(self.file, self.damage.at).filter(|_| damaged != *image);
        let mut files: Vec<Bytes> = self.made.files.iter().map(|file| Bytes::copy_from_slice(file)).collect();
        files[self.file as usize - 1] = damaged.into();
        let disk = Disk::new(files).failing((self.file, self.damage.at), self.damage.failing_reads());
        let found = recovered(self.made, disk).await;
        let outcome = self.judge(hit, found);
        tally.count(outcome, || format!("journal file {}, byte {}, {:?}", self.file, self.damage.at, self.damage.kind));
    }

    fn judge(&self, hit: Option<&Written>, found: Result<Vec<Vec<Batch>>, RecoveryError>) -> Outcome {
        let number = hit.map_or(0, |block| block.header.number);
        match (self.damage.kind, hit) {
            (Kind::Unreadable, _) if self.damage.failing_reads() > READS_THAT_MAY_FAIL => {
                let page = self.damage.at / PAGE_BYTES * PAGE_BYTES;
                refused_naming(&format!("journal file {:08}.journal, offset {page}: cannot be read", self.file), found)
            }
            (_, Some(block)) if (NEEDED_FROM..=LAST - ABOVE).contains(&number) => self.refused(block, found),
            (_, Some(_)) if number > LAST - ABOVE => self.dropped_from(number, found),
            _ => self.whole(found),
        }
    }

    fn refused(&self, block: &Written, found: Result<Vec<Vec<Batch>>, RecoveryError>) -> Outcome {
        match found {
            Ok(found) => self.what_was_lost(&found),
            refused => refused_naming(&block.place(), refused),
        }
    }

    fn dropped_from(&self, number: u64, found: Result<Vec<Vec<Batch>>, RecoveryError>) -> Outcome {
        match found {
            Ok(found) if is_same(&found, self.endings.at(number - 1)) => Outcome::DroppedAboveTheWatermark,
            Ok(found) => self.what_was_lost(&found),
            Err(error) => Outcome::TornCalledDamage(error.to_string()),
        }
    }

    fn whole(&self, found: Result<Vec<Vec<Batch>>, RecoveryError>) -> Outcome {
        match found {
            Ok(found) if is_same(&found, self.endings.at(LAST)) => Outcome::Whole,
            Ok(found) => self.what_was_lost(&found),
            Err(error) => Outcome::Unexpected(format!("nothing that is needed was hit, yet: {error}")),
        }
    }

    /// Of records that are not those that were to be.
    fn what_was_lost(&self, found: &[Vec<Batch>]) -> Outcome {
        let durable = record_count(self.endings.at(LAST - ABOVE));
        match self.endings.last(found) {
            Some(last) if last < LAST - ABOVE => {
                Outcome::AcknowledgedDropped(durable.saturating_sub(record_count(found)).max(1))
            }
            Some(last) => Outcome::Unexpected(format!("recovered up to block {last}")),
            None => Outcome::WrongBytes("what is handed over was never written so".to_owned()),
        }
    }
}

fn refused_naming(place: &str, found: Result<Vec<Vec<Batch>>, RecoveryError>) -> Outcome {
    match found {
        Ok(_) => Outcome::Unexpected(format!("not refused: {place}")),
        Err(error) if error.to_string().starts_with(place) => Outcome::Refused,
        Err(error) => Outcome::Unexpected(format!("names another place than {place}: {error}")),
    }
}

/// F13: a sum says of which journal it is, so that no block of an earlier life of a file is right under another salt, whatever
/// its bytes. No single place of one journal's files shows this, because each header carries the salt of its own sums.
pub async fn sums_right_under_another_salt() -> usize {
    let made = Made::new().await;
    let under_another = |block: &&Written| {
        let header = BlockHeader { salt: block.header.salt ^ 1, ..block.header };
        verify_payload(&header, &block.bytes).is_ok()
    };
    made.blocks.iter().filter(under_another).count()
}
