//! Pages of chunks: the ranges that a reader needs and no more, checked before a byte leaves.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::{FuturesOrdered, TryStreamExt};
use riverrun_core::action::{PagesFrom, PagesOrder};
use riverrun_core::chunk::{ChunkId, Decompressor, Footer, PageCodec, PageEntry, PageRun, check_page, decode_page};
use riverrun_core::event::{LoadFailure, Loaded};
use riverrun_core::stored::StoredError;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::limits::PAGE_STORED_BYTES_MAX;
use riverrun_protocol::response::CompressedPage;
use tokio::sync::Semaphore;

use super::cache::{Cache, CacheUse};
use super::footers::{FetchError, Footers, read_range};
use crate::publish::Offload;
use crate::store::Objects;

/// Decompressed pages that stay for the next reader, unless it is said: of streams that share a page, and of readers that follow each
/// other.
pub const PAGE_CACHE_BYTES: usize = 64 << 20;
/// Range reads under way at once, over all loads; the journal shares the disk (performance.md 3.4).
const READS_MAX: usize = 8;
/// Fewer stored bytes than this are decompressed where they are: a visit to another thread costs more.
const DECODE_INLINE_BYTES_MAX: usize = 64 << 10;

#[derive(Debug)]
pub struct Pages {
    source: Source,
    footers: Footers,
    cache: Cache<(ChunkId, u32), Bytes>,
    offload: Offload,
    idle: Arc<Mutex<Vec<Decompressor>>>,
}

impl Pages {
    pub fn new(objects: Arc<dyn Objects>, footers: Footers, offload: Offload, cache_bytes_max: usize) -> Self {
        Self {
            source: Source { objects, reads: Semaphore::new(READS_MAX) },
            footers,
            cache: Cache::new(cache_bytes_max),
            offload,
            idle: Arc::default(),
        }
    }

    /// Decompressed pages that are kept.
    pub fn cache_usage(&self) -> CacheUse {
        self.cache.usage()
    }

    /// See [`super::Loader::load_pages`].
    pub async fn load(&self, order: PagesOrder) -> Result<Vec<Loaded>, LoadFailure> {
        let footer = self.footers.get(order.chunk).await?;
        let runs = footer.pages_from(order.stream_id, order.from);
        let as_stored = runs_as_stored(&footer, runs, &order);
        match as_stored.is_empty() {
            true => self.load_opened(&footer, within(runs, order.bytes_max), &order).await,
            false => self.load_as_stored(&footer, as_stored, order.chunk).await,
        }
    }

    async fn load_opened(
        &self,
        footer: &Footer,
        runs: &[PageRun],
        order: &PagesOrder,
    ) -> Result<Vec<Loaded>, LoadFailure> {
        let mut batches = Vec::new();
        for (run, page) in runs.iter().zip(self.pages(order.chunk, footer, runs).await?) {
            let found = run.batches(order.stream_id, &page).map_err(|error| FetchError::stored(order.chunk, error))?;
            batches.extend(found.into_iter().skip_while(|batch| ends_before(batch, order.from)).map(Loaded::Batch));
        }
        Ok(batches)
    }

    /// Read and checked, and left to the reader to open: it has a core of its own for that (design.md 5).
    async fn load_as_stored(
        &self,
        footer: &Footer,
        runs: &[PageRun],
        chunk: ChunkId,
    ) -> Result<Vec<Loaded>, LoadFailure> {
        let entries: Vec<PageEntry> = runs.iter().map(|run| *footer.page(run)).collect();
        let stored = self.fetch(chunk, &entries, Open::No).await?;
        Ok(runs.iter().zip(&entries).zip(stored).map(|((run, entry), stored)| page_of(run, entry, stored)).collect())
    }

    /// The runs' pages, decompressed, in their order.
    async fn pages(&self, chunk: ChunkId, footer: &Footer, runs: &[PageRun]) -> Result<Vec<Bytes>, FetchError> {
        let mut pages: Vec<Option<Bytes>> = runs.iter().map(|run| self.cache.get(&(chunk, run.page))).collect();
        let missing: Vec<(u32, PageEntry)> = runs
            .iter()
            .zip(&pages)
            .filter(|(_, page)| page.is_none())
            .map(|(run, _)| (run.page, *footer.page(run)))
            .collect();
        let entries: Vec<PageEntry> = missing.iter().map(|(_, entry)| *entry).collect();
        let mut fetched = self.fetch(chunk, &entries, Open::Yes).await?.into_iter();
        for ((number, entry), page) in missing.iter().zip(pages.iter_mut().filter(|page| page.is_none())) {
            *page = fetched.next();
            if let Some(page) = page {
                self.cache.insert((chunk, *number), page.clone(), entry.raw_bytes as usize);
            }
        }
        Ok(pages.into_iter().flatten().collect())
    }

    async fn fetch(&self, chunk: ChunkId, entries: &[PageEntry], open: Open) -> Result<Vec<Bytes>, FetchError> {
        match self.fetch_once(chunk, entries, open).await {
            // Once more: it may have been damaged on the way (reliability.md F37).
            Err(FetchError::Stored { .. }) => self.fetch_once(chunk, entries, open).await,
            fetched => fetched,
        }
    }

    async fn fetch_once(&self, chunk: ChunkId, entries: &[PageEntry], open: Open) -> Result<Vec<Bytes>, FetchError> {
        let stored = self.source.read(chunk, entries).await?;
        let pages = match open {
            Open::Yes => self.decode(entries.iter().copied().zip(stored).collect()).await,
            Open::No => check_all(entries, stored),
        };
        pages.map_err(|error| FetchError::stored(chunk, error))
    }

    async fn decode(&self, work: Vec<(PageEntry, Bytes)>) -> Result<Vec<Bytes>, StoredError> {
        let idle = Arc::clone(&self.idle);
        let stored_bytes: usize = work.iter().map(|(_, stored)| stored.len()).sum();
        match stored_bytes <= DECODE_INLINE_BYTES_MAX {
            true => decode_all(&idle, &work),
            false => self.offload.run(move || decode_all(&idle, &work)).await,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    Yes,
    No,
}

fn check_all(entries: &[PageEntry], stored: Vec<Bytes>) -> Result<Vec<Bytes>, StoredError> {
    entries.iter().zip(&stored).try_for_each(|(entry, stored)| check_page(entry, stored))?;
    Ok(stored)
}

/// The first runs that can be handed on as they are stored, if that is wanted: compressed pages with nothing in them that is
/// another stream's or lies before the start. One that is not compressed needs no opening anyway.
fn runs_as_stored<'a>(footer: &Footer, runs: &'a [PageRun], order: &PagesOrder) -> &'a [PageRun] {
    let begins_at_start = runs.first().is_some_and(|run| order.from == PagesFrom::SeqNum(run.first_seq_num));
    if !order.as_stored || !begins_at_start {
        return &[];
    }
    let mut bytes = 0;
    let fit = runs.iter().take_while(|run| {
        let page = footer.page(run);
        let is_first = bytes == 0;
        bytes += page.stored_bytes as usize;
        let is_whole = run.raw_offset == 0 && run.raw_bytes == page.raw_bytes;
        let is_sendable = page.codec == PageCodec::Zstd && page.stored_bytes as usize <= PAGE_STORED_BYTES_MAX;
        is_whole && is_sendable && (is_first || bytes <= order.bytes_max)
    });
    &runs[..fit.count()]
}

fn page_of(run: &PageRun, entry: &PageEntry, stored: Bytes) -> Loaded {
    // One page would keep what was read with it for as long as a reader holds it, and nobody would count that.
    let stored = Bytes::copy_from_slice(&stored);
    let PageEntry { raw_bytes, crc, .. } = *entry;
    let PageRun { first_seq_num, end_seq_num, .. } = *run;
    Loaded::Page(CompressedPage { raw_bytes, crc, first_seq_num, end_seq_num, stored })
}

/// A page that was not compressed is a part of what was read with it, which the cache of pages would keep and not count: its
/// neighbours, and of a small one the 256 KiB that opendal's file service reads into.
fn owned(entry: &PageEntry, page: Bytes) -> Bytes {
    match entry.codec {
        PageCodec::Raw => Bytes::copy_from_slice(&page),
        PageCodec::Zstd => page,
    }
}

/// With a context that is made once and used again.
fn decode_all(idle: &Mutex<Vec<Decompressor>>, work: &[(PageEntry, Bytes)]) -> Result<Vec<Bytes>, StoredError> {
    let reused = idle.lock().expect("no panic while held").pop();
    let mut zstd = match reused {
        Some(zstd) => zstd,
        None => Decompressor::new().expect("zstd has memory for its context"),
    };
    let decode =
        |(entry, stored): &(PageEntry, Bytes)| decode_page(entry, stored, &mut zstd).map(|page| owned(entry, page));
    let decoded = work.iter().map(decode).collect();
    idle.lock().expect("no panic while held").push(zstd);
    decoded
}

/// Range reads, a bounded number at once.
struct Source {
    objects: Arc<dyn Objects>,
    reads: Semaphore,
}

impl Source {
    /// The stored bytes of pages that are in order; neighbours are read in one go.
    async fn read(&self, chunk: ChunkId, entries: &[PageEntry]) -> Result<Vec<Bytes>, FetchError> {
        let spans: FuturesOrdered<_> = neighbours(entries).map(|span| self.read_span(chunk, &entries[span])).collect();
        let pages: Vec<Vec<Bytes>> = spans.try_collect().await?;
        Ok(pages.concat())
    }

    async fn read_span(&self, chunk: ChunkId, entries: &[PageEntry]) -> Result<Vec<Bytes>, FetchError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let _permit = self.reads.acquire().await.expect("never closed");
        let start = first.offset;
        let span = read_range(&*self.objects, chunk, start..last.range().end).await?;
        let cut = |entry: &PageEntry| {
            let Range { start: from, end } = entry.range();
            span.slice((from - start) as usize..(end - start) as usize)
        };
        Ok(entries.iter().map(cut).collect())
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// Runs of entries that lie back to back in the object.
fn neighbours(entries: &[PageEntry]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    (1..=entries.len()).filter_map(move |end| {
        let goes_on = end < entries.len() && entries[end - 1].range().end == entries[end].offset;
        (!goes_on).then(|| std::mem::replace(&mut start, end)..end)
    })
}

/// The first runs of at most `bytes_max` together, but at least one.
fn within(runs: &[PageRun], bytes_max: usize) -> &[PageRun] {
    let mut bytes = 0;
    let fit = runs.iter().take_while(|run| {
        bytes += run.raw_bytes as usize;
        bytes <= bytes_max
    });
    &runs[..fit.count().max(1).min(runs.len())]
}

fn ends_before(batch: &Batch, from: PagesFrom) -> bool {
    match from {
        PagesFrom::SeqNum(seq_num) => batch.end_seq_num() <= seq_num,
        PagesFrom::Timestamp(timestamp) => batch.last_timestamp() < timestamp,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use riverrun_core::chunk::PageCodec;

    use super::*;

    proptest! {
        #[test]
        fn every_page_is_in_exactly_one_span_and_spans_have_no_gaps(
            gaps in prop::collection::vec((0..2u64, 1..100u32), 0..20)
        ) {
            let mut offset = 112;
            let entries: Vec<PageEntry> = gaps.iter().map(|(gap, bytes)| {
                let entry = PageEntry { offset: offset + gap, stored_bytes: *bytes, raw_bytes: *bytes, crc: 0, codec: PageCodec::Raw };
                offset = entry.range().end;
                entry
            }).collect();
            let spans: Vec<Range<usize>> = neighbours(&entries).collect();
            prop_assert_eq!(spans.iter().flat_map(Range::clone).collect::<Vec<_>>(), (0..entries.len()).collect::<Vec<_>>());
            for span in &spans {
                for pair in entries[span.clone()].windows(2) {
                    prop_assert_eq!(pair[0].range().end, pair[1].offset);
                }
            }
            let borders = spans.windows(2).all(|pair| {
                entries[pair[0].end - 1].range().end < entries[pair[1].start].offset
            });
            prop_assert!(borders, "two spans that could have been one");
        }
    }
}
