//! Journals begun: each has its first block on the disk before anybody may miss it (`core::journal::first`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use riverrun_core::journal::{BlockMeta, FirstBlock, first_block};

use super::{JournalFiles, JournalFilesError, folder};

/// A journal that goes on in this file, behind its first block.
#[derive(Clone, Debug)]
pub struct Begun {
    pub first: FirstBlock,
    pub bytes: u64,
    pub handle: Arc<File>,
}

impl JournalFiles {
    /// Takes a free file (one must have been prepared) and makes the journal's first block durable at its beginning, through
    /// the descriptor that will write the others.
    ///
    /// # Errors
    /// The disk does not take it. The file stays taken: a failed sync is not repeated (reliability.md D8).
    pub fn begin(&mut self, meta: BlockMeta) -> Result<Begun, JournalFilesError> {
        if self.free_count() == 0 {
            self.prepare(1)?;
        }
        let (number, bytes, handle) = self.take_free().expect("one was just prepared");
        let (first, closed) = first_block(BlockMeta { file: number, ..meta });
        let path = folder::path_of(&self.directory, number);
        let page = closed.buffers.first().expect("a block has a header");
        handle.write_all_at(page, 0).map_err(|error| JournalFilesError::path("write to", &path, error))?;
        handle.sync_data().map_err(|error| JournalFilesError::path("sync", &path, error))?;
        Ok(Begun { first, bytes, handle })
    }
}
