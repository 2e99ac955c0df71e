//! Whatever the bytes are, the dump names what is wrong and where, finds the next frame, and never panics.

use proptest::prelude::*;
use riverrun_dump::capture::{Cutter, Piece, bytes_of, pieces};
use riverrun_dump::view::Format;
use riverrun_protocol::response::CompressedPage;
use riverrun_protocol::{FrameKind, Push};

use crate::samples::{crc32c, page_of, push, sample, stamped_batch};
use crate::{any, see};

fn line_view(bytes: &[u8]) -> String {
    see::file(bytes, see::options(Format::Line))
}

#[test]
fn a_bad_frame_between_good_ones_is_named_with_its_place() {
    let mut bytes = sample(FrameKind::Ping).to_vec();
    let mut flagged = sample(FrameKind::Ping).to_vec();
    flagged[5] = 0x80;
    bytes.extend(flagged);
    bytes.extend_from_slice(&sample(FrameKind::Pong));
    insta::assert_snapshot!(line_view(&bytes), @"
        @0 -> Ping id=7 28B nonce=99
        @28 -> BAD at byte 28: frame flags that this version does not know; looking for the next frame
        @28 -> RUBBISH 28B that belong to no frame
        @56 <- Pong id=7 28B nonce=99
        ");
}

/// A length is judged before anything is kept for it.
#[test]
fn a_giant_length_is_refused_at_once() {
    let mut cutter = Cutter::default();
    cutter.push(&u32::MAX.to_le_bytes());
    let Some(Piece::Bad { offset: 0, reason }) = cutter.poll() else { panic!("not refused") };
    assert!(reason.contains("frame body longer than 2097152 bytes"), "{reason}");
}

#[test]
fn bodies_that_break_a_rule_are_shown_with_the_reason() {
    let mut name_too_short = sample(FrameKind::CreateBasin).to_vec();
    name_too_short[0] = 4 + 1 + 3;
    name_too_short[20] = 3;
    name_too_short.truncate(16 + 8);
    let mut unknown_option = sample(FrameKind::CheckTail).to_vec();
    unknown_option[17] = 2;
    let mut flipped_payload = sample(FrameKind::Append).to_vec();
    *flipped_payload.last_mut().unwrap() ^= 1;
    let mut flipped_table = sample(FrameKind::Records).to_vec();
    flipped_table[16 + 20 + 130] ^= 1;
    let mut cut_body = sample(FrameKind::Heartbeat).to_vec();
    cut_body[0] -= 1;
    cut_body.pop();
    let unknown_kind = any::with_body(0x3e, 5, b"from the future");
    let all = [name_too_short, unknown_option, flipped_payload, flipped_table, cut_body, unknown_kind.to_vec()];
    let lines: Vec<String> = all.iter().map(|frame| see::line(frame)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        -> CreateBasin id=7 24B my- request_token BAD: a basin name has 8 to 48 bytes, this one has 3
        -> CheckTail id=7 41B my-basin/"logs/web 1" 0x200 BAD: CheckTail: option bits 0x200 that this version does not know at byte 0
        -> Append id=7 288B my-basin/"logs/web 1" match_seq_num=20 fencing_token=writer-1 records=3 payload=30B BAD: the payload does not match its checksum at byte 20
        <- Records id=7 455B tail=26@1700000000026 BAD: the batch header and table do not match the server's checksum at byte 120
        <- Heartbeat id=7 35B tail={seq_num=40} BAD: Heartbeat: the body ends too early at byte 12
        -> 0x3e id=5 31B (a kind that this version does not know)
        "#);
}

/// Its sum, what it decompresses to, the sums in there, its numbers: whatever a reader would refuse.
#[test]
fn pages_that_a_reader_refuses_are_shown_with_the_reason() {
    let sound = page_of(&[stamped_batch(20), stamped_batch(23)]);
    let damaged = [stamped_batch(20).bytes().to_vec(), vec![7; 200]].concat();
    let inside = zstd::bulk::compress(&damaged, 3).unwrap();
    let pages = [
        CompressedPage { crc: sound.crc ^ 1, ..sound.clone() },
        CompressedPage { raw_bytes: sound.raw_bytes + 1, ..sound.clone() },
        CompressedPage { first_seq_num: 19, ..sound.clone() },
        CompressedPage { end_seq_num: 27, ..sound.clone() },
        page_of(&[stamped_batch(20), stamped_batch(24)]),
        CompressedPage {
            raw_bytes: damaged.len() as u32,
            crc: crc32c(&inside),
            stored: inside.into(),
            ..sound.clone()
        },
        CompressedPage { raw_bytes: 3, ..sound },
    ];
    let lines: Vec<String> = pages.into_iter().map(|page| see::line(&push(&Push::Page(page)))).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
        <- Page id=7 203B raw_bytes=460 stored=159B seq=20..26 BAD: the page in bytes 0..159 has a wrong checksum at byte 0
        <- Page id=7 203B raw_bytes=461 stored=159B seq=20..26 BAD: the page in bytes 0..159 does not claim 461 raw bytes at byte 0
        <- Page id=7 203B raw_bytes=460 stored=159B seq=19..26 BAD: record 20 stands in the page where 19 belongs at byte 0
        <- Page id=7 203B raw_bytes=460 stored=159B seq=20..27 BAD: the page's records do not end at 27 at byte 0
        <- Page id=7 203B raw_bytes=460 stored=159B seq=20..27 BAD: record 24 stands in the page where 23 belongs at byte 0
        <- Page id=7 184B raw_bytes=430 stored=140B seq=20..26 BAD: batch header: batch version 7; this version knows 1 at byte 0
        <- Page id=7 203B raw_bytes=3 stored=159B seq=20..26 BAD: Page: a page's sizes or numbers contradict each other at byte 0
        ");
}

#[test]
fn another_protocols_bytes_are_recognised() {
    insta::assert_snapshot!(line_view(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"), @"
        @0 -> BAD at byte 0: this is HTTP, not Riverrun's protocol; looking for the next frame
        @0 -> RUBBISH 27B that belong to no frame
        ");
}

#[test]
fn a_capture_that_ends_inside_a_frame_says_so() {
    let frame = sample(FrameKind::Tail);
    insta::assert_snapshot!(line_view(&frame[..30]), @"
        @0 -> BAD at byte 0: the bytes end inside a frame: at least 10 more would follow; looking for the next frame
        @0 -> RUBBISH 30B that belong to no frame
        ");
    insta::assert_snapshot!(line_view(&frame[..3]), @"
        @0 -> BAD at byte 0: the bytes end inside a frame: at least 13 more would follow; looking for the next frame
        @0 -> RUBBISH 3B that belong to no frame
        ");
}

/// A capture that begins anywhere: the frames behind the first, half one are found.
#[test]
fn decoding_sets_in_behind_missing_bytes() {
    let whole = [sample(FrameKind::Append), sample(FrameKind::Ping), sample(FrameKind::CheckTail)].concat();
    for start in 1..sample(FrameKind::Append).len() {
        let mut cutter = Cutter::default();
        let mut found = cutter.miss(start as u64);
        cutter.push(&whole[start..]);
        found.extend(std::iter::from_fn(|| cutter.poll()));
        found.extend(cutter.finish());
        let frames = found.iter().filter(|piece| matches!(piece, Piece::Frame { .. })).count();
        assert_eq!(frames, 2, "from byte {start}: {found:?}");
    }
}

/// Names come from strangers, and a terminal obeys escape sequences.
#[test]
fn escape_sequences_do_not_reach_the_terminal() {
    for kind in FrameKind::ALL {
        let mut frame = sample(*kind).to_vec();
        for at in 16..frame.len() {
            let before = std::mem::replace(&mut frame[at], 0x1b);
            for format in [Format::Line, Format::Hex, Format::Jsonl] {
                let options = riverrun_dump::view::Options {
                    payload: Some(riverrun_dump::view::Payload::Text),
                    show_secrets: true,
                    ..see::options(format)
                };
                assert!(!see::file(&frame, options).contains('\x1b'), "{kind} at {at}");
            }
            frame[at] = before;
        }
    }
}

proptest! {
    /// However the bytes come in, the pieces are the same, back to back, and hold every byte.
    #[test]
    fn pieces_hold_every_byte_however_they_are_cut(
        frames in proptest::collection::vec(any::frame(), 0..4),
        rubbish in proptest::collection::vec(any::<u8>(), 0..60),
        more in proptest::collection::vec(any::frame(), 0..3),
        size in 1usize..50,
    ) {
        let bytes = [frames.concat(), rubbish, more.concat()].concat();
        let mut cutter = Cutter::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            cutter.push(piece);
            found.extend(std::iter::from_fn(|| cutter.poll()));
        }
        found.extend(cutter.finish());
        let held: Vec<u8> = found.iter().flat_map(|piece| bytes_of(piece).to_vec()).collect();
        prop_assert_eq!(&held, &bytes);
        prop_assert_eq!(found, pieces(&bytes));
    }

    #[test]
    fn no_bytes_panic_in_any_view(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind: u8, id: u64) {
        for bytes in [&bytes[..], &any::with_body(kind, id, &bytes)] {
            for format in [Format::Line, Format::Hex, Format::Jsonl] {
                see::file(bytes, see::options(format));
            }
        }
    }
}
