//! Cuts bytes into lines. A line feed ends a record and belongs to none; every other byte is the record's.

use bytes::Bytes;

use super::{LINE_BYTES_MAX, LineError};

/// Holds the unfinished line between two reads.
#[derive(Debug, Default)]
pub struct LineCutter {
    unfinished: Vec<u8>,
}

impl LineCutter {
    /// Takes what a read returned and gives back the lines it completes, each with its line feed, in a buffer of exactly
    /// that size: records are slices of it and stay until acked, so a read of one short line must not pin a large buffer.
    pub fn push(&mut self, read: &[u8]) -> Bytes {
        let whole = memchr::memrchr(b'\n', read).map_or(0, |at| at + 1);
        if whole == 0 {
            self.unfinished.extend_from_slice(read);
            return Bytes::new();
        }
        let mut block = Vec::with_capacity(self.unfinished.len() + whole);
        block.append(&mut self.unfinished);
        block.extend_from_slice(&read[..whole]);
        self.unfinished.extend_from_slice(&read[whole..]);
        Bytes::from(block)
    }

    /// Fails once the unfinished line is longer than any record could be spelled. To be asked after every push, when the
    /// lines before it have been taken.
    pub fn check(&self) -> Result<(), LineError> {
        if self.unfinished.len() > LINE_BYTES_MAX { Err(LineError::LineTooLong) } else { Ok(()) }
    }

    /// The last line, where the input does not end in a line feed; else empty.
    pub fn finish(self) -> Bytes {
        Bytes::from(self.unfinished)
    }
}

/// The lines of a block, without their line feeds.
pub fn lines(mut block: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if block.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr(b'\n', &block) else { return Some(std::mem::take(&mut block)) };
        let mut line = block.split_to(end + 1);
        line.truncate(end);
        Some(line)
    })
}
