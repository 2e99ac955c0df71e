//! `dump chunk`: what a stored chunk holds, every checksum verified, each damaged part named by itself.

use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::chunk::{
    ChunkId, ChunkInput, ChunkStream, Compressor, EncodedChunk, Identity, Lane, StreamState, encode, encode_fence,
};
use riverrun_core::control::{SYSTEM_DEFAULTS, StreamEntry};
use riverrun_dump::args::{ChunkArgs, Output};
use riverrun_dump::chunk;
use riverrun_dump::error::Error;
use riverrun_protocol::config::{Retention, StorageClass, StreamConfig, TimestampingMode};
use riverrun_protocol::{Record, StreamId, batch};

use crate::samples::{NOW_MS, at, crc32c, stamped, target};

const IDENTITY: Identity = Identity { store_id: [0x51; 16], writer_id: [0x52; 16], put_id: [0x53; 16] };
const ID: ChunkId = ChunkId { epoch: 2, shard: 1, lane: Lane::Express, number: 7 };

/// Bytes that no codec makes smaller, the same in every run.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..bytes).map(next).collect()
}

/// Two batches of two records each.
fn stream(number: u8, body: impl Fn(u64) -> Vec<u8>) -> ChunkStream {
    let stream_id = StreamId([number; 16]);
    let batches = [10, 12].map(|first| {
        let records = [first, first + 1].map(|seq_num| Record::new(body(seq_num)));
        stamped(batch::encode(&records).unwrap(), stream_id, first)
    });
    let state = StreamState { stream_id, next: at(14), trim_point: 3, record_count: 14, ..StreamState::default() };
    ChunkStream { state, entry: None, batches: batches.map(|batch| batch.bytes().clone()).to_vec() }
}

fn noisy_chunk() -> EncodedChunk {
    let mut first = stream(1, |seq_num| noise(seq_num, 150_000));
    let entry = StreamEntry::new(StreamId([1; 16]), target().basin, target().stream, NOW_MS, SYSTEM_DEFAULTS);
    first.entry = Some(Arc::new(entry));
    encoded(vec![first, stream(2, |seq_num| noise(seq_num, 1000))])
}

fn encoded(streams: Vec<ChunkStream>) -> EncodedChunk {
    let input = ChunkInput { id: ID, streams, compression_level: 1 };
    encode(&input, IDENTITY, &mut Compressor::new().unwrap()).unwrap()
}

fn dump_as(object: &[u8], batches: bool, output: Output) -> (Result<(), Error>, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chunk");
    std::fs::write(&file, object).unwrap();
    let mut out = Vec::new();
    let result = chunk::run(&ChunkArgs { file, batches, output }, &mut out);
    (result, String::from_utf8(out).unwrap())
}

fn dump(object: &[u8]) -> (Result<(), Error>, String) {
    dump_as(object, false, Output::Line)
}

#[test]
fn a_chunk_by_page_and_stream() {
    let (result, text) = dump(&noisy_chunk().to_bytes());
    result.unwrap();
    insta::assert_snapshot!(text, @r#"
        chunk name=chunks/0000000000000002/0001-e/0000000000000007 epoch=2 shard=1 lane=express number=7 writer_epoch=2 store_id=51515151515151515151515151515151 writer_id=52525252525252525252525252525252 put_id=53535353535353535353535353535353 object_bytes=605575 pages=3 streams=2 stored_bytes=604704 raw_bytes=604704 ratio=100.0%
        page page=0 offset=112 codec=raw stored_bytes=300176 raw_bytes=300176 ratio=100.0% crc=0xee9cd0ea
        page page=1 offset=300288 codec=raw stored_bytes=300176 raw_bytes=300176 ratio=100.0% crc=0x0bdc0f3e
        page page=2 offset=600464 codec=raw stored_bytes=4352 raw_bytes=4352 ratio=100.0% crc=0x5239087e
        stream created="my-basin/logs/web 1" created_at_ms=1700000000000 config_version=0 storage_class=express retention_age_secs=604800 timestamping_mode=client-prefer timestamping_uncapped=false delete_on_empty_min_age_secs=0 stream_id=01010101010101010101010101010101 seq=10..14 time=1700000000011..=1700000000014 records=4 metered_bytes=600032 raw_bytes=600352 pages=2 next_seq_num=14 trim_point=3 records_ever=14 metered_bytes_ever=0
        stream stream_id=02020202020202020202020202020202 seq=10..14 time=1700000000011..=1700000000014 records=4 metered_bytes=4032 raw_bytes=4352 pages=1 next_seq_num=14 trim_point=3 records_ever=14 metered_bytes_ever=0
        "#);
}

/// E6, E8: what a stream was configured to when it began, and that it is being deleted.
#[test]
fn e6_a_stream_that_is_kept_for_ever_and_deleted_all_the_same() {
    let config = StreamConfig {
        storage_class: StorageClass::Standard,
        retention: Retention::Infinite,
        timestamping_mode: TimestampingMode::Arrival,
        timestamping_uncapped: true,
        delete_on_empty_min_age_secs: 60,
    };
    let entry = StreamEntry::new(StreamId([2; 16]), target().basin, target().stream, NOW_MS, config);
    let entry = StreamEntry { config_version: 3, deleted_at_ms: Some(NOW_MS + 9), ..entry };
    let stream = ChunkStream { entry: Some(Arc::new(entry)), ..stream(2, |seq| noise(seq, 1000)) };
    let (result, text) = dump(&encoded(vec![stream]).to_bytes());
    result.unwrap();
    let line = text.lines().find(|line| line.starts_with("stream ")).unwrap();
    insta::assert_snapshot!(line.split(" seq=").next().unwrap(), @r#"stream created="my-basin/logs/web 1" created_at_ms=1700000000000 deleted_at_ms=1700000000009 config_version=3 storage_class=standard retention=infinite timestamping_mode=arrival timestamping_uncapped=true delete_on_empty_min_age_secs=60 stream_id=02020202020202020202020202020202"#);
}

#[test]
fn its_runs_and_batches() {
    let (result, text) = dump_as(&encoded(vec![stream(2, |seq| noise(seq, 1000))]).to_bytes(), true, Output::Line);
    result.unwrap();
    insta::assert_snapshot!(text.lines().skip(2).collect::<Vec<_>>().join("\n"), @"
        stream stream_id=02020202020202020202020202020202 seq=10..14 time=1700000000011..=1700000000014 records=4 metered_bytes=4032 raw_bytes=4352 pages=1 next_seq_num=14 trim_point=3 records_ever=14 metered_bytes_ever=0
          run page=0 raw_offset=0 raw_bytes=4352 batches=2 records=4 seq=10..14 time=1700000000011..=1700000000014 arrival_ms=1700000000005..=1700000000005 expires_at_ms_max=1700000000006
            batch stream_id=02020202020202020202020202020202 seq=10..12 records=2 payload_bytes=2000 metered_bytes=2016 arrival_ms=1700000000005 expires_at_ms=1700000000006
            batch stream_id=02020202020202020202020202020202 seq=12..14 records=2 payload_bytes=2000 metered_bytes=2016 arrival_ms=1700000000005 expires_at_ms=1700000000006
        ");
}

#[test]
fn compressed_pages_are_undone_and_their_ratio_told() {
    let (result, text) = dump(&encoded(vec![stream(2, |_| b"again and ".repeat(1000))]).to_bytes());
    result.unwrap();
    assert!(text.contains("codec=zstd") && !text.contains("ratio=100.0%"), "{text}");
}

#[test]
fn json_lines_say_the_same() {
    let (_, text) = dump_as(&noisy_chunk().to_bytes(), false, Output::Jsonl);
    let parts: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(names.first(), Some(&"chunk"));
    assert_eq!(parts[0]["fields"]["streams"], names.iter().filter(|name| **name == "stream").count());
    assert!(parts.iter().all(|part| part["v"] == 1));
}

#[test]
fn a_fence() {
    let (result, text) = dump(&encode_fence(ID, 5, IDENTITY));
    result.unwrap();
    insta::assert_snapshot!(text, @"fence name=chunks/0000000000000002/0001-e/0000000000000007 epoch=2 shard=1 lane=express number=7 writer_epoch=5 store_id=51515151515151515151515151515151 writer_id=52525252525252525252525252525252 put_id=53535353535353535353535353535353 object_bytes=112");
}

/// F10: a flipped byte anywhere is found, and wherever the index survives, it is told which part it hit.
#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let chunk = noisy_chunk();
    let good = chunk.to_bytes();
    for at in (0..good.len()).step_by(997).chain(good.len() - 400..good.len()) {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x40;
        let (result, text) = dump(&bytes);
        assert!(matches!(result, Err(Error::Damaged { .. } | Error::Foreign { .. })), "byte {at}: {result:?}");
        let hit = chunk.footer.pages.iter().position(|page| page.range().contains(&(at as u64)));
        if let Some(page) = hit {
            let damaged: Vec<&str> = text.lines().filter(|line| line.contains("DAMAGED")).collect();
            assert!(damaged[0].starts_with(&format!("page page={page} ")), "byte {at}: {damaged:?}");
            assert_eq!(damaged.iter().filter(|line| line.starts_with("page")).count(), 1, "byte {at}");
        }
    }
}

#[test]
fn one_damaged_page_hides_no_other() {
    let chunk = noisy_chunk();
    let mut bytes = chunk.to_bytes().to_vec();
    bytes[chunk.footer.pages[0].offset as usize + 5000] ^= 1;
    let (result, text) = dump(&bytes);
    let said: Vec<String> = text.lines().filter_map(|line| Some(line.split_once(" DAMAGED")?.1.to_owned())).collect();
    insta::assert_snapshot!(format!("{}\n{}", result.unwrap_err().to_string().replace("/chunk", ""), said.join("\n"))
        .lines().skip(1).collect::<Vec<_>>().join("\n"), @"
        : chunk page is damaged at byte 112: the page in bytes 112..300288 has a wrong checksum
        : records 10..12 are in page 0
        ");
}

/// The page's sum is right and the producer's is not: the batch was damaged before it was stored.
#[test]
fn a_payload_that_is_not_the_producers_is_found() {
    let good = stream(2, |seq_num| noise(seq_num, 1000));
    let encoded = encoded(vec![good]);
    let page = encoded.footer.pages[0];
    let mut bytes = encoded.to_bytes().to_vec();
    let range = page.range().start as usize..page.range().end as usize;
    bytes[range.end - 1] ^= 1;
    let crc = crc32c(&bytes[range]);
    let footer_at = encoded.trailer.footer.offset as usize;
    let footer_end = footer_at + encoded.trailer.footer.bytes as usize;
    bytes[footer_at + 120 + 8..footer_at + 120 + 12].copy_from_slice(&crc.to_le_bytes());
    let footer_crc = crc32c(&bytes[footer_at..footer_end]);
    let trailer_at = bytes.len() - 40;
    bytes[trailer_at + 12..trailer_at + 16].copy_from_slice(&footer_crc.to_le_bytes());
    let trailer_crc = crc32c(&bytes[trailer_at..trailer_at + 28]);
    bytes[trailer_at + 28..trailer_at + 32].copy_from_slice(&trailer_crc.to_le_bytes());
    let (result, text) = dump(&bytes);
    assert!(matches!(result, Err(Error::Damaged { .. })), "{result:?}");
    let line = text.lines().find(|line| line.contains("DAMAGED")).unwrap();
    assert!(line.starts_with("stream ") && line.contains("records 12..14"), "{line}");
}

/// F22: nothing is wrong with it, and it is not to be touched.
#[test]
fn a_newer_version_is_refused_by_name() {
    let mut header = encode_fence(ID, 5, IDENTITY).to_vec();
    header[8] = 2;
    let crc = crc32c(&header[..108]);
    header[108..].copy_from_slice(&crc.to_le_bytes());
    let (result, text) = dump(&header);
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::Foreign { .. }) && text.is_empty(), "{error}");
    assert!(error.to_string().contains("format version 2"), "{error}");
}

#[test]
fn what_is_no_chunk_is_refused() {
    for bytes in [&b""[..], b"RVRN", &[0; 4096], &Bytes::from(noise(1, 5000))] {
        assert!(matches!(dump(bytes).0, Err(Error::Damaged { .. })));
    }
    let cut = noisy_chunk().to_bytes();
    let error = dump(&cut[..cut.len() - 1]).0.unwrap_err().to_string();
    assert!(error.contains("does not end as a chunk does"), "{error}");
}
