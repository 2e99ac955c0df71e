//! F49: whoever can write pages with right checksums still cannot make a reader allocate or believe more than the page table
//! says.

use super::*;
use crate::limits::PAGE_RAW_BYTES_MAX;
use crate::stored::{Reader, StoredError};

fn frame(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 1).unwrap()
}

/// Decodes `stored` as a zstd page of `raw_bytes`, with its checksum in order.
fn decode(stored: Vec<u8>, raw_bytes: usize) -> Result<Bytes, StoredError> {
    let page = PageEntry {
        offset: HEADER_BYTES as u64,
        stored_bytes: stored.len() as u32,
        raw_bytes: raw_bytes as u32,
        crc: crc32c::crc32c(&stored),
        codec: PageCodec::Zstd,
    };
    decode_page(&page, &stored.into(), &mut Decompressor::new().unwrap())
}

#[track_caller]
fn refused(stored: Vec<u8>, raw_bytes: usize, why: &str) {
    let error = decode(stored, raw_bytes).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn an_honest_frame_passes() {
    assert_eq!(decode(frame(&[7; 5000]), 5000).unwrap(), vec![7; 5000]);
}

#[test]
fn a_frame_that_claims_another_size_is_refused() {
    refused(frame(&vec![0; 64 << 20]), PAGE_RAW_BYTES_MAX, "does not claim 2097152 raw bytes");
    refused(frame(&[7; 5000]), 4999, "does not claim 4999 raw bytes");
    refused(frame(&[7; 5000]), 5001, "does not claim 5001 raw bytes");
}

#[test]
fn a_frame_that_claims_no_size_is_refused() {
    let mut streaming = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut streaming, &[7; 5000]).unwrap();
    refused(streaming.finish().unwrap(), 5000, "does not claim 5000 raw bytes");
}

#[test]
fn trailing_and_skippable_frames_are_refused() {
    refused([frame(&[7; 100]), frame(&[8; 100])].concat(), 200, "is not exactly one zstd frame");
    refused([frame(&[7; 5000]), vec![0]].concat(), 5000, "is not exactly one zstd frame");
    let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &4u32.to_le_bytes(), &[0; 4]].concat();
    refused([skippable.clone(), frame(&[7; 100])].concat(), 100, "is no zstd frame");
    refused([frame(&[7; 5000]), skippable].concat(), 5000, "is not exactly one zstd frame");
}

#[test]
fn a_cut_frame_and_garbage_are_refused() {
    let whole = frame(&noise(1, 5000));
    refused(whole[..whole.len() - 1].to_vec(), 5000, "is not exactly one zstd frame");
    refused(noise(2, 100), 5000, "is no zstd frame");
    refused(whole[..4].to_vec(), 5000, "is not exactly one zstd frame");
}

#[test]
fn a_frame_that_wants_a_dictionary_is_refused() {
    let samples: Vec<Vec<u8>> = (0..50).map(|seed| log_lines(seed, 20).concat()).collect();
    let dictionary = zstd::dict::from_samples(&samples, 4096).unwrap();
    let frame = zstd::bulk::Compressor::with_dictionary(1, &dictionary).unwrap().compress(&samples[0]).unwrap();
    refused(frame, samples[0].len(), "does not decompress");
}

/// The page table's own sizes have a limit, whatever a footer with a right checksum says.
#[test]
fn a_page_above_the_limit_is_refused_before_it_is_fetched() {
    let entry = |stored_bytes, raw_bytes, codec| {
        let mut bytes = Vec::new();
        PageEntry { offset: 0, stored_bytes, raw_bytes, crc: 1, codec }.encode(&mut bytes);
        PageEntry::decode(&mut Reader::new("footer", &bytes), 0)
    };
    let max = PAGE_RAW_BYTES_MAX as u32;
    assert!(entry(max - 1, max, PageCodec::Zstd).is_ok() && entry(max, max, PageCodec::Raw).is_ok());
    assert!(entry(100, max + 1, PageCodec::Zstd).is_err());
    assert!(entry(max + 1, max + 1, PageCodec::Raw).is_err());
    assert!(entry(10, 11, PageCodec::Raw).is_err());
    assert!(entry(11, 11, PageCodec::Zstd).is_err());
    assert!(entry(0, 0, PageCodec::Raw).is_err());
}
