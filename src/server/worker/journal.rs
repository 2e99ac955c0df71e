//! Durable writes of journal blocks: one operation where the disk's way is a write-through write, two where it is a sync.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::Event;

use super::{Worker, tag};

/// This shard's journal files, and the blocks in flight (bounded by the shard's `JOURNAL_WRITES_INFLIGHT_MAX`).
#[derive(Debug, Default)]
pub(super) struct JournalWrites {
    files: HashMap<u32, Arc<File>>,
    in_flight: HashMap<u64, InFlight>,
}

#[derive(Debug)]
struct InFlight {
    file: Arc<File>,
    bytes: usize,
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
    pub(super) fn write_block(&mut self, number: u64, file: u32, offset: u64, buffers: Vec<Bytes>) {
        let file = self.journal.files.get(&file).expect("a shard writes only to files it was given").clone();
        let bytes = buffers.iter().map(Bytes::len).sum();
        let dsync = self.shared.syncs_with_the_write();
        self.ring.write(tag::WRITE | number, &file, offset, buffers, dsync);
        self.journal.in_flight.insert(number, InFlight { file, bytes });
    }

    pub(super) fn on_written(&mut self, number: u64, outcome: io::Result<usize>) {
        let Some(block) = self.journal.in_flight.get(&number) else { return };
        match outcome {
            Ok(written) if written != block.bytes => {
                self.block_failed(number, format!("a journal write took {written} of {} bytes", block.bytes));
            }
            Ok(_) if self.shared.syncs_with_the_write() => self.block_durable(number),
            // Only what was written whole is synced, through the descriptor that wrote it (reliability.md D8b, F8).
            Ok(_) => self.ring.sync(tag::WRITE | number, &block.file.clone()),
            Err(error) => self.block_failed(number, format!("a journal write failed: {error}")),
        }
    }

    pub(super) fn on_synced(&mut self, number: u64, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => self.block_durable(number),
            Err(error) => self.block_failed(number, format!("a journal sync failed: {error}")),
        }
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
