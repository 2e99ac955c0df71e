//! A journal file: its headers, what a scan finds in it, and what recovery decides over that.

use bytes::Bytes;
use riverrun_core::buffer::ALIGN_BYTES;
use riverrun_core::journal::directory::ENTRY_BYTES;
use riverrun_core::journal::{
    BlockHeader, Expectation, FileScan, HEADER_BYTES, HeaderError, Journals, ReadError, Replay, directory, scan_file,
    verify_payload,
};

/// Whose journal the seeds are, and which file.
pub(crate) const STORE_ID: [u8; 16] = [0x51; 16];
pub(crate) const FILE: u32 = 3;

/// A whole journal file, or what is left of one. Its rest below a page is ignored, as a scan does.
pub fn journal(data: &[u8]) {
    header(data);
    let file = Bytes::copy_from_slice(data);
    let read = |offset: u64, bytes: usize| Ok(file.slice(offset as usize..offset as usize + bytes));
    let scan = scan_file(&STORE_ID, FILE, data.len() as u64, &mut read.clone());
    assert_eq!(scan, scan_file(&STORE_ID, FILE, data.len() as u64, &mut read.clone()), "a scan is repeatable");
    places(&scan, data);
    scan.blocks.iter().for_each(|header| block(header, &file));
    decisions(scan, &file);
}

/// What decodes is written as the same bytes: so its sum was right.
fn header(bytes: &[u8]) {
    match BlockHeader::decode(bytes) {
        Ok(mut header) => {
            let mut out = [0; HEADER_BYTES];
            header.check().expect("a decoded header is sound");
            header.encode(&mut out);
            assert_eq!(out[..], bytes[..HEADER_BYTES], "one header, one encoding");
        }
        Err(HeaderError::NoMagic) => assert!(!bytes.starts_with(b"RvrnJrnl") || bytes.len() < HEADER_BYTES),
        Err(HeaderError::BadChecksum | HeaderError::NewerVersion { .. } | HeaderError::Impossible(_)) => {}
    }
}

/// At most one block or finding for each page, in order, each where it says it is and inside the file.
fn places(scan: &FileScan, data: &[u8]) {
    let pages = data.len() / ALIGN_BYTES;
    assert!(scan.blocks.len() + scan.findings.len() <= pages, "one thing for each page");
    assert!(scan.blocks.is_sorted_by(|a, b| a.offset < b.offset), "in order");
    for block in &scan.blocks {
        let (start, end) = (block.offset as usize, block.offset as usize + block.block_bytes as usize);
        assert!(end <= data.len(), "inside the file");
        assert_eq!((block.store_id, block.file), (STORE_ID, FILE), "ours");
        header(&data[start..end]);
    }
    for finding in &scan.findings {
        assert!(finding.offset.is_multiple_of(ALIGN_BYTES as u64) && finding.offset < data.len() as u64);
    }
}

/// What a block gives out lies in it, and is no more than its directory has entries.
fn block(header: &BlockHeader, file: &Bytes) {
    let start = header.offset as usize;
    let bytes = file.slice(start..start + header.block_bytes as usize);
    let intact = verify_payload(header, &bytes).is_ok();
    let sum = crc32c::crc32c_append(crc32c::crc32c(&header.salt.to_le_bytes()), &bytes[HEADER_BYTES..]);
    assert_eq!(intact, sum == header.payload_crc, "the sum is over everything behind the header");
    let Ok(batches) = directory(header, &bytes) else { return };
    assert!(batches.len() <= bytes.len() / ENTRY_BYTES, "32 bytes of block for each batch");
    for batch in batches {
        let offset = batch.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        assert!(offset >= HEADER_BYTES && offset + batch.len() <= bytes.len(), "inside the block");
    }
}

/// Over whatever was found recovery decides, twice the same, and replays numbers without a gap.
fn decisions(scan: FileScan, file: &Bytes) {
    let numbers: Vec<u64> = scan.blocks.iter().map(|block| block.number).collect();
    let mut journals = Journals::default();
    journals.add(scan);
    for key in journals.keys() {
        for last_number in [None, Some(0), numbers.first().copied(), numbers.iter().max().copied()] {
            let expected = Expectation { needed_from: 0, last_number };
            let mut read = |block: &BlockHeader| {
                let start = block.offset as usize;
                let range = start..start + block.block_bytes as usize;
                if range.end > file.len() { Err(ReadError("beyond the end".into())) } else { Ok(file.slice(range)) }
            };
            let decided = journals.decide(key, expected, &mut read);
            assert_eq!(decided, journals.decide(key, expected, &mut read), "a decision is repeatable");
            decided.iter().for_each(|replay| replayed(replay, &numbers));
        }
    }
}

fn replayed(replay: &Replay, found: &[u64]) {
    let numbers: Vec<u64> = replay.blocks.iter().map(|block| block.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {numbers:?}");
    assert!(numbers.iter().all(|number| found.contains(number)), "nothing that was not found");
    assert!(numbers.first().is_none_or(|first| *first == replay.needed_from), "from the oldest needed on");
    assert!(numbers.last().is_none_or(|last| *last == replay.last_number), "to the last good one");
}
