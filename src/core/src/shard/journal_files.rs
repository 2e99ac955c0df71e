//! Which journal file the next block goes to, when one more is wanted, and when one may be handed out again.

use std::collections::VecDeque;

use crate::limits::BLOCK_BYTES_MAX;

/// The shard's journal files: those behind (`used`), the one being filled, those ahead (`ready`).
#[derive(Debug, Default)]
pub(super) struct JournalFiles {
    used: VecDeque<UsedFile>,
    current: Option<CurrentFile>,
    ready: VecDeque<(u32, u64)>,
    /// An order for one more is out.
    ordered: bool,
}

#[derive(Debug)]
struct UsedFile {
    file: u32,
    last_block: u64,
}

#[derive(Debug)]
struct CurrentFile {
    file: u32,
    bytes: u64,
    /// Where the next block goes.
    offset: u64,
}

impl JournalFiles {
    /// # Panics
    /// If the file could not take every block.
    pub(super) fn on_ready(&mut self, file: u32, bytes: u64) {
        assert!(
            bytes >= BLOCK_BYTES_MAX as u64,
            "a journal file takes any block: it has at least {BLOCK_BYTES_MAX} bytes"
        );
        self.ordered = false;
        self.ready.push_back((file, bytes));
    }

    /// One file is kept ahead of the one being filled, so that filling it up never waits for zeros to be written. True: order one.
    pub(super) fn wants_one(&mut self) -> bool {
        let wants = self.ready.is_empty() && !self.ordered;
        self.ordered |= wants;
        wants
    }

    /// The place of block `number`, switching to the next file where the block does not fit this one; `None` while no file is
    /// ready. The rest of a file stays as it is: what lies there is of an earlier life and never carries this journal's sums.
    pub(super) fn place(&mut self, number: u64, block_bytes: u64) -> Option<(u32, u64)> {
        if !self.fits_current(block_bytes) {
            let (file, bytes) = self.ready.pop_front()?;
            let full = self.current.replace(CurrentFile { file, bytes, offset: 0 });
            self.used.extend(full.map(|full| UsedFile { file: full.file, last_block: number - 1 }));
        }
        let current = self.current.as_mut()?;
        let place = (current.file, current.offset);
        current.offset += block_bytes;
        Some(place)
    }

    /// Whether a block of this length has a place now.
    pub(super) fn has_place(&self, block_bytes: u64) -> bool {
        !self.ready.is_empty() || self.fits_current(block_bytes)
    }

    fn fits_current(&self, block_bytes: u64) -> bool {
        self.current.as_ref().is_some_and(|current| current.offset + block_bytes <= current.bytes)
    }

    /// Takes out the oldest used file that recovery does not need any more, given what the newest durable block says in its
    /// `needed_from`.
    ///
    /// Why a durable block has to say it first: the file is overwritten at once. If the process died before any block on disk
    /// told so, recovery would look in it for blocks that an older block calls needed, and call the loss damage. The block that
    /// tells is never in this file itself: its own number is at least its `needed_from`, which is beyond the file's last block.
    pub(super) fn pop_released(&mut self, durable_needed_from: u64) -> Option<u32> {
        self.would_release(durable_needed_from).then(|| self.used.pop_front().map(|used| used.file)).flatten()
    }

    /// Whether a block that says `needed_from` would let a file go.
    pub(super) fn would_release(&self, needed_from: u64) -> bool {
        self.used.front().is_some_and(|used| used.last_block < needed_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_BYTES: u64 = BLOCK_BYTES_MAX as u64;

    #[test]
    fn a_block_that_does_not_fit_goes_to_the_next_file() {
        let mut files = JournalFiles::default();
        assert_eq!(files.place(1, 4096), None);
        files.on_ready(7, FILE_BYTES);
        files.on_ready(3, FILE_BYTES);
        assert_eq!(files.place(1, 4096), Some((7, 0)));
        assert_eq!(files.place(2, FILE_BYTES - 4096), Some((7, 4096)));
        assert_eq!(files.place(3, 4096), Some((3, 0)));
        assert_eq!(files.place(4, FILE_BYTES), None);
        assert_eq!(files.place(4, 8192), Some((3, 4096)), "a smaller block still fits");
    }

    #[test]
    fn d10_a_file_is_released_when_a_durable_block_needs_nothing_in_it() {
        let mut files = JournalFiles::default();
        files.on_ready(1, FILE_BYTES);
        files.on_ready(2, FILE_BYTES);
        files.place(1, FILE_BYTES).unwrap();
        files.place(2, FILE_BYTES).unwrap();
        assert_eq!(files.pop_released(1), None);
        assert!(!files.would_release(1) && files.would_release(2));
        assert_eq!(files.pop_released(2), Some(1));
        assert_eq!(files.pop_released(9), None, "the file being filled stays");
    }

    #[test]
    fn one_order_at_a_time_keeps_one_file_ahead() {
        let mut files = JournalFiles::default();
        assert!(files.wants_one());
        assert!(!files.wants_one());
        files.on_ready(1, FILE_BYTES);
        assert!(!files.wants_one());
        files.place(1, 4096).unwrap();
        assert!(files.wants_one());
    }
}
