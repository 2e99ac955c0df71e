//! What the protocol crate itself says of a frame: whether a peer would accept it, and what its batches hold.

use bytes::Bytes;
use riverrun_core::chunk::{Decompressor, PageCodec, PageEntry, decode_page};
use riverrun_core::stored::StoredError;
use riverrun_protocol::batch::{Batch, check_ingest};
use riverrun_protocol::error::DecodeError;
use riverrun_protocol::frame::FrameClass;
use riverrun_protocol::response::{CompressedPage, ReadBatches};
use riverrun_protocol::{ErrorCode, ErrorFrame, FrameKind, Push, Request, Response};

/// The protocol's verdict on a frame's body.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Judged {
    /// Why a peer would refuse it. Offsets count from the body's first byte, or the batch's where it is about a batch.
    pub error: Option<DecodeError>,
    /// What the frame's batches hold together; `None` where there are none, or none that can be understood.
    pub batches: Option<Batches>,
}

/// All batches of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Batches {
    pub count: usize,
    pub records: u64,
    pub payload_bytes: u64,
    pub metered_bytes: u64,
    /// First and behind the last sequence number; `None` before the server has given them.
    pub seq_nums: Option<(u64, u64)>,
    /// First and last.
    pub timestamps: Option<(u64, u64)>,
}

/// Parses `body` as a frame of this kind, its batches and their checksums included.
pub fn judge(kind: u8, body: &Bytes) -> Judged {
    let class = FrameKind::from_byte(kind).map(FrameKind::class);
    let batches = match class {
        Some(FrameClass::Request) => request(kind, body),
        Some(FrameClass::Response) => response(kind, body),
        Some(FrameClass::Push) => push(kind, body),
        Some(FrameClass::Error) => ErrorFrame::parse(body).map(|_| None),
        None => Ok(None),
    };
    match batches {
        Ok(batches) => Judged { error: None, batches },
        Err(error) => Judged { error: Some(error), batches: None },
    }
}

fn request(kind: u8, body: &[u8]) -> Result<Option<Batches>, DecodeError> {
    match Request::parse(kind, body)? {
        Request::Append(append) => sent(append.batch).map(Some),
        Request::SessionAppend(append) => sent(append.batch).map(Some),
        _ => Ok(None),
    }
}

/// A batch from a producer, as the server judges it at ingest.
fn sent(batch: &[u8]) -> Result<Batches, DecodeError> {
    let ingested = check_ingest(batch)?;
    Ok(Batches {
        count: 1,
        records: u64::from(ingested.record_count),
        payload_bytes: u64::from(ingested.payload_bytes),
        metered_bytes: ingested.metered_bytes,
        ..Batches::default()
    })
}

fn response(kind: u8, body: &Bytes) -> Result<Option<Batches>, DecodeError> {
    match Response::parse(kind, body.clone())? {
        Response::ReadBatches(read) => delivered(&read).map(Some),
        _ => Ok(None),
    }
}

fn push(kind: u8, body: &Bytes) -> Result<Option<Batches>, DecodeError> {
    match Push::parse(kind, body.clone())? {
        Push::Records(read) => delivered(&read).map(Some),
        Push::Page(page) => opened(&page).map(Some),
        Push::Heartbeat { .. } | Push::Draining | Push::Throttled { .. } => Ok(None),
    }
}

/// A page as the reader judges it: its sum, what it decompresses to, every sum in there, and that its numbers are those it claims.
fn opened(page: &CompressedPage) -> Result<Batches, DecodeError> {
    let mut raw = decompressed(page)?;
    let mut all = Batches::default();
    while let Some(batch) = Batch::split_first(&mut raw)? {
        batch.verify_payload()?;
        let next = all.end_seq_num().unwrap_or(page.first_seq_num);
        if batch.first_seq_num() != next {
            return Err(damaged(format!("record {} stands in the page where {next} belongs", batch.first_seq_num())));
        }
        all.add(&batch);
    }
    match all.end_seq_num() {
        Some(end) if end == page.end_seq_num => Ok(all),
        _ => Err(damaged(format!("the page's records do not end at {}", page.end_seq_num))),
    }
}

fn decompressed(page: &CompressedPage) -> Result<Bytes, DecodeError> {
    let entry = PageEntry {
        offset: 0,
        stored_bytes: page.stored.len() as u32,
        raw_bytes: page.raw_bytes,
        crc: page.crc,
        codec: PageCodec::Zstd,
    };
    let mut zstd = Decompressor::new().map_err(|why| damaged(why.to_string()))?;
    decode_page(&entry, &page.stored, &mut zstd).map_err(|error| match error {
        StoredError::Damaged { why, .. } => damaged(why),
        other => damaged(other.to_string()),
    })
}

fn damaged(what: String) -> DecodeError {
    DecodeError { what, offset: 0, code: ErrorCode::Corrupt }
}

/// Batches to a reader, as the reader judges them: the server's sum and the producer's.
fn delivered(read: &ReadBatches) -> Result<Batches, DecodeError> {
    let mut all = Batches::default();
    for batch in read.batches()? {
        batch.verify_payload()?;
        all.add(&batch);
    }
    Ok(all)
}

impl Batches {
    fn end_seq_num(&self) -> Option<u64> {
        self.seq_nums.map(|(_, end)| end)
    }

    /// Counts in a stamped batch that follows those before.
    pub fn add(&mut self, batch: &Batch) {
        let first_seq_num = self.seq_nums.map_or(batch.first_seq_num(), |(first, _)| first);
        let first_timestamp = self.timestamps.map_or(batch.first_timestamp(), |(first, _)| first);
        self.count += 1;
        self.records += u64::from(batch.record_count());
        self.payload_bytes += (batch.bytes().len() - batch.header_and_table_bytes()) as u64;
        self.metered_bytes += batch.metered_bytes();
        self.seq_nums = Some((first_seq_num, batch.end_seq_num()));
        self.timestamps = Some((first_timestamp, batch.last_timestamp()));
    }
}
