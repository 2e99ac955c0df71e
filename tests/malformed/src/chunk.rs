//! An object under a chunk's name: header, pages, footer, trailer.

use bytes::Bytes;
use riverrun_core::chunk::{
    ChunkObject, Decompressor, Footer, FooterRange, HEADER_BYTES, Object, ObjectHeader, StreamState, TRAILER_BYTES,
    Tail, Trailer, decode_page, decode_tail, identify,
};
use riverrun_core::limits::PAGE_RAW_BYTES_MAX;
use riverrun_core::stored::StoredError;

/// A whole object, or what is left of one.
pub fn chunk(data: &[u8]) {
    let object = Bytes::copy_from_slice(data);
    header(data);
    trailer(data);
    let found = identify(&object);
    match &found {
        Ok(Object::Chunk(chunk)) => whole(chunk, data),
        Ok(Object::Fence(header)) => assert_eq!(header.encode()[..], *data, "a fence is its header"),
        Err(error) => documented(error),
    }
    tails(data, found.ok().as_ref());
}

/// Nobody asked for an object in a place here, so none can be in a wrong one.
fn documented(error: &StoredError) {
    assert!(!matches!(error, StoredError::Misplaced { .. }), "{error}");
}

fn header(data: &[u8]) {
    match ObjectHeader::decode(data) {
        Ok(header) => assert_eq!(header.encode()[..], data[..HEADER_BYTES], "one header, one encoding"),
        Err(error) => documented(&error),
    }
}

fn trailer(data: &[u8]) {
    match Trailer::decode(data, data.len() as u64) {
        Ok(trailer) => {
            let start = data.len() - TRAILER_BYTES;
            assert_eq!(trailer.encode()[..], data[start..], "one trailer, one encoding");
            let FooterRange { offset, bytes, .. } = trailer.footer;
            assert_eq!(offset + u64::from(bytes), start as u64, "the footer lies in front of it");
            let footer = Footer::decode(&data[offset as usize..start], &trailer.footer);
            footer.as_ref().map_or_else(documented, |footer| same_footer(footer, &trailer.footer));
        }
        Err(error) => documented(&error),
    }
}

/// Written again, a footer is the same footer. Its bytes may differ: a stream's entry is written as the newest version has it.
fn same_footer(footer: &Footer, range: &FooterRange) {
    let has_entries = footer.streams.iter().any(|stream| stream.entry.is_some());
    let bytes = footer.encode();
    assert!(has_entries || bytes.len() == range.bytes as usize, "one footer, one encoding");
    if bytes.len() == range.bytes as usize {
        let range = FooterRange { crc: crc32c::crc32c(&bytes), ..*range };
        assert_eq!(Footer::decode(&bytes, &range).as_ref(), Ok(footer), "one footer, one meaning");
    }
}

/// Every byte is covered by a sum: pages are held to theirs here, by a sum of our own.
fn whole(chunk: &ChunkObject, data: &[u8]) {
    assert_eq!(chunk.footer.header.object_bytes, data.len() as u64, "all of it");
    let mut zstd = Decompressor::new().expect("memory");
    for page in &chunk.footer.pages {
        let range = page.range();
        let stored = chunk.bytes.slice(range.start as usize..range.end as usize);
        assert_eq!(crc32c::crc32c(&stored), page.crc, "an intact object has intact pages");
        if let Ok(raw) = decode_page(page, &stored, &mut zstd) {
            assert_eq!(raw.len(), page.raw_bytes as usize, "what the page table says");
            assert!(raw.len() <= PAGE_RAW_BYTES_MAX, "a page has a limit");
        }
    }
    for stream in &chunk.footer.streams {
        let mut state = Vec::new();
        stream.state.encode(&mut state);
        assert_eq!(StreamState::decode(&state).as_ref(), Ok(&stream.state), "one state, one meaning");
        let Ok(batches) = chunk.batches(stream.state.stream_id, &mut zstd) else { continue };
        let records: u64 = batches.iter().map(|batch| u64::from(batch.record_count())).sum();
        let runs: u64 = stream.runs.iter().map(|run| run.end_seq_num - run.first_seq_num).sum();
        assert_eq!(records, runs, "what the index says");
    }
}

/// However much of the end is fetched, it says the same.
fn tails(data: &[u8], found: Option<&Object>) {
    for fetched in [TRAILER_BYTES, HEADER_BYTES, 300, data.len()] {
        let tail = &data[data.len().saturating_sub(fetched)..];
        match (decode_tail(tail, data.len() as u64), found) {
            (Ok(Tail::Chunk(footer, _)), Some(Object::Chunk(chunk))) => assert_eq!(*footer, chunk.footer),
            (Ok(Tail::NeedsFooter(trailer)), Some(Object::Chunk(chunk))) => assert_eq!(trailer, chunk.trailer),
            (Ok(Tail::Fence(header)), Some(Object::Fence(whole))) => assert_eq!(header, *whole),
            (Err(error), Some(_)) => assert!(fetched < HEADER_BYTES, "an intact object has an intact end: {error}"),
            (Ok(_), Some(_)) => panic!("the end says that it is something else"),
            (Err(error), None) => documented(&error),
            (Ok(_), None) => {}
        }
    }
}
