//! S2S over HTTP/1.1 (`s2-semantics.md` B10, C11, H8): full duplex, in order, and a last word where something went wrong.

use bytes::Bytes;
use riverrun_gateway_wire::proto;
use riverrun_gateway_wire::s2s::{FrameDecoder, FrameOptions, Received, put_frame};

use super::client::{Http, Open};
use super::with_basin;
use crate::support::Data;

const RECORDS: &str = "/v1/streams/s/records";

fn s2s(http: &Http) -> Http {
    http.with("content-type", "s2s/proto")
}

/// An input of one record.
fn input(body: &str, match_seq_num: Option<u64>) -> Vec<u8> {
    let record = proto::AppendRecord { body: Bytes::copy_from_slice(body.as_bytes()), ..Default::default() };
    let input = proto::AppendInput { records: vec![record], match_seq_num, fencing_token: None };
    let mut out = bytes::BytesMut::new();
    let written = put_frame(&mut out, FrameOptions::default(), |out| {
        out.extend_from_slice(&prost::Message::encode_to_vec(&input));
    });
    written.expect("it fits");
    out.to_vec()
}

/// Frames of an answer that is still coming.
struct Frames {
    open: Open,
    decoder: FrameDecoder,
    piece: Bytes,
}

impl Frames {
    fn new(open: Open) -> Self {
        assert_eq!((open.answer.status, open.answer.header("content-type")), (200, Some("s2s/proto")));
        Self { open, decoder: FrameDecoder::new(), piece: Bytes::new() }
    }

    /// `None` at a clean end.
    fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(frame) = self.decoder.next(&mut self.piece).expect("frames") {
                return Some(frame.into_received().expect("a server's frame"));
            }
            let Some(chunk) = self.open.chunk() else {
                self.decoder.finish().expect("it ends behind a whole frame");
                return None;
            };
            self.piece = chunk.into();
        }
    }

    fn message<M: prost::Message + Default>(&mut self) -> M {
        match self.next() {
            Some(Received::Message { payload, .. }) => M::decode(payload).expect("a message"),
            other => panic!("{other:?} instead of a message"),
        }
    }

    fn ack(&mut self) -> (u64, u64) {
        let ack: proto::AppendAck = self.message();
        (ack.start.expect("a start").seq_num, ack.end.expect("an end").seq_num)
    }

    fn terminal(&mut self) -> (u16, String) {
        match self.next() {
            Some(Received::Terminal { status, body }) => (status, String::from_utf8(body.to_vec()).expect("text")),
            other => panic!("{other:?} instead of a last word"),
        }
    }
}

#[test]
fn b10_acks_come_while_the_request_goes_on() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let mut session = Frames::new(s2s(&http).open("POST", RECORDS));
    for n in 0..3 {
        session.open.send_chunk(&input("x", None));
        assert_eq!(session.ack(), (n, n + 1));
    }
    // Frames need not begin where chunks do.
    let (first, second) = (input("a", Some(3)), input("b", Some(4)));
    let both = [first, second].concat();
    both.chunks(7).for_each(|part| session.open.send_chunk(part));
    assert_eq!((session.ack(), session.ack()), ((3, 4), (4, 5)));
    session.open.end_body();
    assert!(session.next().is_none(), "a clean end");
}

#[test]
fn b10_the_first_failure_is_the_last_word_behind_the_acks_before_it() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let mut session = Frames::new(s2s(&http).open("POST", RECORDS));
    session.open.send_chunk(&[input("a", None), input("b", Some(7)), input("c", None)].concat());
    assert_eq!(session.ack(), (0, 1));
    assert_eq!(session.terminal(), (412, r#"{"seq_num_mismatch":1}"#.to_owned()));
    assert!(session.next().is_none());
    assert_eq!(http.get("/v1/streams/s/records/tail").value()["tail"]["seq_num"], serde_json::json!(1));
}

#[test]
fn b10_what_is_no_input_ends_the_session_behind_the_acks_before_it() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let truncated = input("cut off", None);
    for (what, bytes, ends) in [
        ("no length", vec![0, 0, 0], false),
        ("too long", vec![0xff, 0xff, 0xff], false),
        ("a last word from a client", vec![0, 0, 3, 0x80, 1, 1], false),
        ("no message", vec![0, 0, 3, 0, 0xff, 0xff], false),
        ("cut off", truncated[..truncated.len() - 1].to_vec(), true),
    ] {
        let mut session = Frames::new(s2s(&http).open("POST", RECORDS));
        session.open.send_chunk(&[input("x", None), bytes].concat());
        if ends {
            session.open.end_body();
        }
        session.ack();
        let (status, body) = session.terminal();
        assert_eq!(status, 400, "{what}: {body}");
        assert!(session.next().is_none(), "{what}");
    }
}

#[test]
fn b10_a_session_that_cannot_be_is_an_ordinary_answer() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let nowhere = s2s(&http.bare().with("s2-basin", "no-such-basin"));
    let open = nowhere.open("POST", RECORDS);
    assert_eq!((open.answer.status, open.answer.header("content-type")), (404, Some("application/json")));
}

#[test]
fn b10_a_client_that_hangs_up_leaves_a_server_that_serves() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    for _ in 0..20 {
        let mut session = Frames::new(s2s(&http).open("POST", RECORDS));
        session.open.send_chunk(&input("x", None));
        session.ack();
        session.open.hang_up();
    }
    assert_eq!(http.get("/v1/streams/s/records/tail").value()["tail"]["seq_num"], serde_json::json!(20));
}

#[test]
fn c11_a_reader_hears_history_a_heartbeat_and_what_comes() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let append = |body: &str| {
        let body = format!(r#"{{"records":[{{"body":"{body}"}}]}}"#);
        assert_eq!(http.json("POST", RECORDS, &body).status, 200);
    };
    append("one");
    let mut reader = Frames::new(s2s(&http).open("GET", "/v1/streams/s/records?seq_num=0"));
    let history: proto::ReadBatch = reader.message();
    assert_eq!((history.records.len(), &history.records[0].body[..]), (1, &b"one"[..]));
    let heartbeat: proto::ReadBatch = reader.message();
    assert_eq!((heartbeat.records.len(), heartbeat.tail.expect("a tail").seq_num), (0, 1));
    append("two");
    let live: proto::ReadBatch = reader.message();
    assert_eq!((&live.records[0].body[..], live.tail.expect("a tail").seq_num), (&b"two"[..], 2));
    // Bounded by the tail: `s2 bench` waits for the clean end (I7).
    let mut bounded = Frames::new(s2s(&http).open("GET", "/v1/streams/s/records?seq_num=0&wait=0"));
    let mut records = 0;
    while let Some(received) = bounded.next() {
        let Received::Message { payload, .. } = received else { panic!("{received:?}") };
        records += <proto::ReadBatch as prost::Message>::decode(payload).expect("a message").records.len();
    }
    assert_eq!(records, 2);
}

/// Larger than any buffer on the way, so that every stage holds the one before it up.
#[test]
fn c11_a_reader_that_comes_late_gets_all_of_a_long_history() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let mut session = Frames::new(s2s(&http).open("POST", RECORDS));
    let body = "y".repeat(900_000);
    for n in 0..24 {
        session.open.send_chunk(&input(&body, Some(n)));
    }
    (0..24).for_each(|n| assert_eq!(session.ack(), (n, n + 1)));
    session.open.end_body();
    assert!(session.next().is_none());
    let compressed = s2s(&http).with("accept-encoding", "zstd");
    for reader in [s2s(&http), compressed] {
        let mut reader = Frames::new(reader.open("GET", "/v1/streams/s/records?seq_num=0&wait=0"));
        let mut next = 0;
        while let Some(Received::Message { payload, .. }) = reader.next() {
            let batch = <proto::ReadBatch as prost::Message>::decode(payload).expect("a message");
            for record in batch.records {
                assert_eq!((record.seq_num, record.body.len()), (next, 900_000));
                next += 1;
            }
        }
        assert_eq!(next, 24);
    }
}
