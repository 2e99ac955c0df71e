//! From a sealed chunk to the bytes of its object.
//!
//! Every batch is checked before it is published, the producers' sums included: what flipped in memory since it was received
//! is found here, while the journal still holds a good copy (reliability.md F23).

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::error::DecodeError;
use riverrun_protocol::types::StreamId;

use super::footer::{self, Footer, StreamIndex};
use super::header::{HEADER_BYTES, Identity, ObjectHeader, ObjectKind};
use super::page::{Compressor, PageCodec, PageEntry};
use super::paging::{self, PagePlan, Share};
use super::run::PageRun;
use super::trailer::{FooterRange, TRAILER_BYTES, Trailer};
use super::{ChunkInput, ChunkStream};
use crate::limits::{CHUNK_FOOTER_BYTES_MAX, CHUNK_RAW_BYTES_MAX, CHUNK_STREAMS_MAX, PAGES_SKIPPED_MAX};
use crate::stored::StoredError;

/// A chunk's object, ready to be put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedChunk {
    /// Back to back they are the object. Uncompressed pages are the input's own batches, not copied.
    pub parts: Vec<Bytes>,
    pub footer: Footer,
    pub trailer: Trailer,
}

/// Why a chunk cannot be published. All but the last mean that this process's own memory is wrong: end it, the journal has
/// the records.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("a batch of stream {stream_id} is not what was received: {source}")]
    Batch { stream_id: StreamId, source: DecodeError },
    #[error("stream {stream_id}: a batch begins at {found} where {expected} belongs")]
    Order { stream_id: StreamId, expected: u64, found: u64 },
    #[error("a batch of stream {found} among those of stream {stream_id}")]
    Foreign { stream_id: StreamId, found: StreamId },
    #[error("stream {stream_id} is in the chunk twice")]
    Twice { stream_id: StreamId },
    #[error("the chunk is over a limit: {what} is {value}, the most is {max}")]
    OverLimit { what: &'static str, value: u64, max: u64 },
    #[error("the chunk would not be readable: {0}")]
    Unreadable(StoredError),
    #[error("zstd: {0}")]
    Compression(String),
}

impl EncodedChunk {
    pub fn object_bytes(&self) -> u64 {
        self.trailer.object_bytes
    }

    /// Of all batches, before compression.
    pub fn raw_bytes(&self) -> u64 {
        self.footer.raw_bytes()
    }

    /// The object in one piece, copied.
    pub fn to_bytes(&self) -> Bytes {
        self.parts.concat().into()
    }
}

/// Encodes `input`. The same input and identity give the same bytes (for one version of zstd), so that every attempt to put a
/// chunk puts the same object.
pub fn encode(
    input: &ChunkInput,
    identity: Identity,
    compressor: &mut Compressor,
) -> Result<EncodedChunk, EncodeError> {
    compressor.set_level(input.compression_level)?;
    let streams = sorted(&input.streams)?;
    let batches = streams.iter().map(|stream| checked_batches(stream)).collect::<Result<Vec<_>, _>>()?;
    let sizes: Vec<Vec<usize>> =
        batches.iter().map(|batches| batches.iter().map(|batch| batch.bytes().len()).collect()).collect();
    check_limit("raw bytes", sizes.iter().flatten().sum::<usize>() as u64, CHUNK_RAW_BYTES_MAX as u64)?;
    let mut body = Body::new(streams, &batches);
    for page in paging::plan(&sizes) {
        body.add_page(&page, compressor)?;
    }
    body.finish(input, identity)
}

fn sorted(streams: &[ChunkStream]) -> Result<Vec<&ChunkStream>, EncodeError> {
    check_limit("number of streams", streams.len() as u64, CHUNK_STREAMS_MAX as u64)?;
    let mut sorted: Vec<&ChunkStream> = streams.iter().collect();
    sorted.sort_unstable_by_key(|stream| stream.state.stream_id);
    match sorted.windows(2).find(|pair| pair[0].state.stream_id == pair[1].state.stream_id) {
        Some(pair) => Err(EncodeError::Twice { stream_id: pair[0].state.stream_id }),
        None => Ok(sorted),
    }
}

fn check_limit(what: &'static str, value: u64, max: u64) -> Result<(), EncodeError> {
    if value > max { Err(EncodeError::OverLimit { what, value, max }) } else { Ok(()) }
}

/// The stream's batches: intact, its own, without a gap, and ending where its state says.
fn checked_batches(stream: &ChunkStream) -> Result<Vec<Batch>, EncodeError> {
    let stream_id = stream.state.stream_id;
    let mut batches: Vec<Batch> = Vec::with_capacity(stream.batches.len());
    for bytes in &stream.batches {
        let batch = checked_batch(stream_id, bytes)?;
        let expected = batches.last().map_or(batch.first_seq_num(), Batch::end_seq_num);
        check_order(stream_id, expected, batch.first_seq_num())?;
        batches.push(batch);
    }
    let end = batches.last().map_or(stream.state.next.seq_num, Batch::end_seq_num);
    check_order(stream_id, stream.state.next.seq_num, end)?;
    Ok(batches)
}

fn checked_batch(stream_id: StreamId, bytes: &Bytes) -> Result<Batch, EncodeError> {
    let damaged = |source| EncodeError::Batch { stream_id, source };
    let batch = Batch::parse(bytes.clone()).map_err(damaged)?;
    batch.verify_payload().map_err(damaged)?;
    match batch.stream_id() == stream_id {
        true => Ok(batch),
        false => Err(EncodeError::Foreign { stream_id, found: batch.stream_id() }),
    }
}

fn check_order(stream_id: StreamId, expected: u64, found: u64) -> Result<(), EncodeError> {
    if found == expected { Ok(()) } else { Err(EncodeError::Order { stream_id, expected, found }) }
}

/// A chunk that this build's own reader refuses must never be published: the journal would be released for it.
fn check_readable(encoded: &[u8], footer: &Footer, trailer: &Trailer) -> Result<(), EncodeError> {
    let range = Trailer::decode(&trailer.encode(), trailer.object_bytes).map_err(EncodeError::Unreadable)?.footer;
    let read = Footer::decode(encoded, &range).map_err(EncodeError::Unreadable)?;
    match read == *footer {
        true => Ok(()),
        false => {
            Err(EncodeError::Unreadable(StoredError::damaged(footer::WHAT, 0, "it does not read as it was written")))
        }
    }
}

/// The object as it grows.
struct Body<'a> {
    batches: &'a [Vec<Batch>],
    /// Place for the header first.
    parts: Vec<Bytes>,
    /// Where the next page begins.
    offset: u64,
    pages: Vec<PageEntry>,
    streams: Vec<StreamIndex>,
    /// Of the stream whose own pages are being written.
    trial: (usize, Trial),
}

impl<'a> Body<'a> {
    fn new(streams: Vec<&ChunkStream>, batches: &'a [Vec<Batch>]) -> Self {
        let index = |stream: &ChunkStream| StreamIndex {
            state: stream.state.clone(),
            entry: stream.entry.clone(),
            runs: Vec::new(),
        };
        Self {
            batches,
            parts: vec![Bytes::new()],
            offset: HEADER_BYTES as u64,
            pages: Vec::new(),
            streams: streams.into_iter().map(index).collect(),
            trial: (usize::MAX, Trial::default()),
        }
    }

    fn add_page(&mut self, plan: &PagePlan, compressor: &mut Compressor) -> Result<(), EncodeError> {
        let raw: Vec<Bytes> =
            plan.iter().flat_map(|share| self.share(share)).map(|batch| batch.bytes().clone()).collect();
        let raw_bytes = raw.iter().map(Bytes::len).sum::<usize>();
        self.index(plan);
        let stored = match self.is_worth_trying(plan) {
            true => compressor.compress(&raw, raw_bytes)?,
            false => None,
        };
        self.trial.1.tried(stored.is_some());
        let (codec, parts) = stored.map_or((PageCodec::Raw, raw), |frame| (PageCodec::Zstd, vec![frame]));
        self.push_page(codec, raw_bytes, parts);
        Ok(())
    }

    fn share(&self, share: &Share) -> &'a [Batch] {
        &self.batches[share.stream][share.batches.clone()]
    }

    /// Shared pages are always tried: what one stream's bytes are like says nothing about its neighbours'.
    fn is_worth_trying(&mut self, plan: &PagePlan) -> bool {
        match plan[..] {
            [Share { stream, .. }] if stream == self.trial.0 => self.trial.1.is_due(),
            [Share { stream, .. }] => {
                self.trial = (stream, Trial::default());
                true
            }
            _ => {
                self.trial = (usize::MAX, Trial::default());
                true
            }
        }
    }

    fn index(&mut self, plan: &PagePlan) {
        let page = self.pages.len() as u32;
        let mut raw_offset = 0;
        for share in plan {
            let run = PageRun::of(page, raw_offset, self.share(share));
            raw_offset += run.raw_bytes;
            self.streams[share.stream].runs.push(run);
        }
    }

    fn push_page(&mut self, codec: PageCodec, raw_bytes: usize, parts: Vec<Bytes>) {
        let stored_bytes = parts.iter().map(Bytes::len).sum::<usize>();
        let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
        let (stored_bytes, raw_bytes) = (stored_bytes as u32, raw_bytes as u32);
        self.pages.push(PageEntry { offset: self.offset, stored_bytes, raw_bytes, crc, codec });
        self.offset += u64::from(stored_bytes);
        self.parts.extend(parts);
    }

    fn finish(mut self, input: &ChunkInput, identity: Identity) -> Result<EncodedChunk, EncodeError> {
        let mut header = ObjectHeader {
            kind: ObjectKind::Chunk,
            id: input.id,
            identity,
            writer_epoch: input.id.epoch,
            object_bytes: 0,
        };
        let mut footer = Footer { header, pages: self.pages, streams: self.streams };
        // The header tells the object's length, and the footer repeats the header: the footer's own length is known first.
        let footer_bytes = footer.encode().len();
        check_limit("footer bytes", footer_bytes as u64, CHUNK_FOOTER_BYTES_MAX as u64)?;
        header.object_bytes = self.offset + footer_bytes as u64 + TRAILER_BYTES as u64;
        footer.header = header;
        let encoded = footer.encode();
        let range = FooterRange { offset: self.offset, bytes: footer_bytes as u32, crc: crc32c::crc32c(&encoded) };
        let trailer = Trailer { footer: range, object_bytes: header.object_bytes };
        check_readable(&encoded, &footer, &trailer)?;
        self.parts[0] = Bytes::copy_from_slice(&header.encode());
        self.parts.extend([encoded, Bytes::copy_from_slice(&trailer.encode())]);
        Ok(EncodedChunk { parts: self.parts, footer, trailer })
    }
}

/// Whether a stream's pages compress. After one that did not, the next is stored as it is, then twice as many, up to
/// [`PAGES_SKIPPED_MAX`]: already compressed or encrypted data costs a ninth of the work, and a stream that only began with
/// such data is noticed soon.
#[derive(Default)]
struct Trial {
    skip_left: u32,
    skip_next: u32,
}

impl Trial {
    fn is_due(&mut self) -> bool {
        self.skip_left == 0
    }

    fn tried(&mut self, compressed: bool) {
        if compressed {
            self.skip_next = 0;
        } else if self.skip_left > 0 {
            self.skip_left -= 1;
        } else {
            self.skip_next = (self.skip_next * 2).clamp(1, PAGES_SKIPPED_MAX);
            self.skip_left = self.skip_next;
        }
    }
}
