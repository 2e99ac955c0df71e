//! What an object under a chunk's name is: a chunk, a fence, or damaged.

use bytes::Bytes;
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

use super::encode::EncodedChunk;
use super::footer::Footer;
use super::header::{HEADER_BYTES, ObjectHeader, ObjectKind};
use super::page::{Decompressor, check_page, decode_page};
use super::trailer::{FooterRange, TRAILER_BYTES, Trailer};
use crate::stored::StoredError;

/// An object that is whole and intact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    Chunk(ChunkObject),
    Fence(ObjectHeader),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkObject {
    pub footer: Footer,
    pub trailer: Trailer,
    pub bytes: Bytes,
}

/// Reads a whole object and checks every byte of it, without decompressing. `Err` is the verdict "damaged": cut short, not
/// what was written, or of a newer version. Whether it is in its place is for [`ObjectHeader::check_place`].
pub fn identify(object: &Bytes) -> Result<Object, StoredError> {
    let header = ObjectHeader::decode(object)?;
    check_length(&header, object.len() as u64)?;
    match header.kind {
        ObjectKind::Fence => Ok(Object::Fence(header)),
        ObjectKind::Chunk => read_chunk(header, object).map(Object::Chunk),
    }
}

fn check_length(header: &ObjectHeader, bytes: u64) -> Result<(), StoredError> {
    let expected = header.object_bytes;
    if bytes < expected {
        return Err(StoredError::Truncated { what: "chunk", bytes, expected });
    }
    let fence_has_more = header.kind == ObjectKind::Fence && expected != HEADER_BYTES as u64;
    if bytes > expected || fence_has_more {
        return Err(StoredError::damaged("chunk", expected, format!("{bytes} bytes, {expected} were written")));
    }
    Ok(())
}

fn read_chunk(header: ObjectHeader, object: &Bytes) -> Result<ChunkObject, StoredError> {
    let trailer = Trailer::decode(object, object.len() as u64)?;
    let footer = Footer::decode(&object[footer_range(&trailer.footer)], &trailer.footer)?;
    if footer.header != header {
        return Err(StoredError::damaged("chunk", 0, "the header and its copy in the footer differ"));
    }
    for page in &footer.pages {
        check_page(page, &object[page_range(page.offset, page.stored_bytes)])?;
    }
    Ok(ChunkObject { footer, trailer, bytes: object.clone() })
}

fn footer_range(footer: &FooterRange) -> std::ops::Range<usize> {
    page_range(footer.offset, footer.bytes)
}

fn page_range(offset: u64, bytes: u32) -> std::ops::Range<usize> {
    offset as usize..offset as usize + bytes as usize
}

impl Object {
    pub fn header(&self) -> &ObjectHeader {
        match self {
            Self::Chunk(chunk) => &chunk.footer.header,
            Self::Fence(header) => header,
        }
    }
}

impl ChunkObject {
    /// Every batch of one stream, decompressed and checked against the index. For recovery, scrub and tools; readers fetch
    /// page by page.
    pub fn batches(&self, stream_id: StreamId, zstd: &mut Decompressor) -> Result<Vec<Batch>, StoredError> {
        let mut batches = Vec::new();
        for run in self.footer.find(stream_id).map_or(&[][..], |stream| &stream.runs) {
            let page = self.footer.page(run);
            let stored = self.bytes.slice(page_range(page.offset, page.stored_bytes));
            batches.extend(run.batches(stream_id, &decode_page(page, &stored, zstd)?)?);
        }
        Ok(batches)
    }
}

/// How many bytes of an object's end to fetch at first: the trailer and most footers in one read.
pub const TAIL_BYTES: u64 = 64 << 10;

/// An object's end: the whole footer, or where to fetch it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tail {
    Chunk(Box<Footer>, Trailer),
    /// The footer is longer than what was fetched: fetch this range, then [`Footer::decode`].
    NeedsFooter(Trailer),
    Fence(ObjectHeader),
}

/// Reads the last bytes of an object (at least 112 where it has as many) whose length is `object_bytes`.
pub fn decode_tail(tail: &[u8], object_bytes: u64) -> Result<Tail, StoredError> {
    if object_bytes <= HEADER_BYTES as u64 {
        let header = ObjectHeader::decode(tail)?;
        check_length(&header, object_bytes)?;
        return match header.kind {
            ObjectKind::Fence => Ok(Tail::Fence(header)),
            ObjectKind::Chunk => Err(StoredError::damaged("chunk", 0, "a chunk is longer than its header")),
        };
    }
    let trailer = Trailer::decode(tail, object_bytes)?;
    let from_end = trailer.footer.bytes as usize + TRAILER_BYTES;
    match tail.len().checked_sub(from_end) {
        None => Ok(Tail::NeedsFooter(trailer)),
        Some(start) => {
            let footer = Footer::decode(&tail[start..tail.len() - TRAILER_BYTES], &trailer.footer)?;
            Ok(Tail::Chunk(Box::new(footer), trailer))
        }
    }
}

/// Whether `found` is the very object that a put of `mine` stores: how an ambiguous put or an "already exists" is resolved
/// (reliability.md F34). Ids alone would do; length and checksums are compared because a wrong yes releases the journal.
pub fn same_object(mine: &EncodedChunk, found: &Object) -> bool {
    match found {
        Object::Chunk(chunk) => chunk.footer.header == mine.footer.header && chunk.trailer == mine.trailer,
        Object::Fence(_) => false,
    }
}
