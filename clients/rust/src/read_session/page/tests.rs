use super::*;
use crate::error::Terminal;
use crate::{Record, StreamId};
use bytes::BytesMut;
use riverrun_protocol::Push;
use riverrun_protocol::batch::{Stamp, encode, stamp};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;

const GOLDEN: &str = include_str!("../../../../../protocol/tests/golden/85-Page.hex");

fn batch(first_seq_num: u64, records: usize) -> BytesMut {
    let mut bytes = encode(&vec![Record::new("12345678"); records]).expect("small");
    let server = Stamp { stream_id: StreamId([3; 16]), first_seq_num, arrival_ms: 1, expires_at_ms: 0 };
    stamp(&mut bytes, &server, |_| 1);
    bytes
}

/// Of the records 40 to 47.
fn raw() -> Vec<u8> {
    [batch(40, 3), batch(43, 1), batch(44, 4)].concat()
}

fn compressed(raw: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(raw, 3).expect("room for it")
}

/// As a server would say it, whatever the frame is.
fn claimed(stored: Vec<u8>, raw_bytes: usize) -> CompressedPage {
    let crc = crc32c::crc32c(&stored);
    CompressedPage { raw_bytes: raw_bytes as u32, crc, first_seq_num: 40, end_seq_num: 48, stored: stored.into() }
}

fn page_of(raw: &[u8]) -> CompressedPage {
    claimed(compressed(raw), raw.len())
}

fn refusal(page: &CompressedPage) -> String {
    match PageOpener::default().open(page) {
        Err(Error::Terminal(Terminal::Corrupt { why })) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_is_its_batches() {
    let mut opener = PageOpener::default();
    for _ in 0..2 {
        let batches = opener.open(&page_of(&raw())).expect("sound");
        let numbers: Vec<_> = batches.iter().map(|batch| (batch.first_seq_num(), batch.end_seq_num())).collect();
        assert_eq!(numbers, [(40, 43), (43, 44), (44, 48)]);
        assert_eq!(batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect::<Vec<u8>>(), raw());
    }
}

#[test]
fn a_page_that_fails_leaves_the_next_one_alone() {
    let mut opener = PageOpener::default();
    let mut broken = page_of(&raw()).stored.to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 0x80;
    assert!(opener.open(&claimed(broken, raw().len())).is_err());
    assert!(opener.open(&page_of(&raw())).is_ok());
}

/// The bytes that every other client is tested with.
#[test]
fn the_protocol_s_golden_page_is_opened() {
    let digits: String = GOLDEN.split_whitespace().collect();
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    let frame: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect();
    let body = Bytes::from(frame).slice(FRAME_HEADER_BYTES..);
    let Ok(Push::Page(page)) = Push::parse(0x85, body) else { panic!("no page") };
    let batches = PageOpener::default().open(&page).expect("sound");
    assert_eq!(batches.iter().map(Batch::record_count).sum::<u32>(), 3);
}

#[test]
fn f23_a_wrong_checksum_is_found_before_anything_is_opened() {
    let page = page_of(&raw());
    for place in 0..page.stored.len() {
        let mut stored = page.stored.to_vec();
        stored[place] ^= 1;
        let flipped = CompressedPage { stored: stored.into(), ..page.clone() };
        assert!(refusal(&flipped).ends_with("it has a wrong checksum"), "byte {place}");
    }
    let why = refusal(&CompressedPage { crc: page.crc ^ 1, ..page });
    assert_eq!(why, "the compressed page of records 40..48: it has a wrong checksum");
}

/// With sums that are right, so that only zstd can tell.
#[test]
fn f23_no_flipped_byte_panics() {
    let page = page_of(&raw());
    for place in 0..page.stored.len() {
        let mut stored = page.stored.to_vec();
        stored[place] ^= 0x11;
        let opened = PageOpener::default().open(&claimed(stored, raw().len()));
        if let Ok(batches) = opened {
            assert_eq!(batches.last().map(Batch::end_seq_num), Some(48), "byte {place}");
        }
    }
}

#[test]
fn f49_only_exactly_one_frame_is_opened() {
    let frame = compressed(&raw());
    let bytes = raw().len();
    let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &4_u32.to_le_bytes()[..], b"skip"].concat();
    let other = [
        [&frame[..], &frame[..]].concat(),
        [&frame[..], &skippable[..]].concat(),
        [&skippable[..], &frame[..]].concat(),
        [&frame[..], b"x"].concat(),
        frame[..frame.len() - 1].to_vec(),
        b"no frame at all".to_vec(),
        Vec::new(),
    ];
    for stored in other {
        assert!(refusal(&claimed(stored, bytes)).ends_with("it is not exactly one zstd frame"));
    }
}

#[test]
fn f49_a_frame_claims_what_the_page_claims() {
    for raw_bytes in [raw().len() - 1, raw().len() + 1, PAGE_RAW_BYTES_MAX] {
        let why = refusal(&claimed(compressed(&raw()), raw_bytes));
        assert!(why.ends_with(&format!("its frame does not claim {raw_bytes} bytes")), "{why}");
    }
    let unclaimed = zstd::stream::encode_all(&raw()[..], 3).expect("room for it");
    assert!(refusal(&claimed(unclaimed, raw().len())).contains("does not claim"));
}

/// A frame header's two bytes of content size, behind magic and descriptor, count from 256.
#[test]
fn f49_a_frame_that_yields_more_than_it_claims_is_refused() {
    let bytes = raw().len();
    let mut bomb = compressed(&vec![0; 60_000]);
    assert_eq!(get_frame_content_size(&bomb).ok().flatten(), Some(60_000));
    bomb[5..7].copy_from_slice(&((bytes - 256) as u16).to_le_bytes());
    assert_eq!(get_frame_content_size(&bomb).ok().flatten(), Some(bytes as u64));
    assert!(refusal(&claimed(bomb, bytes)).contains("it does not decompress"));
}

#[test]
fn nothing_is_allocated_for_a_claim_beyond_the_limit() {
    let page = CompressedPage { raw_bytes: u32::MAX, ..page_of(&raw()) };
    assert!(refusal(&page).ends_with("it claims 4294967295 bytes"));
}

#[test]
fn numbers_are_those_that_the_page_claims_without_a_gap() {
    let page = page_of(&raw());
    assert!(refusal(&CompressedPage { first_seq_num: 39, ..page.clone() }).contains("record 40 stands where 39"));
    assert!(refusal(&CompressedPage { end_seq_num: 47, ..page.clone() }).contains("end at 48, not at 47"));
    assert!(refusal(&CompressedPage { end_seq_num: 49, ..page }).contains("end at 48, not at 49"));
    let gap = [batch(40, 3), batch(44, 4)].concat();
    assert!(refusal(&page_of(&gap)).contains("record 44 stands where 43"));
    let twice = [batch(40, 4), batch(40, 8)].concat();
    assert!(refusal(&page_of(&twice)).contains("record 40 stands where 44"));
}

#[test]
fn f23_a_damaged_batch_inside_is_found() {
    // Of the second batch: its version, a sum, a number, its table, its payload.
    let second = batch(40, 3).len();
    for place in [0, 20, 70, 130, batch(43, 1).len() - 1] {
        let mut damaged = raw();
        damaged[second + place] ^= 4;
        refusal(&page_of(&damaged));
    }
    refusal(&page_of(&raw()[..raw().len() - 1]));
    refusal(&page_of(&[&raw()[..], &[0; 64]].concat()));
}
