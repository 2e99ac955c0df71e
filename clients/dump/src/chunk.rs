//! What a stored chunk holds: one line for the object, for each page, for each stream. Every checksum is verified, and the
//! parts that fail are named, each by itself: one bad page hides no other.

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use riverrun_core::chunk::{
    ChunkId, Decompressor, Footer, ObjectHeader, ObjectKind, PageCodec, PageEntry, PageRun, StreamIndex, Tail, Trailer,
    decode_page, decode_tail,
};
use riverrun_core::control::StreamEntry;
use riverrun_core::stored::StoredError;
use riverrun_protocol::config::Retention;

use crate::args::{ChunkArgs, Output};
use crate::error::Error;
use crate::hextext::digits;
use crate::row::{self, Row, percent};

/// Read whole; the server's own limit on a chunk's raw bytes is far below.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Prints what `args.file` holds.
///
/// # Errors
/// It cannot be read, is no chunk, is of a newer version, or is damaged.
pub fn run(args: &ChunkArgs, out: &mut impl Write) -> Result<(), Error> {
    let object = read(&args.file)?;
    let name = args.file.display().to_string();
    let mut view = View { out, output: args.output, with_batches: args.batches, damaged: 0 };
    let shown = view.object(&object);
    view.out.flush()?;
    match shown {
        Err(Stop::Output(why)) => Err(why.into()),
        Err(Stop::Stored(why @ StoredError::Newer { .. })) => Err(Error::Foreign {
            name,
            why: why.to_string(),
            help: "use the riverrun that wrote it, or a newer one; nothing is wrong with the file".to_owned(),
        }),
        Err(Stop::Stored(why)) => Err(Error::Damaged { name, what: why.to_string() }),
        Ok(()) if view.damaged > 0 => Err(Error::Damaged { name, what: format!("{} of its parts are", view.damaged) }),
        Ok(()) => Ok(()),
    }
}

fn read(path: &Path) -> Result<Bytes, Error> {
    let name = path.display().to_string();
    let unreadable = |why| Error::Input { name: name.clone(), why };
    if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(Error::TooLong { name, max: FILE_BYTES_MAX });
    }
    std::fs::read(path).map(Bytes::from).map_err(unreadable)
}

/// Why nothing more can be shown.
enum Stop {
    Output(std::io::Error),
    Stored(StoredError),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Stop {
        Stop::Output(error)
    }
}

impl From<StoredError> for Stop {
    fn from(error: StoredError) -> Stop {
        Stop::Stored(error)
    }
}

struct View<'a, W> {
    out: &'a mut W,
    output: Output,
    with_batches: bool,
    /// Parts with a fault.
    damaged: usize,
}

impl<W: Write> View<'_, W> {
    fn object(&mut self, object: &Bytes) -> Result<(), Stop> {
        let header = ObjectHeader::decode(object)?;
        let kind = if header.kind == ObjectKind::Fence { "fence" } else { "chunk" };
        let length = object.len() as u64;
        let is_short = (length != header.object_bytes)
            .then(|| format!("the file has {length} bytes, {} were written", header.object_bytes));
        let footer = if header.kind == ObjectKind::Fence { None } else { Some(footer(object)) };
        let row = identity(kind, &header).fault(is_short.clone());
        match footer {
            None => self.put(&row, is_short.is_some())?,
            // Without its index nothing else of a chunk can be found.
            Some(Err(why)) => {
                self.put(&row, is_short.is_some())?;
                return Err(why.into());
            }
            Some(Ok(footer)) => {
                self.put(&sizes(row, &footer), is_short.is_some())?;
                self.contents(object, &header, &footer)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, row: &Row, is_damaged: bool) -> std::io::Result<()> {
        self.damaged += usize::from(is_damaged);
        row.print(self.out, self.output)
    }

    fn contents(&mut self, object: &Bytes, header: &ObjectHeader, footer: &Footer) -> Result<(), Stop> {
        if footer.header != *header {
            self.put(&Row::new("footer").fault(Some("its copy of the header differs")), true)?;
        }
        let mut zstd = Decompressor::new().map_err(|why| std::io::Error::other(why.to_string()))?;
        let mut pages = Vec::new();
        for (number, page) in footer.pages.iter().enumerate() {
            let raw = raw_page(object, page, &mut zstd);
            self.put(&page_row(number, page).fault(raw.as_ref().err()), raw.is_err())?;
            pages.push(raw.ok());
        }
        footer.streams.iter().try_for_each(|stream| self.stream(stream, &pages))
    }

    fn stream(&mut self, stream: &StreamIndex, pages: &[Option<Bytes>]) -> Result<(), Stop> {
        let faults: Vec<String> = stream.runs.iter().filter_map(|run| run_fault(stream, run, pages)).collect();
        let fault = (!faults.is_empty()).then(|| faults.join("; "));
        self.put(&stream_row(stream).fault(fault), !faults.is_empty())?;
        if !self.with_batches {
            return Ok(());
        }
        for run in &stream.runs {
            self.put(&run_row(run), false)?;
            for batch in run_batches(stream, run, pages).unwrap_or_default() {
                self.put(&row::batch(&batch, 2), false)?;
            }
        }
        Ok(())
    }
}

fn footer(object: &Bytes) -> Result<Footer, StoredError> {
    match decode_tail(object, object.len() as u64)? {
        Tail::Chunk(footer, _) => Ok(*footer),
        // The whole object was given, so that a footer beyond its beginning does not exist.
        Tail::NeedsFooter(Trailer { footer, .. }) => Err(StoredError::Truncated {
            what: "chunk footer",
            bytes: object.len() as u64,
            expected: footer.bytes.into(),
        }),
        Tail::Fence(_) => Err(StoredError::Truncated { what: "chunk", bytes: object.len() as u64, expected: 0 }),
    }
}

fn identity(kind: &'static str, header: &ObjectHeader) -> Row {
    let ChunkId { epoch, shard, lane, number } = header.id;
    Row::new(kind)
        .with("name", header.id.object_name())
        .with("epoch", epoch)
        .with("shard", shard)
        .with("lane", format!("{lane:?}").to_lowercase())
        .with("number", number)
        .with("writer_epoch", header.writer_epoch)
        .with("store_id", digits(&header.identity.store_id))
        .with("writer_id", digits(&header.identity.writer_id))
        .with("put_id", digits(&header.identity.put_id))
        .with("object_bytes", header.object_bytes)
}

fn sizes(row: Row, footer: &Footer) -> Row {
    row.with("pages", footer.pages.len())
        .with("streams", footer.streams.len())
        .with("stored_bytes", footer.stored_page_bytes())
        .with("raw_bytes", footer.raw_bytes())
        .with("ratio", percent(footer.stored_page_bytes(), footer.raw_bytes()))
}

fn page_row(number: usize, page: &PageEntry) -> Row {
    Row::new("page")
        .with("page", number)
        .with("offset", page.offset)
        .with("codec", if page.codec == PageCodec::Raw { "raw" } else { "zstd" })
        .with("stored_bytes", page.stored_bytes)
        .with("raw_bytes", page.raw_bytes)
        .with("ratio", percent(page.stored_bytes.into(), page.raw_bytes.into()))
        .with("crc", format!("{:#010x}", page.crc))
}

fn raw_page(object: &Bytes, page: &PageEntry, zstd: &mut Decompressor) -> Result<Bytes, StoredError> {
    // A footer that was decoded keeps its pages inside the object.
    let stored = object.slice(page.offset as usize..page.range().end as usize);
    decode_page(page, &stored, zstd)
}

fn stream_row(stream: &StreamIndex) -> Row {
    let state = &stream.state;
    let mut row = Row::new("stream");
    if let Some(entry) = &stream.entry {
        row = entry_fields(row, entry);
    }
    row = row.with("stream_id", state.stream_id.to_string());
    if let (Some(first), Some(last)) = (stream.runs.first(), stream.runs.last()) {
        row = row.range("seq", first.first_seq_num, last.end_seq_num);
        row = row.span("time", first.first_timestamp, last.last_timestamp);
    }
    row.with("records", stream.record_count())
        .with("metered_bytes", stream.metered_bytes())
        .with("raw_bytes", stream.raw_bytes())
        .with("pages", stream.runs.len())
        .with("next_seq_num", state.next.seq_num)
        .with("trim_point", state.trim_point)
        .with("records_ever", state.record_count)
        .with("metered_bytes_ever", state.metered_bytes)
        .with_some("fencing_token_bytes", Some(state.fencing_token.len()).filter(|bytes| *bytes > 0))
}

/// The stream's row in the catalog, as it was when its first chunk was made.
fn entry_fields(row: Row, entry: &StreamEntry) -> Row {
    let config = &entry.config;
    let retention_age_secs = match config.retention {
        Retention::Age(secs) => Some(secs),
        Retention::Infinite => None,
    };
    let infinite = retention_age_secs.is_none().then_some("infinite");
    row.with("created", format!("{}/{}", entry.basin, entry.name))
        .with("created_at_ms", entry.created_at_ms)
        .with_some("deleted_at_ms", entry.deleted_at_ms)
        .with("config_version", entry.config_version)
        .with("storage_class", config.storage_class.name())
        .with_some("retention", infinite)
        .with_some("retention_age_secs", retention_age_secs)
        .with("timestamping_mode", config.timestamping_mode.name())
        .with("timestamping_uncapped", config.timestamping_uncapped)
        .with("delete_on_empty_min_age_secs", config.delete_on_empty_min_age_secs)
}

fn run_row(run: &PageRun) -> Row {
    Row::inside("run", 1)
        .with("page", run.page)
        .with("raw_offset", run.raw_offset)
        .with("raw_bytes", run.raw_bytes)
        .with("batches", run.batch_count)
        .with("records", run.record_count)
        .range("seq", run.first_seq_num, run.end_seq_num)
        .span("time", run.first_timestamp, run.last_timestamp)
        .span("arrival_ms", run.arrival_ms_min, run.arrival_ms_max)
        .with("expires_at_ms_max", run.expires_at_ms_max)
}

fn run_batches(
    stream: &StreamIndex,
    run: &PageRun,
    pages: &[Option<Bytes>],
) -> Result<Vec<riverrun_protocol::Batch>, String> {
    let page = pages.get(run.page as usize).and_then(Option::as_ref);
    let page =
        page.ok_or_else(|| format!("records {}..{} are in page {}", run.first_seq_num, run.end_seq_num, run.page))?;
    run.batches(stream.state.stream_id, page).map_err(|why| why.to_string())
}

/// What is wrong with a run's records, the producers' own sums included.
fn run_fault(stream: &StreamIndex, run: &PageRun, pages: &[Option<Bytes>]) -> Option<String> {
    let batches = match run_batches(stream, run, pages) {
        Ok(batches) => batches,
        Err(why) => return Some(why),
    };
    let (batch, why) = batches.iter().find_map(|batch| Some((batch, batch.verify_payload().err()?)))?;
    Some(format!("records {}..{}: {why}", batch.first_seq_num(), batch.end_seq_num()))
}
