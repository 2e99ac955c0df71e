//! Bytes of version 1, checked in. A change here is a new format version: readers of the old one must stay.

use super::*;

/// zstd may write other bytes in another version, so a compressed chunk is only ever read.
const COMPRESSED: &str = include_str!("golden/chunk-v1-zstd.hex");
/// A chunk whose only page is stored raw: every byte is ours.
const RAW: &str = include_str!("golden/chunk-v1-raw-entry-v2.hex");
/// The same, from when a stream's entry had less to say.
const RAW_ENTRY_V1: &str = include_str!("golden/chunk-v1-raw.hex");
const FENCE: &str = include_str!("golden/fence-v1.hex");

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    bytes.chunks(32).map(line).collect()
}

#[test]
fn an_uncompressed_chunk_is_written_as_ever() {
    assert_eq!(hex(&raw_chunk().to_bytes()), RAW);
}

#[test]
fn an_uncompressed_chunk_is_read_as_ever() {
    for hex in [RAW, RAW_ENTRY_V1] {
        let (chunk, written) = (chunk(&bytes(hex)), raw_chunk().footer);
        assert_eq!((&chunk.footer.pages, &chunk.footer.streams), (&written.pages, &written.streams));
        assert_eq!(chunk.footer.pages[0].codec, PageCodec::Raw);
        let batches = chunk.batches(stream_id(1), &mut Decompressor::new().unwrap()).unwrap();
        let bodies: Vec<Bytes> = batches.iter().flat_map(Batch::records).map(|record| record.unwrap().body).collect();
        assert_eq!(bodies, [noise(7, 1500), noise(8, 900), noise(9, 600)]);
    }
}

#[test]
fn a_compressed_chunk_is_read_as_ever() {
    let chunk = chunk(&bytes(COMPRESSED));
    assert_eq!(chunk.footer.pages[0].codec, PageCodec::Zstd);
    let mut zstd = Decompressor::new().unwrap();
    for (id, first) in [(1, 0), (2, 100)] {
        let batches = chunk.batches(stream_id(id), &mut zstd).unwrap();
        assert!(batches.iter().all(|batch| batch.verify_payload().is_ok()));
        let bodies: Vec<Bytes> = batches.iter().flat_map(Batch::records).map(|record| record.unwrap().body).collect();
        assert_eq!(bodies, log_lines(u64::from(id), 30));
        assert_eq!(batches[0].first_seq_num(), first);
    }
}

#[test]
fn a_fence_is_written_and_read_as_ever() {
    assert_eq!(hex(&encode_fence(ID, 3, IDENTITY)), FENCE);
    assert!(matches!(identify(&bytes(FENCE)), Ok(Object::Fence(header)) if header.writer_epoch == 3));
}
