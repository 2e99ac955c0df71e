//! Building a block: batches in, page-aligned buffers out.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_protocol::crc::combine;

use super::checksum::seed;
use super::directory::{ENTRY_BYTES, write_entry};
use super::header::{BlockHeader, HEADER_BYTES};
use crate::buffer::{ALIGN_BYTES, align_up, aligned};

/// Inline parts of blocks are cut from slabs of this size. Small blocks so share one allocation and one later free, and an
/// unpublished batch of 200 bytes pins its slab's neighbours, which are as old as itself, rather than a buffer of its own.
pub const SLAB_BYTES: usize = 1 << 20;

/// What the header says beyond the batches; see [`super::header`] for the meaning and the rules between the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockMeta {
    pub store_id: [u8; 16],
    pub journal_id: [u8; 16],
    pub salt: u64,
    pub epoch: u64,
    pub shard: u16,
    pub q: u32,
    pub number: u64,
    pub file: u32,
    pub offset: u64,
    pub durable_watermark: u64,
    pub needed_from: u64,
    pub prev_header_crc: u32,
    pub wall_ms: u64,
}

/// A block as it is written: `buffers` back to back at `offset` of `file`.
#[derive(Clone, Debug)]
pub struct ClosedBlock {
    pub number: u64,
    /// Each at an address and of a length that divide by 4096.
    pub buffers: Vec<Bytes>,
    /// The batches in the order in which they were put in, sharing the buffers' memory.
    pub batches: Vec<Bytes>,
    pub header_crc: u32,
    pub block_bytes: u32,
}

/// The block that is being filled. [`OpenBlock::close`] leaves an empty one behind, on the rest of the same slab.
///
/// Small batches are copied in ([`OpenBlock::append_inline`]); a large one is taken as the frame it was received in
/// ([`OpenBlock::push_extent`]) and never read again: its part of the block's sum is combined from the batch's own.
///
/// In memory a block is a few *inline* buffers (one, unless a slab ran out within it) followed by the extents. The first
/// inline buffer begins with the header, the last one ends with the directory; room for both is set aside with each batch, so
/// that closing cannot fail.
#[derive(Debug)]
pub struct OpenBlock {
    block_bytes_max: usize,
    /// The inline buffer being filled; its spare capacity is the slab's rest. Empty: not begun.
    current: BytesMut,
    /// Inline buffers that were full, padded to whole pages.
    full: Vec<BytesMut>,
    full_bytes: usize,
    extents: Vec<Extent>,
    extents_bytes: usize,
    batches: Vec<Place>,
    /// The next slab, if somebody gave one.
    spare: Option<BytesMut>,
}

#[derive(Debug)]
struct Extent {
    /// Padded to whole pages.
    frame: BytesMut,
    payload: Range<usize>,
    payload_crc: u32,
}

/// Where a batch is: in the i-th inline buffer or extent, at this range.
#[derive(Clone, Debug)]
enum Place {
    Inline(usize, Range<usize>),
    Extent(usize, Range<usize>),
}

impl OpenBlock {
    /// `block_bytes_max` is at most [`crate::limits::BLOCK_BYTES_MAX`] and the size of a journal file.
    pub fn new(block_bytes_max: usize) -> Self {
        Self {
            block_bytes_max,
            current: BytesMut::new(),
            full: Vec::new(),
            full_bytes: 0,
            extents: Vec::new(),
            extents_bytes: 0,
            batches: Vec::new(),
            spare: None,
        }
    }

    /// How much memory the block wants to be given before it takes so many batches more, of which so many bytes are copied in.
    /// Without being given any it finds its own, which is new each time.
    pub fn memory_wanted(&self, batches: usize, copied_bytes: usize) -> Option<usize> {
        let entries = self.batches.len() + batches;
        let wanted = self.spare.is_none() && !self.current_fits(copied_bytes, entries);
        wanted.then(|| inline_bytes(true, 0, copied_bytes, entries).max(SLAB_BYTES))
    }

    /// Gives the block the memory to be used next.
    ///
    /// # Panics
    /// If its address is not a multiple of 4096.
    pub fn give_memory(&mut self, slab: BytesMut) {
        assert!(slab.is_empty() && is_aligned(&slab), "memory comes from buffer::Slabs");
        self.spare = Some(slab);
    }

    /// An empty block on the rest of this one's slab, to be filled while this one, which takes no more batches, waits to be
    /// closed. A new one would begin with a slab of its own.
    pub fn successor(&mut self) -> Self {
        self.reserve_directory();
        let end = inline_bytes(self.full.is_empty(), self.current.len(), 0, self.batches.len());
        Self { current: self.current.split_off(end), ..Self::new(self.block_bytes_max) }
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Number of batches in it.
    pub fn batch_count(&self) -> usize {
        self.batches.len()
    }

    /// What the block would take in its file if it were closed now; 4096 when empty.
    pub fn block_bytes_if_closed(&self) -> usize {
        self.block_bytes_with(0, 0, 0)
    }

    /// Whether a batch of this length still fits. An empty block takes any batch that fits a block at all.
    pub fn has_room_inline(&self, batch_bytes: usize) -> bool {
        self.block_bytes_with(batch_bytes, 1, 0) <= self.block_bytes_max
    }

    /// Whether a received frame of this length still fits.
    pub fn has_room_extent(&self, frame_bytes: usize) -> bool {
        self.block_bytes_with(0, 1, frame_bytes) <= self.block_bytes_max
    }

    /// Copies `batch` in and lends the copy, for the server's part of the batch to be stamped on it.
    ///
    /// # Panics
    /// If there is no room (ask [`OpenBlock::has_room_inline`]) or the batch is empty.
    pub fn append_inline(&mut self, batch: &[u8]) -> &mut [u8] {
        assert!(!batch.is_empty() && self.has_room_inline(batch.len()), "the caller asked for room first");
        self.reserve(batch.len());
        self.current.put_bytes(0, padding_to(self.current.len(), 8));
        let start = self.current.len();
        self.current.extend_from_slice(batch);
        let end = self.current.len();
        self.batches.push(Place::Inline(self.full.len(), start..end));
        &mut self.current[start..end]
    }

    /// Takes a received frame that holds one batch, already stamped, at `batch`. `payload_bytes` at the batch's end sum up to
    /// `payload_crc` (unsalted), which is trusted: a wrong one makes the whole block read as damaged.
    ///
    /// # Panics
    /// If there is no room (ask [`OpenBlock::has_room_extent`]); if the frame's address is not a multiple of 4096, or its
    /// capacity below its length rounded up; if the ranges are not inside each other.
    pub fn push_extent(&mut self, mut frame: BytesMut, batch: Range<usize>, payload_crc: u32, payload_bytes: u32) {
        assert!(self.has_room_extent(frame.len()), "the caller asked for room first");
        assert!(
            !batch.is_empty() && batch.end <= frame.len() && payload_bytes as usize <= batch.len(),
            "batch inside frame"
        );
        let padded = align_up(frame.len());
        assert!(is_aligned(&frame) && frame.capacity() >= padded, "frame buffers come from buffer::aligned");
        self.reserve(0);
        frame.resize(padded, 0);
        self.batches.push(Place::Extent(self.extents.len(), batch.clone()));
        self.extents.push(Extent { frame, payload: batch.end - payload_bytes as usize..batch.end, payload_crc });
        self.extents_bytes += padded;
    }

    /// Finishes the block. Closing an empty one makes a watermark block.
    ///
    /// # Panics
    /// If `meta` breaks a rule of [`BlockHeader::check`], such as more than q blocks above the watermark: writing that block
    /// would make recovery call a torn tail damage, or damage a torn tail.
    pub fn close(&mut self, meta: BlockMeta) -> ClosedBlock {
        self.reserve_directory();
        let directory_offset = self.write_directory();
        let mut inline = std::mem::take(&mut self.full);
        inline.push(self.current.split());
        let extents = std::mem::take(&mut self.extents);
        let block_bytes = self.full_bytes + inline.last().map_or(0, BytesMut::len) + self.extents_bytes;
        let mut header = BlockHeader {
            salt: meta.salt,
            store_id: meta.store_id,
            journal_id: meta.journal_id,
            epoch: meta.epoch,
            number: meta.number,
            durable_watermark: meta.durable_watermark,
            needed_from: meta.needed_from,
            wall_ms: meta.wall_ms,
            offset: meta.offset,
            file: meta.file,
            shard: meta.shard,
            q: meta.q,
            block_bytes: block_bytes as u32,
            directory_offset: directory_offset as u32,
            directory_count: self.batches.len() as u32,
            prev_header_crc: meta.prev_header_crc,
            payload_crc: payload_sum(meta.salt, &inline, &extents),
            header_crc: 0,
        };
        let sound = header.check();
        assert!(sound.is_ok(), "block {} not written: {}", meta.number, sound.err().unwrap_or_default());
        let first: &mut [u8; HEADER_BYTES] =
            (&mut inline[0][..HEADER_BYTES]).try_into().expect("a slice of exactly this length");
        let header_crc = header.encode(first);
        self.full_bytes = 0;
        self.extents_bytes = 0;
        finish(header.number, header_crc, block_bytes as u32, inline, extents, std::mem::take(&mut self.batches))
    }

    /// The directory and its padding behind the last inline batch; returns its offset in the block.
    fn write_directory(&mut self) -> usize {
        self.current.put_bytes(0, padding_to(self.current.len(), 8));
        let directory_offset = self.full_bytes + self.current.len();
        let current_end = align_up(self.current.len() + self.batches.len() * ENTRY_BYTES);
        let mut inline_at = 0;
        let inline_starts: Vec<usize> = self.full.iter().map(|full| take(&mut inline_at, full.len())).collect();
        let mut extent_at = self.full_bytes + current_end;
        let extent_starts: Vec<usize> = self.extents.iter().map(|e| take(&mut extent_at, e.frame.len())).collect();
        for place in &self.batches {
            let (start, range) = match place {
                Place::Inline(i, range) => (inline_starts.get(*i).copied().unwrap_or(inline_at), range),
                Place::Extent(i, range) => (extent_starts[*i], range),
            };
            write_entry(&mut self.current, (start + range.start) as u32, range.len() as u32);
        }
        self.current.resize(current_end, 0);
        directory_offset
    }

    /// Makes room in `current` for a batch of this length and its directory entry.
    fn reserve(&mut self, batch_bytes: usize) {
        self.reserve_for(batch_bytes, self.batches.len() + 1);
    }

    /// For blocks without batches: with each batch its entry's room was reserved.
    fn reserve_directory(&mut self) {
        self.reserve_for(0, self.batches.len());
    }

    fn reserve_for(&mut self, batch_bytes: usize, entries: usize) {
        if self.current_fits(batch_bytes, entries) {
            self.begin();
            return;
        }
        if !self.current.is_empty() {
            self.current.resize(align_up(self.current.len()), 0);
            self.full_bytes += self.current.len();
            self.full.push(self.current.split());
        }
        let needed = inline_bytes(self.full.is_empty(), 0, batch_bytes, entries);
        let given = self.spare.take().filter(|spare| spare.capacity() >= needed);
        self.current = given.unwrap_or_else(|| aligned(needed.max(SLAB_BYTES)));
        self.begin();
    }

    /// The block's first inline buffer starts with room for the header.
    fn begin(&mut self) {
        if self.current.is_empty() && self.full.is_empty() {
            self.current.put_bytes(0, HEADER_BYTES);
        }
    }

    fn current_fits(&self, batch_bytes: usize, entries: usize) -> bool {
        inline_bytes(self.full.is_empty(), self.current.len(), batch_bytes, entries) <= self.current.capacity()
    }

    fn block_bytes_with(&self, inline: usize, entries: usize, frame: usize) -> usize {
        let entries = self.batches.len() + entries;
        let others = self.full_bytes + self.extents_bytes + align_up(frame);
        if self.current.is_empty() || self.current_fits(inline, entries) {
            return others + inline_bytes(self.full.is_empty(), self.current.len(), inline, entries);
        }
        others + align_up(self.current.len()) + inline_bytes(false, 0, inline, entries)
    }
}

/// Length of an inline buffer that holds `filled` bytes, once another batch and the whole directory are in it.
fn inline_bytes(is_first: bool, filled: usize, batch_bytes: usize, entries: usize) -> usize {
    let filled = if filled == 0 && is_first { HEADER_BYTES } else { filled };
    let batch_end = filled.next_multiple_of(8) + batch_bytes;
    align_up((batch_end.next_multiple_of(8) + entries * ENTRY_BYTES).max(1))
}

/// The salted sum over everything after the header. Inline bytes are in the cache still; the payload of an extent is not read.
fn payload_sum(salt: u64, inline: &[BytesMut], extents: &[Extent]) -> u32 {
    let mut sum = seed(salt);
    let mut skip = HEADER_BYTES;
    for buffer in inline {
        sum = crc32c::crc32c_append(sum, &buffer[skip..]);
        skip = 0;
    }
    for Extent { frame, payload, payload_crc } in extents {
        sum = crc32c::crc32c_append(sum, &frame[..payload.start]);
        sum = combine(sum, *payload_crc, payload.len());
        sum = crc32c::crc32c_append(sum, &frame[payload.end..]);
    }
    sum
}

fn finish(
    number: u64,
    header_crc: u32,
    block_bytes: u32,
    inline: Vec<BytesMut>,
    extents: Vec<Extent>,
    places: Vec<Place>,
) -> ClosedBlock {
    let inline_count = inline.len();
    let frames = extents.into_iter().map(|extent| extent.frame);
    let buffers: Vec<Bytes> = inline.into_iter().chain(frames).map(BytesMut::freeze).collect();
    let slice = |place| match place {
        Place::Inline(i, range) => buffers[i].slice(range),
        Place::Extent(i, range) => buffers[inline_count + i].slice(range),
    };
    let batches = places.into_iter().map(slice).collect();
    assert!(
        buffers.iter().all(|b| is_aligned(b) && b.len().is_multiple_of(ALIGN_BYTES)),
        "direct I/O takes whole pages only"
    );
    ClosedBlock { number, buffers, batches, header_crc, block_bytes }
}

fn is_aligned(buffer: &[u8]) -> bool {
    buffer.as_ptr().addr().is_multiple_of(ALIGN_BYTES)
}

fn padding_to(at: usize, multiple: usize) -> usize {
    at.next_multiple_of(multiple) - at
}

/// Returns the position and moves it on.
fn take(at: &mut usize, bytes: usize) -> usize {
    let start = *at;
    *at += bytes;
    start
}
