//! The footer: a chunk's table of pages, and for every stream its state record and where its batches are.
//!
//! ```text
//!   0 [112] the object's header again: a footer that is fetched alone still says whose it is (reliability.md F12)
//! 112 u32 number of pages        116 u32 number of streams
//! 120 page table, 16 bytes each (page.rs)
//!     then every stream, in order of stream id:
//!       u32 length, state record as of just after this chunk (state.rs)
//!       u32 length, the stream's catalog entry (control/stream.rs) in its first chunk, otherwise length 0
//!       u32 number of runs, then each run, 88 bytes (run.rs)
//! ```
//! Its checksum is in the trailer and in the catalog.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use riverrun_protocol::types::StreamId;

use super::header::{HEADER_BYTES, ObjectHeader, ObjectKind};
use super::page::{PAGE_ENTRY_BYTES, PageEntry};
use super::run::{PageRun, RUN_BYTES};
use super::state::STATE_BYTES_MIN;
use super::trailer::{FooterRange, TRAILER_BYTES};
use super::{ChunkId, StreamState};
use crate::action::PagesFrom;
use crate::control::StreamEntry;
use crate::event::ChunkRange;
use crate::stored::{Reader, StoredError, Write};

pub(super) const WHAT: &str = "chunk footer";
/// Three lengths and the shortest state record.
const STREAM_BYTES_MIN: usize = 12 + STATE_BYTES_MIN;

/// What one chunk holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footer {
    pub header: ObjectHeader,
    pub pages: Vec<PageEntry>,
    /// In order of stream id.
    pub streams: Vec<StreamIndex>,
}

/// What one chunk holds of one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamIndex {
    /// As of just after this chunk.
    pub state: StreamState,
    /// In the stream's first chunk.
    pub entry: Option<Arc<StreamEntry>>,
    /// In order of position, at most one per page. Empty where the chunk holds only the state.
    pub runs: Vec<PageRun>,
}

impl Footer {
    pub fn find(&self, stream_id: StreamId) -> Option<&StreamIndex> {
        let found = self.streams.binary_search_by(|stream| stream.state.stream_id.cmp(&stream_id));
        found.ok().map(|index| &self.streams[index])
    }

    /// The runs in which to look for the first record at or after `from`, in order: the first run holds or follows it. Empty
    /// where the chunk holds nothing there.
    pub fn pages_from(&self, stream_id: StreamId, from: PagesFrom) -> &[PageRun] {
        let runs = self.find(stream_id).map_or(&[][..], |stream| &stream.runs);
        &runs[runs.partition_point(|run| run.ends_before(from))..]
    }

    pub fn page(&self, run: &PageRun) -> &PageEntry {
        &self.pages[run.page as usize]
    }

    pub fn raw_bytes(&self) -> u64 {
        self.pages.iter().map(|page| u64::from(page.raw_bytes)).sum()
    }

    pub fn stored_page_bytes(&self) -> u64 {
        self.pages.iter().map(|page| u64::from(page.stored_bytes)).sum()
    }

    #[doc(hidden)]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.pages.len() * PAGE_ENTRY_BYTES + self.streams.len() * 256);
        out.put_slice(&self.header.encode());
        out.put_u32_le(self.pages.len() as u32);
        out.put_u32_le(self.streams.len() as u32);
        self.pages.iter().for_each(|page| page.encode(&mut out));
        self.streams.iter().for_each(|stream| stream.encode(&mut out));
        out.into()
    }

    /// `bytes` is exactly what `range` of the object holds.
    pub fn decode(bytes: &[u8], range: &FooterRange) -> Result<Self, StoredError> {
        if bytes.len() != range.bytes as usize {
            let (bytes, expected) = (bytes.len() as u64, u64::from(range.bytes));
            return Err(StoredError::Truncated { what: WHAT, bytes, expected });
        }
        if crc32c::crc32c(bytes) != range.crc {
            return Err(StoredError::damaged(WHAT, 0, "the footer's checksum is wrong"));
        }
        let header = ObjectHeader::decode(bytes)?;
        if header.kind != ObjectKind::Chunk {
            return Err(StoredError::damaged(WHAT, 0, "a fence has no footer"));
        }
        if range.offset.checked_add(bytes.len() as u64 + TRAILER_BYTES as u64) != Some(header.object_bytes) {
            return Err(StoredError::damaged(WHAT, 0, "the footer does not end where the object says"));
        }
        let mut reader = Reader::new(WHAT, bytes);
        reader.bytes(HEADER_BYTES)?;
        Self::decode_tables(header, &mut reader, range.offset)
    }

    fn decode_tables(header: ObjectHeader, reader: &mut Reader<'_>, end: u64) -> Result<Self, StoredError> {
        let page_count = reader.count(PAGE_ENTRY_BYTES)?;
        let stream_count = reader.count(STREAM_BYTES_MIN)?;
        let pages = decode_pages(reader, page_count, end)?;
        let mut streams: Vec<StreamIndex> = Vec::with_capacity(stream_count.min(reader.remaining() / STREAM_BYTES_MIN));
        for _ in 0..stream_count {
            let stream = StreamIndex::decode(reader, &pages)?;
            if streams.last().is_some_and(|last| last.state.stream_id >= stream.state.stream_id) {
                return Err(reader.damaged("streams are out of order"));
            }
            streams.push(stream);
        }
        reader.end()?;
        Ok(Self { header, pages, streams })
    }
}

/// Pages lie back to back between header and footer.
fn decode_pages(reader: &mut Reader<'_>, count: usize, end: u64) -> Result<Vec<PageEntry>, StoredError> {
    let mut pages = Vec::with_capacity(count.min(reader.remaining() / PAGE_ENTRY_BYTES));
    let mut offset = HEADER_BYTES as u64;
    for _ in 0..count {
        let page = PageEntry::decode(reader, offset)?;
        offset += u64::from(page.stored_bytes);
        pages.push(page);
    }
    match offset == end {
        true => Ok(pages),
        false => Err(reader.damaged(format!("pages end at byte {offset}, the footer begins at {end}"))),
    }
}

impl StreamIndex {
    /// What this chunk holds of the stream, as the shard keeps it; `None` without records.
    pub fn range(&self, chunk: ChunkId) -> Option<ChunkRange> {
        let (first, last) = (self.runs.first()?, self.runs.last()?);
        Some(ChunkRange {
            chunk,
            first_seq_num: first.first_seq_num,
            end_seq_num: last.end_seq_num,
            first_timestamp: first.first_timestamp,
            last_timestamp: last.last_timestamp,
        })
    }

    /// When the last of its records here will have expired; 0 = at least one never does.
    pub fn expires_at_ms_max(&self) -> u64 {
        let forever = self.runs.iter().any(|run| run.expires_at_ms_max == 0);
        let last = self.runs.iter().map(|run| run.expires_at_ms_max).max().unwrap_or(0);
        if forever { 0 } else { last }
    }

    /// When the newest of its records here arrived; 0 without records.
    pub fn arrival_ms_max(&self) -> u64 {
        self.runs.iter().map(|run| run.arrival_ms_max).max().unwrap_or(0)
    }

    pub fn record_count(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.record_count)).sum()
    }

    pub fn metered_bytes(&self) -> u64 {
        // As the chunk claims them: nothing but their checksum says that they are true.
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.metered_bytes))
    }

    pub fn raw_bytes(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.raw_bytes)).sum()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut state = Vec::with_capacity(STATE_BYTES_MIN);
        self.state.encode(&mut state);
        out.put_prefixed(&state);
        out.put_prefixed(&self.entry.as_ref().map(|entry| entry.encode()).unwrap_or_default());
        out.put_u32_le(self.runs.len() as u32);
        self.runs.iter().for_each(|run| run.encode(out));
    }

    fn decode(reader: &mut Reader<'_>, pages: &[PageEntry]) -> Result<Self, StoredError> {
        let state = StreamState::decode(reader.prefixed()?)?;
        let entry = match reader.prefixed()? {
            [] => None,
            bytes => Some(Arc::new(StreamEntry::decode(bytes)?)),
        };
        let count = reader.count(RUN_BYTES)?;
        let mut runs: Vec<PageRun> = Vec::with_capacity(count);
        for _ in 0..count {
            let run = PageRun::decode(reader, pages)?;
            if runs.last().is_some_and(|last| !last.is_followed_by(&run)) {
                return Err(reader.damaged("runs are out of order"));
            }
            runs.push(run);
        }
        Ok(Self { state, entry, runs })
    }
}
