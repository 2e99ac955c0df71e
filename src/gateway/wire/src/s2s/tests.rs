use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use prost::Message;
use riverrun_protocol::batch::Record;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::response::AppendAck;
use riverrun_protocol::types::{FencingToken, Level, Position};

use super::*;
use crate::batch::ReadBatch;
use crate::batch::testing::read_batch;
use crate::compress::{Compression, DecompressError};
use crate::error::HttpError;
use crate::limits::{S2S_FRAME_BYTES_MAX, S2S_LENGTH_BYTES, S2S_PAYLOAD_BYTES_MAX};
use crate::proto;

const PLAIN: FrameOptions = FrameOptions { compression: Compression::None, reconnect_advised: false };

fn frame(options: FrameOptions, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    put_frame(&mut out, options, |out| out.extend_from_slice(payload)).unwrap();
    out
}

fn with(compression: Compression) -> FrameOptions {
    FrameOptions { compression, reconnect_advised: false }
}

/// Everything that a body in these pieces holds.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Result<(), FrameError>) {
    let (mut decoder, mut frames) = (FrameDecoder::new(), Vec::new());
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break assert!(piece.is_empty()),
                Err(error) => return (frames, Err(error)),
            }
        }
        assert!(decoder.buffered_bytes() < S2S_LENGTH_BYTES + S2S_FRAME_BYTES_MAX);
    }
    (frames, decoder.finish())
}

fn only(body: &[u8]) -> Frame {
    let (mut frames, end) = decode([body]);
    assert_eq!((frames.len(), end), (1, Ok(())));
    frames.remove(0)
}

#[test]
fn h8_golden_frames() {
    assert_eq!(frame(PLAIN, b"abc")[..], *b"\0\0\x04\x00abc");
    assert_eq!(frame(PLAIN, b"")[..], *b"\0\0\x01\x00");
    assert_eq!(frame(FrameOptions { reconnect_advised: true, ..PLAIN }, b"abc")[..], *b"\0\0\x04\x10abc");
    let zero = Position::default();
    let ack = AppendAck { start: zero, end: zero, tail: zero, level: Level::Journal, shard: 0 };
    let mut out = BytesMut::new();
    put_append_ack(&mut out, PLAIN, &ack).unwrap();
    assert_eq!(out[..], *b"\0\0\x07\x00\x0a\0\x12\0\x1a\0");
    let mut out = BytesMut::new();
    put_read_batch(&mut out, PLAIN, &ReadBatch::heartbeat(zero)).unwrap();
    assert_eq!(out[..], *b"\0\0\x03\x00\x12\0");
}

#[test]
fn h8_terminal_frames_are_a_status_and_the_unary_body() {
    let mut out = BytesMut::new();
    put_terminal(&mut out, &HttpError::from(ErrorFrame::fencing_token_mismatch(FencingToken::new("me").unwrap())));
    assert_eq!(out[..], *b"\0\0\x22\x80\x01\x9c{\"fencing_token_mismatch\":\"me\"}");
    let mut out = BytesMut::new();
    put_terminal(&mut out, &HttpError::from(ErrorFrame::new(ErrorCode::Draining, "bye")));
    let body = br#"{"code":"server_draining","message":"bye"}"#;
    let terminal = Received::Terminal { status: 503, body: Bytes::from_static(body) };
    assert_eq!(only(&out).into_received(), Ok(terminal));
    // Its compression bits mean nothing.
    let odd = Frame { flags: 0xff, payload: Bytes::from_static(b"\x01\xf4{}") };
    assert_eq!(odd.into_received(), Ok(Received::Terminal { status: 500, body: Bytes::from_static(b"{}") }));
    let short = Frame { flags: 0x80, payload: Bytes::from_static(b"\x01") };
    assert_eq!(short.into_received(), Err(FrameError::TerminalWithoutStatus));
}

#[test]
fn c8_an_empty_batch_without_a_tail_is_no_frame() {
    let mut out = BytesMut::new();
    put_read_batch(&mut out, PLAIN, &ReadBatch::default()).unwrap();
    assert!(out.is_empty());
}

#[test]
fn h8_compressed_from_1024_bytes_on() {
    let advised = FrameOptions { compression: Compression::Zstd, reconnect_advised: true };
    for (options, flags) in [(with(Compression::Zstd), 0x20), (with(Compression::Gzip), 0x40), (advised, 0x30)] {
        let payload = [b'a'; 1024];
        let sent = only(&frame(options, &payload));
        assert_eq!(sent.flags, flags);
        assert!(sent.payload.len() < 100);
        assert_eq!(sent.into_input(), Ok(Bytes::copy_from_slice(&payload)));
        assert_eq!(only(&frame(options, &payload[..1023])).flags & 0x60, 0);
    }
    assert_eq!(only(&frame(PLAIN, &[b'a'; 5000])).flags, 0);
}

#[test]
fn h8_lengths_that_cannot_be_are_refused_as_soon_as_they_are_seen() {
    let too_large = FrameError::TooLarge { frame_bytes: S2S_FRAME_BYTES_MAX + 1 };
    assert_eq!(decode([&b"\x20\x00\x01"[..]]), (vec![], Err(too_large)));
    assert_eq!(decode([&b"\x20"[..], b"\x00", b"\x01"]), (vec![], Err(too_large)));
    assert_eq!(decode([&b"\0\0\0"[..]]), (vec![], Err(FrameError::Empty)));
    assert_eq!(decode([&b"\0\0\x02\0a\0\0\0"[..]]).1, Err(FrameError::Empty));
}

#[test]
fn h8_the_largest_frame_and_one_more() {
    let payload = vec![7; S2S_PAYLOAD_BYTES_MAX];
    let sent = frame(PLAIN, &payload);
    assert_eq!(sent[..4], *b"\x20\0\0\0");
    assert_eq!(decode(sent.chunks(100_000)).0[0].clone().into_input().unwrap(), payload);
    let mut out = BytesMut::from(&b"before"[..]);
    let refused = put_frame(&mut out, PLAIN, |out| out.resize(6 + 4 + S2S_PAYLOAD_BYTES_MAX + 1, 0));
    assert_eq!(refused, Err(PayloadTooLarge { payload_bytes: S2S_PAYLOAD_BYTES_MAX + 1 }));
    assert_eq!(out[..], *b"before");
}

#[test]
fn h8_what_no_client_may_send() {
    let input = |flags, payload: &'static [u8]| Frame { flags, payload: Bytes::from_static(payload) }.into_input();
    assert_eq!(input(0x80, b"\x01\x90{}"), Err(FrameError::TerminalFromClient));
    assert_eq!(input(0x60, b""), Err(FrameError::UnknownCompression));
    assert_eq!(input(0x20, b"rubbish"), Err(FrameError::Decompress(DecompressError::Broken)));
    assert_eq!(input(0x40, b"rubbish"), Err(FrameError::Decompress(DecompressError::Broken)));
    // Reserved bits, and the server's own, mean nothing.
    assert_eq!(input(0x1f, b"a"), Ok(Bytes::from_static(b"a")));
}

#[test]
fn h8_decompression_is_bounded() {
    for compression in [Compression::Zstd, Compression::Gzip] {
        let flags = if compression == Compression::Zstd { 0x20 } else { 0x40 };
        let frame = |bytes: usize| {
            let payload = compression.compress(&vec![0; bytes]).unwrap().into();
            Frame { flags, payload }.into_input().map(|payload| payload.len())
        };
        assert_eq!(frame(S2S_PAYLOAD_BYTES_MAX), Ok(S2S_PAYLOAD_BYTES_MAX));
        let bytes_max = S2S_PAYLOAD_BYTES_MAX;
        assert_eq!(frame(bytes_max + 1), Err(FrameError::Decompress(DecompressError::TooLarge { bytes_max })));
    }
}

#[test]
fn b10_a_partial_frame_at_the_end() {
    let body = [&frame(PLAIN, b"abc")[..], b"\0\0"].concat();
    let (frames, end) = decode([&body[..]]);
    assert_eq!((frames.len(), end), (1, Err(FrameError::Partial)));
    assert_eq!(decode([]), (vec![], Ok(())));
    let error = HttpError::from(FrameError::Partial);
    let json = br#"{"code":"bad_frame","message":"Failed to decode S2S frame: the body ends inside a frame"}"#;
    assert_eq!((error.status.as_u16(), &error.json()[..]), (400, &json[..]));
}

#[test]
fn b10_inputs() {
    let input = |flags, payload: &'static [u8]| append_input(Frame { flags, payload: Bytes::from_static(payload) });
    assert_eq!(input(0, b"\x0a\x03\x1a\x01b").unwrap().records, [Record::new("b")]);
    for (flags, payload) in
        [(0x80, &b"\x01\x90{}"[..]), (0x60, b""), (0x20, b"rubbish"), (0, b"\x0a"), (0, b"\x1a\x01\xff")]
    {
        let error = input(flags, payload).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code()), (400, Some("bad_frame")), "{payload:?}");
        assert!(error.json().starts_with(br#"{"code":"bad_frame","message":"Failed to decode S2S frame: "#));
    }
    let long = proto::AppendInput { fencing_token: Some("t".repeat(37)), ..proto::AppendInput::default() };
    let error = append_input(Frame { flags: 0, payload: long.encode_to_vec().into() }).unwrap_err();
    assert_eq!((error.status.as_u16(), error.code()), (422, Some("invalid")));
}

#[test]
fn an_error_is_given_again() {
    let mut decoder = FrameDecoder::new();
    let mut body = Bytes::from_static(b"\0\0\0\0\0\x01\0");
    assert_eq!(decoder.next(&mut body), Err(FrameError::Empty));
    assert_eq!((decoder.next(&mut body), decoder.finish()), (Err(FrameError::Empty), Err(FrameError::Empty)));
}

#[test]
fn frames_in_one_piece_are_not_copied() {
    let body = frame(PLAIN, b"abc").freeze();
    let payload = FrameDecoder::new().next(&mut body.clone()).unwrap().unwrap().into_input().unwrap();
    assert!(body.as_ptr_range().contains(&payload.as_ptr()));
}

fn records_of(headers: &(Bytes, Bytes), count: usize) -> Vec<Record> {
    vec![Record { headers: vec![headers.clone(); count], ..Record::new("") }; 1000]
}

fn messages(body: &[u8]) -> Vec<proto::ReadBatch> {
    let (frames, end) = decode([body]);
    assert_eq!(end, Ok(()));
    let payloads = frames.into_iter().map(|frame| frame.into_input().unwrap());
    payloads.map(|payload| proto::ReadBatch::decode(payload).unwrap()).collect()
}

#[test]
fn h8_a_large_batch_is_one_frame() {
    let records = records_of(&("n".into(), "".into()), 346);
    let batch = read_batch(&[(u64::MAX - 1001, &records)]);
    assert!(batch.metered_bytes() > 1_000_000);
    let mut out = BytesMut::new();
    put_read_batch(&mut out, PLAIN, &batch).unwrap();
    assert!(out.len() > 1 << 20);
    assert_eq!(messages(&out)[0].records.len(), 1000);
}

/// The most bytes that one metered MiB can need as protobuf.
#[test]
fn h8_what_no_frame_can_hold_is_divided() {
    let records = records_of(&("n".into(), "v".into()), 260);
    let mut batch = read_batch(&[(u64::MAX - 1001, &records)]);
    batch.tail = Some(Position { seq_num: u64::MAX, timestamp: u64::MAX });
    let mut out = BytesMut::new();
    put_read_batch(&mut out, PLAIN, &batch).unwrap();
    let [first, second] = &messages(&out)[..] else { panic!("two frames") };
    assert_eq!((first.tail.is_none(), second.tail.is_some()), (true, true));
    let numbers = first.records.iter().chain(&second.records).map(|record| record.seq_num);
    assert!(numbers.eq(u64::MAX - 1001..u64::MAX - 1));
}

#[test]
fn h8_a_record_that_no_frame_can_hold_is_an_error() {
    let header = (Bytes::from_static(b"n"), Bytes::from_static(b"v"));
    let record = Record { headers: vec![header; 262_142], ..Record::new("") };
    let batch = read_batch(&[(u64::MAX - 1, &[record])]);
    let mut out = BytesMut::from(&b"before"[..]);
    let error = put_read_batch(&mut out, PLAIN, &batch).unwrap_err();
    assert_eq!((error.code(), &out[..]), (Some("other"), &b"before"[..]));
}

fn payloads() -> impl Strategy<Value = Vec<(Vec<u8>, u8)>> {
    let payload =
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..20), proptest::collection::vec(0..3u8, 1000..1500),];
    proptest::collection::vec((payload, 0..3u8), 0..6)
}

proptest! {
    #[test]
    fn frames_survive_any_division(payloads in payloads(), cuts in proptest::collection::vec(1..700usize, 1..20)) {
        let mut body = Vec::new();
        for (payload, compression) in &payloads {
            let compression = [Compression::None, Compression::Zstd, Compression::Gzip][usize::from(*compression)];
            body.extend_from_slice(&frame(with(compression), payload));
        }
        let (mut rest, mut pieces, mut cuts) = (&body[..], Vec::new(), cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let (frames, end) = decode(pieces);
        prop_assert_eq!(end, Ok(()));
        let received: Vec<_> = frames.into_iter().map(|frame| frame.into_input().unwrap().to_vec()).collect();
        prop_assert_eq!(received, payloads.into_iter().map(|(payload, _)| payload).collect::<Vec<_>>());
    }

    /// Whatever comes: the same verdict in one piece and byte by byte, no panic, nothing beyond what came.
    #[test]
    fn rubbish_never_panics(mut body in proptest::collection::vec(any::<u8>(), 0..300), small: bool) {
        if small {
            body.iter_mut().step_by(5).for_each(|byte| *byte = 0);
        }
        let whole = decode([&body[..]]);
        prop_assert_eq!(&decode(body.chunks(1)), &whole);
        for frame in whole.0 {
            prop_assert!(frame.payload.len() <= body.len());
            let _ = frame.clone().into_received();
            if let Ok(payload) = frame.into_input() {
                prop_assert!(payload.len() <= S2S_PAYLOAD_BYTES_MAX);
            }
        }
    }
}
