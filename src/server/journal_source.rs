//! Journal files as recovery sees them.

use bytes::Bytes;
use riverrun_core::journal::{BlockHeader, Journals, ReadError};

use super::journal_files::JournalFiles;
use crate::recovery::JournalSource;

impl JournalSource for JournalFiles {
    /// Opening has synced and locked every file already.
    fn scan(&self, _store_id: &[u8; 16]) -> Journals {
        self.scan()
    }

    fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        self.read(header.file, header.offset, header.block_bytes as usize)
    }
}
