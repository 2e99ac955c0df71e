//! Finding blocks again: every page of a journal file is asked whether a block begins there.
//!
//! Why not walk from block to block by their lengths, which would read less? Because a lost write leaves an older block standing
//! where the new one should be. Say block 11 (8 KiB, acknowledged by a disk that lied) was lost, and what shows in its place is
//! a block of the file's previous life, 64 KiB long. A walk would trust that length and step over block 12, which did land
//! and proves that 11 was durable: an acknowledged loss would pass for a torn tail (reliability.md F4). A damaged header hides
//! its length in the same way.
//!
//! A payload may hold anything, so also bytes that look like a header: a large batch lies in its block page for page as it was
//! received, and a sum proves nothing to whoever may choose the salt that it starts from. What cannot be chosen is the journal's
//! id, which is random and never sent to anyone: a page counts for a journal, or against one, only by that. What remains is a
//! copy of a journal file that somebody appended. To count, its pages would have to lie at the very offset of the very file
//! that they name, in a block that was written later; then they are headers that once stood there, of lower numbers and already
//! recycled, and the verdict leaves such numbers out.

use bytes::Bytes;

use super::header::{BlockHeader, HeaderError};
use crate::buffer::ALIGN_BYTES;

/// How much is read at a time.
pub const READ_BYTES: usize = 1 << 20;

/// How often a page that cannot be read is asked for. A disk that reads it at the second attempt has lost nothing.
const READS_MAX: usize = 3;

/// A range could not be read (F11). The text is the operating system's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// What one journal file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileScan {
    pub file: u32,
    /// Headers of this store that stand where they say they belong, by rising offset. Any journal, any epoch, any lap.
    pub blocks: Vec<BlockHeader>,
    /// What else was noticed, by rising offset. It explains a block that is missing; by itself only an unreadable page is an
    /// error, because it may have held the very block that would have proved a loss ([`super::Journals::unreadable`]).
    pub findings: Vec<Finding>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub offset: u64,
    pub oddity: Oddity,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Oddity {
    #[error("cannot be read: {0}")]
    Unreadable(ReadError),
    /// The magic, but not a header that can be used (F10, F22).
    #[error("{0}")]
    BadHeader(HeaderError),
    /// Right bytes, wrong place (F12).
    #[error(
        "block {number} of file {file}, offset {offset} stands here: a misdirected write, or a file that was copied or renamed"
    )]
    Misplaced { number: u64, file: u32, offset: u64 },
    /// Never touched: the file belongs to someone else.
    #[error("a block of another store stands here")]
    OtherStore { store_id: [u8; 16] },
    #[error("block {number} reaches beyond the end of the file: the file was cut short")]
    BeyondEnd { number: u64 },
}

/// Looks at every page of a file of `file_bytes` (a rest below 4096 is ignored). `read(offset, bytes)` returns exactly that
/// many bytes; both are multiples of 4096. Where a read fails, its pages are tried one by one, so that one bad sector hides one
/// page.
pub fn scan_file(
    store_id: &[u8; 16],
    file: u32,
    file_bytes: u64,
    read: &mut dyn FnMut(u64, usize) -> Result<Bytes, ReadError>,
) -> FileScan {
    let mut scan = FileScan { file, blocks: Vec::new(), findings: Vec::new() };
    let pages_end = file_bytes / ALIGN_BYTES as u64 * ALIGN_BYTES as u64;
    let mut offset = 0;
    while offset < pages_end {
        let bytes = (pages_end - offset).min(READ_BYTES as u64) as usize;
        match read(offset, bytes) {
            Ok(pages) => scan.look_at(store_id, offset, file_bytes, &pages),
            Err(_) => scan.page_by_page(store_id, offset, bytes, file_bytes, read),
        }
        offset += bytes as u64;
    }
    scan
}

impl FileScan {
    fn page_by_page(
        &mut self,
        store_id: &[u8; 16],
        start: u64,
        bytes: usize,
        file_bytes: u64,
        read: &mut dyn FnMut(u64, usize) -> Result<Bytes, ReadError>,
    ) {
        for offset in (start..start + bytes as u64).step_by(ALIGN_BYTES) {
            let outcomes = (0..READS_MAX).map(|_| read(offset, ALIGN_BYTES));
            match first_success(outcomes) {
                Ok(page) => self.look_at(store_id, offset, file_bytes, &page),
                Err(e) => self.findings.push(Finding { offset, oddity: Oddity::Unreadable(e) }),
            }
        }
    }

    fn look_at(&mut self, store_id: &[u8; 16], start: u64, file_bytes: u64, pages: &[u8]) {
        for (page, offset) in pages.chunks_exact(ALIGN_BYTES).zip((start..).step_by(ALIGN_BYTES)) {
            match self.judge(store_id, offset, file_bytes, BlockHeader::decode(page)) {
                Ok(Some(header)) => self.blocks.push(header),
                Ok(None) => {}
                Err(oddity) => self.findings.push(Finding { offset, oddity }),
            }
        }
    }

    fn judge(
        &self,
        store_id: &[u8; 16],
        offset: u64,
        file_bytes: u64,
        decoded: Result<BlockHeader, HeaderError>,
    ) -> Result<Option<BlockHeader>, Oddity> {
        let header = match decoded {
            Ok(header) => header,
            Err(HeaderError::NoMagic) => return Ok(None),
            Err(HeaderError::NewerVersion { store_id: theirs, .. }) if theirs != *store_id => {
                return Err(Oddity::OtherStore { store_id: theirs });
            }
            Err(e) => return Err(Oddity::BadHeader(e)),
        };
        if header.store_id != *store_id {
            return Err(Oddity::OtherStore { store_id: header.store_id });
        }
        if header.file != self.file || header.offset != offset {
            return Err(Oddity::Misplaced { number: header.number, file: header.file, offset: header.offset });
        }
        if offset + u64::from(header.block_bytes) > file_bytes {
            return Err(Oddity::BeyondEnd { number: header.number });
        }
        Ok(Some(header))
    }
}

/// The first answer that is one, or else the last error.
fn first_success(outcomes: impl Iterator<Item = Result<Bytes, ReadError>>) -> Result<Bytes, ReadError> {
    let mut last = Err(ReadError("it was not tried".to_owned()));
    for outcome in outcomes {
        last = outcome;
        if last.is_ok() {
            break;
        }
    }
    last
}
