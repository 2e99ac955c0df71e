//! Durable writes of journal blocks: one operation where the disk's way is a write-through write, two where it is a sync.
//!
//! One sync at a time, and it vouches only for what was written before it began. The kernel tells an error of write-back to one
//! of the syncs of a descriptor and then forgets it (errseq): of several that run side by side, one would fail, and another would
//! say of a block that never reached the disk that it is durable (reliability.md F8).

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::HashMap;
use riverrun_core::Event;

use super::{Worker, tag};

/// This shard's journal files, and the blocks in flight (bounded by the shard's `JOURNAL_WRITES_INFLIGHT_MAX`).
#[derive(Debug, Default)]
pub(super) struct JournalWrites {
    files: HashMap<u32, Arc<File>>,
    in_flight: HashMap<u64, InFlight>,
    syncs: Syncs,
}

#[derive(Debug)]
struct InFlight {
    id: u32,
    file: Arc<File>,
    bytes: usize,
}

/// Blocks that are written whole and not yet synced.
#[derive(Debug, Default)]
struct Syncs {
    /// Of one file, written before the sync that is under way was begun.
    under_way: Vec<u64>,
    /// With their files, in the order in which they were written.
    waiting: Vec<(u64, u32)>,
}

impl Syncs {
    fn on_written(&mut self, number: u64, file: u32) {
        self.waiting.push((number, file));
    }

    /// Whether another sync is to be begun: of the file of this block, for all that wait in it.
    fn begin(&mut self) -> Option<u64> {
        if !self.under_way.is_empty() {
            return None;
        }
        let (_, file) = *self.waiting.first()?;
        self.under_way = self.waiting.extract_if(.., |(_, of)| *of == file).map(|(number, _)| number).collect();
        self.under_way.first().copied()
    }

    /// The blocks for which the sync that has ended vouches.
    fn take_synced(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.under_way)
    }
}

impl JournalWrites {
    pub fn add_file(&mut self, id: u32, file: Arc<File>) {
        self.files.insert(id, file);
    }

    pub fn forget_file(&mut self, id: u32) {
        self.files.remove(&id);
    }
}

impl Worker {
    pub(super) fn write_block(&mut self, number: u64, id: u32, offset: u64, buffers: Vec<Bytes>) {
        let file = self.journal.files.get(&id).expect("a shard writes only to files it was given").clone();
        let bytes = buffers.iter().map(Bytes::len).sum();
        let dsync = self.shared.syncs_with_the_write();
        self.ring.write(tag::WRITE | number, &file, offset, buffers, dsync);
        self.journal.in_flight.insert(number, InFlight { id, file, bytes });
    }

    pub(super) fn on_written(&mut self, number: u64, outcome: io::Result<usize>) {
        let Some(block) = self.journal.in_flight.get(&number) else { return };
        match written_whole(outcome, block.bytes) {
            Err(reason) => self.block_failed(number, reason),
            Ok(()) if self.shared.syncs_with_the_write() => self.block_durable(number),
            // Only what was written whole is synced, through the descriptor that wrote it (reliability.md D8b, F8).
            Ok(()) => {
                self.journal.syncs.on_written(number, block.id);
                self.sync_next();
            }
        }
    }

    pub(super) fn on_synced(&mut self, number: u64, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => {
                self.journal.syncs.take_synced().into_iter().for_each(|number| self.block_durable(number));
                self.sync_next();
            }
            Err(error) => self.block_failed(number, format!("a journal sync failed: {error}")),
        }
    }

    fn sync_next(&mut self) {
        let Some(first) = self.journal.syncs.begin() else { return };
        let block = self.journal.in_flight.get(&first).expect("it is in flight until it is synced");
        self.ring.sync(tag::WRITE | first, &block.file.clone());
    }

    fn block_durable(&mut self, number: u64) {
        self.journal.in_flight.remove(&number);
        self.tell(Event::BlockWritten { number, outcome: Ok(()) });
    }

    fn block_failed(&mut self, number: u64, reason: String) {
        self.journal.in_flight.remove(&number);
        self.tell(Event::BlockWritten { number, outcome: Err(reason) });
    }
}

/// A write may take some of its bytes (write(2)): what is missing is not on the disk.
fn written_whole(outcome: io::Result<usize>, bytes: usize) -> Result<(), String> {
    match outcome {
        Ok(written) if written == bytes => Ok(()),
        Ok(written) => Err(format!("a journal write took {written} of {bytes} bytes")),
        Err(error) => Err(format!("a journal write failed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Syncs, written_whole};

    #[test]
    fn a_journal_write_that_took_some_of_its_bytes_is_a_failure() {
        assert_eq!(written_whole(Ok(8192), 8192), Ok(()));
        for written in [0, 1, 4096, 8191] {
            let reason = written_whole(Ok(written), 8192).expect_err("short");
            assert!(reason.contains(&format!("{written} of 8192")), "{reason}");
        }
        assert!(written_whole(Err(io::ErrorKind::StorageFull.into()), 8192).is_err());
    }

    #[test]
    fn f8_a_sync_vouches_only_for_what_was_written_before_it_began() {
        let mut syncs = Syncs::default();
        assert_eq!(syncs.begin(), None);
        syncs.on_written(1, 7);
        assert_eq!(syncs.begin(), Some(1));
        syncs.on_written(3, 7);
        syncs.on_written(2, 8);
        syncs.on_written(4, 7);
        assert_eq!(syncs.begin(), None, "one at a time");
        assert_eq!(syncs.take_synced(), [1]);
        assert_eq!(syncs.begin(), Some(3));
        assert_eq!(syncs.take_synced(), [3, 4], "one file's, at once");
        assert_eq!(syncs.begin(), Some(2));
        assert_eq!(syncs.take_synced(), [2]);
        assert_eq!(syncs.begin(), None);
    }
}
