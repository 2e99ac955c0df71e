//! Which records a reader gets next: a run of batches, cut where the read's bounds say so (`s2-semantics.md` C5).

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::limits::BATCH_RECORDS_MAX;
use riverrun_protocol::response::CompressedPage;

use crate::event::ChunkRange;

/// What is left of a read's bounds. A record that breaks one of them ends the read; there is no "at least one".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub(super) count: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// Exclusive.
    pub(super) until: Option<u64>,
}

impl Bounds {
    /// Whether they let everything through from the reader's cursor to the chunk's end, so that no page of it has to be cut. (From the
    /// cursor: what is loaded and not sent yet is not subtracted yet.)
    pub(super) fn allow_rest_of(&self, chunk: &ChunkRange, cursor: u64) -> bool {
        self.count.is_none_or(|count| chunk.end_seq_num - cursor <= count)
            && self.bytes.is_none()
            && self.until.is_none_or(|until| chunk.last_timestamp < until)
    }

    fn allows_all(&self, part: &Part<'_>) -> bool {
        self.count.is_none_or(|count| part.records() <= count)
            && self.bytes.is_none_or(|bytes| part.metered_bytes <= bytes)
            && self.until.is_none_or(|until| part.batch.last_timestamp() < until)
    }

    fn allows_record(&self, batch: &Batch, index: u32, count: u64, bytes: u64) -> bool {
        self.count.is_none_or(|count_max| count <= count_max)
            && self.bytes.is_none_or(|bytes_max| bytes <= bytes_max)
            && self.until.is_none_or(|until| batch.timestamp(index) < until)
    }

    fn subtract(&mut self, records: u64, metered_bytes: u64) {
        let within =
            |left: u64, taken: u64| left.checked_sub(taken).expect("nothing is taken that the bounds do not allow");
        self.count = self.count.map(|count| within(count, records));
        self.bytes = self.bytes.map(|bytes| within(bytes, metered_bytes));
    }

    /// Takes back what was subtracted.
    pub(super) fn restore(&mut self, records: u64, metered_bytes: u64) {
        self.count = self.count.map(|count| count + records);
        self.bytes = self.bytes.map(|bytes| bytes + metered_bytes);
    }

    /// A limit that is reached exactly ends the read at once. (One that was zero from the start lets it begin: C4 comes first,
    /// and what then breaks the bound is a record.)
    fn is_exhausted(&self) -> bool {
        self.count == Some(0) || self.bytes == Some(0)
    }
}

/// What one push, or one single read's answer, carries: at most 1000 records and 1 MiB metered.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) parts: Vec<Bytes>,
    /// Instead of parts: a page that goes out as it is stored.
    pub(super) page: Option<CompressedPage>,
    pub(super) first_seq_num: Option<u64>,
    pub(super) records: u64,
    pub(super) metered_bytes: u64,
    /// Of `parts` or `page`.
    pub(super) bytes: u64,
    /// A bound was reached or broken: nothing follows.
    pub(super) is_last: bool,
}

/// What ends a run of batches besides the read's bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fill {
    /// A batch that does not fit any more is left for the next push whole, because cutting it means reading what is cut off for
    /// its checksum.
    Whole { metered_bytes_max: u64 },
    /// Nothing: the bounds are at most what fits (`s2-semantics.md` C2).
    Exact,
}

/// Whether the next batch may be offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Wanted,
    /// The push is full, or the read at its end.
    Unwanted,
}

/// The records of a batch from `from` on.
struct Part<'a> {
    batch: &'a Batch,
    from: u32,
    metered_bytes: u64,
}

impl<'a> Part<'a> {
    fn new(batch: &'a Batch, from: u32) -> Self {
        let metered_bytes = match from {
            0 => batch.metered_bytes(),
            _ => (from..batch.record_count()).map(|index| batch.record_metered_bytes(index)).sum(),
        };
        Self { batch, from, metered_bytes }
    }

    fn records(&self) -> u64 {
        u64::from(self.batch.record_count() - self.from)
    }
}

impl Taken {
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Takes what it may of `batch`, from the record `cursor` on, and moves the cursor behind it.
    pub(super) fn take(&mut self, batch: &Batch, cursor: &mut u64, bounds: &mut Bounds, fill: Fill) -> Next {
        debug_assert!((batch.first_seq_num()..batch.end_seq_num()).contains(cursor));
        let part = Part::new(batch, (*cursor - batch.first_seq_num()) as u32);
        if let Fill::Whole { metered_bytes_max } = fill
            && !self.is_empty()
            && !self.fits(&part, metered_bytes_max)
        {
            return Next::Unwanted;
        }
        let end = if bounds.allows_all(&part) { batch.record_count() } else { allowed_end(&part, bounds) };
        self.is_last = end < batch.record_count();
        if end > part.from {
            self.add(&part, end, bounds);
            *cursor = batch.first_seq_num() + u64::from(end);
            self.is_last |= bounds.is_exhausted();
        }
        if self.is_last { Next::Unwanted } else { Next::Wanted }
    }

    /// A page is a push of its own.
    pub(super) fn take_page(&mut self, page: CompressedPage, bounds: &mut Bounds) {
        self.first_seq_num = Some(page.first_seq_num);
        self.records = page.end_seq_num - page.first_seq_num;
        self.bytes = page.stored.len() as u64;
        self.page = Some(page);
        bounds.subtract(self.records, 0);
        self.is_last = bounds.is_exhausted();
    }

    fn fits(&self, part: &Part<'_>, metered_bytes_max: u64) -> bool {
        self.records + part.records() <= BATCH_RECORDS_MAX as u64
            && self.metered_bytes + part.metered_bytes <= metered_bytes_max
    }

    fn add(&mut self, part: &Part<'_>, end: u32, bounds: &mut Bounds) {
        let cut_off = (end..part.batch.record_count()).map(|index| part.batch.record_metered_bytes(index));
        let metered_bytes = part.metered_bytes - cut_off.sum::<u64>();
        let records = u64::from(end - part.from);
        if records == u64::from(part.batch.record_count()) {
            self.bytes += part.batch.bytes().len() as u64;
            self.parts.push(part.batch.bytes().clone());
        } else {
            let slice = part.batch.slice(part.from..end);
            self.bytes += slice.len() as u64;
            self.parts.extend(slice.parts());
        }
        self.first_seq_num.get_or_insert(part.batch.first_seq_num() + u64::from(part.from));
        self.records += records;
        self.metered_bytes += metered_bytes;
        bounds.subtract(records, metered_bytes);
    }
}

/// The index behind the last record that the bounds allow.
fn allowed_end(part: &Part<'_>, bounds: &Bounds) -> u32 {
    let (mut count, mut bytes) = (0, 0);
    let broken = (part.from..part.batch.record_count()).find(|index| {
        count += 1;
        bytes += part.batch.record_metered_bytes(*index);
        !bounds.allows_record(part.batch, *index, count, bytes)
    });
    broken.unwrap_or(part.batch.record_count())
}
