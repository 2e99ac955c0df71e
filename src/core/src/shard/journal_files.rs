//! Which journal file the next block goes to, when one more is wanted, and when one may be handed out again.

use std::collections::VecDeque;

use crate::buffer::ALIGN_BYTES;
use crate::journal::FirstBlock;
use crate::limits::{BLOCK_BYTES_MAX, JOURNAL_FILE_RESERVED_BYTES};

/// The shard's journal files: those behind (`used`), the one being filled, those ahead (`ready`).
#[derive(Debug, Default)]
pub(super) struct JournalFiles {
    used: VecDeque<UsedFile>,
    /// The journal's first block stands in a file that is still to come; no other was asked for.
    first: Option<FirstBlock>,
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

/// ```text
/// 0                              offset                          bytes - 8192  bytes - 4096  bytes
/// | blocks, one behind the other | room for the next one ...     | reserved    | reserved    |
/// ```
#[derive(Debug)]
struct CurrentFile {
    file: u32,
    bytes: u64,
    /// Where the next block goes.
    offset: u64,
    /// The newest block in a reserved page.
    reserved: Option<Reserved>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reserved {
    number: u64,
    offset: u64,
}

impl CurrentFile {
    /// Where batches may not go.
    fn reserved_from(&self) -> u64 {
        self.bytes - JOURNAL_FILE_RESERVED_BYTES as u64
    }

    fn has_room(&self, block_bytes: u64) -> bool {
        self.offset + block_bytes <= self.reserved_from()
    }

    /// The reserved page that does not hold the newest block of these, for block `number`, which says that nothing before it is
    /// needed. Only such blocks go there, and only while no other write is in flight.
    ///
    /// Why what stood in the page may go, however the write lands. Let p be the block of this journal that it held since the
    /// file was given out, if any; then the other page holds a newer one, q, which needed nothing before it either, and stays:
    /// - Not at all: nothing has changed.
    /// - Torn, so that neither p nor `number` is found: q says that p is not needed, and so does every block behind q. The newest
    ///   durable block, `number - 1`, is q or is outside of the reserve; all from its `needed_from` on are where they were.
    /// - Torn behind a header that is whole, or whole: recovery begins at `number`, and whatever came before it was published.
    ///
    /// A block that still needs older ones must not go there. Recovery asks for every number from the highest `needed_from` on,
    /// empty blocks included, so that it is needed itself, by each newer block that is no further: two such blocks fill both
    /// pages, and a third would overwrite one that it calls needed.
    fn take_reserved(&mut self, number: u64) -> u64 {
        let (one, other) = (self.reserved_from(), self.bytes - ALIGN_BYTES as u64);
        let offset = if self.reserved.is_some_and(|newest| newest.offset == one) { other } else { one };
        self.reserved = Some(Reserved { number, offset });
        offset
    }
}

impl JournalFiles {
    /// The journal goes on behind its first block, in a file that is on its way without having been ordered.
    pub(super) fn begin(&mut self, first: FirstBlock) {
        self.first = Some(first);
    }

    /// # Panics
    /// If the file could not take every block.
    pub(super) fn on_ready(&mut self, file: u32, bytes: u64) {
        assert!(
            bytes >= BLOCK_BYTES_MAX as u64,
            "a journal file takes any block: it has at least {BLOCK_BYTES_MAX} bytes"
        );
        if let Some(first) = self.first.filter(|first| first.file == file) {
            self.current = Some(CurrentFile { file, bytes, offset: u64::from(first.block_bytes), reserved: None });
            return;
        }
        self.ordered = false;
        self.ready.push_back((file, bytes));
    }

    /// One file is kept ahead of the one being filled, so that filling it up never waits for zeros to be written; but not
    /// while nothing stands behind the first block. True: order one.
    pub(super) fn wants_one(&mut self) -> bool {
        let wants = self.ready.is_empty() && !self.ordered && self.first.is_none();
        self.ordered |= wants;
        wants
    }

    /// The place of block `number`, switching to the next file where the block does not fit this one; `None` while no file is
    /// ready. The rest of a file stays as it is: what lies there is of an earlier life and never carries this journal's sums.
    pub(super) fn place(&mut self, number: u64, block_bytes: u64) -> Option<(u32, u64)> {
        if self.current.is_some() {
            self.first = None;
        }
        if !self.fits_current(block_bytes) {
            let (file, bytes) = self.ready.pop_front()?;
            let full = self.current.replace(CurrentFile { file, bytes, offset: 0, reserved: None });
            self.used.extend(full.map(|full| UsedFile { file: full.file, last_block: number - 1 }));
        }
        let current = self.current.as_mut()?;
        let place = (current.file, current.offset);
        current.offset += block_bytes;
        Some(place)
    }

    /// The place of block `number`, which holds no batches. A reserved page, if it `needs_nothing` before it, and the file being
    /// filled has no other place or should be filled again because batches wait for one; otherwise as for any block. (Batches
    /// that wait do not fit there.)
    pub(super) fn place_empty(&mut self, number: u64, needs_nothing: bool, batches_wait: bool) -> Option<(u32, u64)> {
        let has_room = self.fits_current(ALIGN_BYTES as u64);
        match &mut self.current {
            Some(current) if needs_nothing && (batches_wait || !has_room) => {
                Some((current.file, current.take_reserved(number)))
            }
            _ => self.place(number, ALIGN_BYTES as u64),
        }
    }

    /// Whether [`JournalFiles::place_empty`] has a place now.
    pub(super) fn has_empty_place(&self, needs_nothing: bool) -> bool {
        let in_reserve = needs_nothing && self.current.is_some();
        in_reserve || self.fits_current(ALIGN_BYTES as u64) || !self.ready.is_empty()
    }

    fn fits_current(&self, block_bytes: u64) -> bool {
        self.current.as_ref().is_some_and(|current| current.has_room(block_bytes))
    }

    /// Block `number`, the newest of all, is durable and says that none before it is needed. If it is in a reserved page, its
    /// file is filled from the beginning again.
    ///
    /// What is overwritten then are blocks below `number`. That nobody needs them is said by block `number` itself until the
    /// next block is durable, and from then on by that one as well: no block's `needed_from` is lower than its predecessor's. It
    /// stays readable until then, because the next one goes to the beginning of the file or, if it holds no batches, to the
    /// other reserved page ([`CurrentFile::take_reserved`]).
    pub(super) fn rewind(&mut self, number: u64) {
        if let Some(current) = &mut self.current
            && current.reserved.is_some_and(|reserved| reserved.number == number)
        {
            current.offset = 0;
        }
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
    /// What of it batches may take.
    const ROOM: u64 = FILE_BYTES - 8192;

    #[test]
    fn a_block_that_does_not_fit_goes_to_the_next_file() {
        let mut files = JournalFiles::default();
        assert_eq!(files.place(1, 4096), None);
        files.on_ready(7, FILE_BYTES);
        files.on_ready(3, FILE_BYTES);
        assert_eq!(files.place(1, 4096), Some((7, 0)));
        assert_eq!(files.place(2, ROOM - 4096), Some((7, 4096)));
        assert_eq!(files.place(3, 4096), Some((3, 0)));
        assert_eq!(files.place(4, ROOM), None);
        assert_eq!(files.place(4, 8192), Some((3, 4096)), "a smaller block still fits");
    }

    #[test]
    fn what_comes_first_goes_behind_the_first_block() {
        let first = FirstBlock { file: 7, block_bytes: 4096, header_crc: 1 };
        let mut files = JournalFiles::default();
        files.begin(first);
        assert_eq!(files.place(2, 4096), None, "its file is not there yet");
        assert!(!files.wants_one(), "and it is under way");
        files.on_ready(7, FILE_BYTES);
        assert!(!files.wants_one(), "nothing was appended yet");
        assert_eq!(files.place(2, FILE_BYTES), None, "never over the first block, never beyond the end");
        assert!(files.wants_one());
        assert_eq!(files.place(2, 8192), Some((7, 4096)));
        files.on_ready(3, FILE_BYTES);
        assert_eq!(files.place(3, FILE_BYTES), Some((3, 0)));
        assert_eq!(files.pop_released(3), Some(7));
        files.on_ready(7, FILE_BYTES);
        assert_eq!(files.place(4, FILE_BYTES), Some((7, 0)), "its second life begins at the beginning");
    }

    #[test]
    fn d10_a_file_is_released_when_a_durable_block_needs_nothing_in_it() {
        let mut files = JournalFiles::default();
        files.on_ready(1, FILE_BYTES);
        files.on_ready(2, FILE_BYTES);
        files.place(1, ROOM).unwrap();
        files.place(2, ROOM).unwrap();
        assert_eq!(files.pop_released(1), None);
        assert!(!files.would_release(1) && files.would_release(2));
        assert_eq!(files.pop_released(2), Some(1));
        assert_eq!(files.pop_released(9), None, "the file being filled stays");
    }

    #[test]
    fn f16_a_full_file_takes_blocks_that_need_nothing_in_two_pages_in_turn() {
        let mut files = JournalFiles::default();
        assert!(!files.has_empty_place(true));
        assert_eq!(files.place_empty(1, true, true), None);
        files.on_ready(1, FILE_BYTES);
        assert_eq!(files.place_empty(1, true, false), Some((1, 0)), "an ordinary place where there is one");
        files.place(2, ROOM - 4096).unwrap();
        assert_eq!(files.place_empty(3, true, false), Some((1, ROOM)));
        assert_eq!(files.place_empty(4, true, false), Some((1, ROOM + 4096)), "the newest one is never overwritten");
        assert_eq!(files.place_empty(5, true, true), Some((1, ROOM)));
        assert_eq!(files.place(6, 4096), None);
    }

    #[test]
    fn f16_a_block_that_needs_older_ones_never_goes_to_the_reserve() {
        let mut files = JournalFiles::default();
        files.on_ready(1, FILE_BYTES);
        files.place(1, ROOM - 4096).unwrap();
        assert!(files.has_empty_place(false));
        assert_eq!(files.place_empty(2, false, true), Some((1, ROOM - 4096)), "what is left is too small for batches");
        for batches_wait in [false, true] {
            assert!(!files.has_empty_place(false) && files.has_empty_place(true));
            assert_eq!(files.place_empty(3, false, batches_wait), None);
        }
        files.on_ready(2, FILE_BYTES);
        assert!(files.has_empty_place(false));
        assert_eq!(files.place_empty(3, false, false), Some((2, 0)));
    }

    #[test]
    fn f16_a_file_is_filled_again_when_a_block_in_its_reserve_says_so() {
        let mut files = JournalFiles::default();
        files.on_ready(1, FILE_BYTES);
        files.place(1, ROOM).unwrap();
        files.rewind(1);
        assert_eq!(files.place(2, 4096), None, "block 1 is where the next one would go");
        files.place_empty(2, true, true).unwrap();
        files.rewind(2);
        assert_eq!(files.place(3, ROOM), Some((1, 0)));
        assert_eq!(files.place_empty(4, true, true), Some((1, ROOM + 4096)));
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
