//! Rubbish over the socket: a documented error or a clean close, a server that goes on serving, flat memory (P14, F48, F50).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use bytes::BytesMut;
use riverrun_protocol::frame::{self, Cut, FrameHeader, FrameKind};
use riverrun_protocol::request::{Append, AppendConditions, Hello, Request};
use riverrun_protocol::response::Response;
use riverrun_protocol::{ErrorCode, ErrorFrame};

use crate::raw::{Raw, batch, target};
use crate::support::{Data, PATIENCE, Server};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

fn hello() -> BytesMut {
    let hello = Hello { version_min: 1, version_max: 1, features: 0, token: Vec::new(), agent: "rubbish".to_owned() };
    let mut bytes = BytesMut::new();
    Request::Hello(hello).write(0, &mut bytes);
    bytes
}

/// Sends, closes the sending side, and reads to the end. A reset counts as an end.
fn send_and_drain(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(server);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// The errors among the frames of an answer.
fn errors(mut answer: &[u8]) -> Vec<ErrorCode> {
    let mut codes = Vec::new();
    while let Ok(Cut::Complete { header, body, consumed }) = frame::cut(answer) {
        if header.kind == FrameKind::Error as u8 {
            codes.push(ErrorFrame::parse(&answer[body]).expect("a well-formed error").code);
        }
        answer = &answer[consumed..];
    }
    codes
}

fn still_serves(server: &Server) {
    server.ok(&["ping", "-c", "1"]);
}

#[test]
fn each_kind_of_rubbish_gets_its_documented_answer() {
    let data = Data::new();
    let server = data.serve(&[]);
    let after_hello = |rest: &[u8]| [&hello()[..], rest].concat();
    let mut giant = BytesMut::new();
    FrameHeader { body_bytes: u32::MAX, kind: FrameKind::Append as u8, flags: 0, id: 1 }.write(&mut giant);
    let mut long_ping = BytesMut::new();
    FrameHeader { body_bytes: 1 << 20, kind: FrameKind::Ping as u8, flags: 0, id: 1 }.write(&mut long_ping);
    let mut early = BytesMut::new();
    Request::Status.write(1, &mut early);
    let mut unknown = BytesMut::new();
    FrameHeader { body_bytes: 3, kind: 0x3e, flags: 0, id: 9 }.write(&mut unknown);
    unknown.extend_from_slice(b"abc");
    let cases: [(&str, Vec<u8>, &[ErrorCode]); 8] = [
        ("a giant length", after_hello(&giant), &[ErrorCode::BadFrame]),
        ("a giant length before hello", giant.to_vec(), &[ErrorCode::BadFrame]),
        ("a long control frame", after_hello(&long_ping), &[ErrorCode::BadFrame]),
        ("a request before hello", early.to_vec(), &[ErrorCode::HelloRequired]),
        ("an unknown kind", after_hello(&unknown), &[ErrorCode::Unsupported]),
        ("a second hello", after_hello(&hello()), &[ErrorCode::BadFrame]),
        ("half a frame", after_hello(&early[..7]), &[]),
        ("nothing", Vec::new(), &[]),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(errors(&send_and_drain(&server, &bytes)), expected, "{name}");
        still_serves(&server);
    }
}

#[test]
fn other_protocols_are_told_so() {
    let data = Data::new();
    let server = data.serve(&[]);
    let answer = send_and_drain(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"hello?\r\n"]
    {
        assert_eq!(errors(&send_and_drain(&server, bytes)), []);
    }
    still_serves(&server);
}

#[test]
fn random_bytes_and_giant_claims_leave_memory_flat() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    still_serves(&server);
    let before = server.resident_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |len: usize| -> Vec<u8> {
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect()
    };
    for round in 0..300 {
        let rest = random(round * 17 % 4096);
        let bytes = if round % 2 == 0 { rest } else { [&hello()[..], &rest].concat() };
        send_and_drain(&server, &bytes);
    }
    // Large appends that never come: claimed, a little of it sent, then held open.
    let mut claim = hello();
    FrameHeader { body_bytes: 1 << 20, kind: FrameKind::SessionAppend as u8, flags: 0, id: 1 }.write(&mut claim);
    claim.extend_from_slice(&[0; 100]);
    let held: Vec<TcpStream> = (0..500)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(&claim).expect("written");
            stream
        })
        .collect();
    still_serves(&server);
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "resident memory grew by {grown} bytes under 500 claims of 1 MiB each");
    drop(held);
    still_serves(&server);
}

/// D18: a frame gets its memory once some of it is there, and then all of it; so only some get it at the same time.
#[test]
fn d18_large_frames_that_begin_and_never_end_hold_little_memory() {
    const CLAIMS: usize = 400;
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    still_serves(&server);
    let before = server.resident_bytes();
    let mut claim = hello();
    FrameHeader { body_bytes: 1 << 20, kind: FrameKind::SessionAppend as u8, flags: 0, id: 1 }.write(&mut claim);
    claim.extend_from_slice(&[0; 16 << 10]);
    let held: Vec<TcpStream> = (0..CLAIMS)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(&claim).expect("written");
            stream
        })
        .collect();
    still_serves(&server);
    let grown = server.resident_bytes().saturating_sub(before);
    println!("{CLAIMS} begun frames of 1 MiB, 16 KiB of each sent: {} MiB more resident", grown >> 20);
    assert!(grown < 128 << 20, "resident memory grew by {grown} bytes");
    let mut producer = Raw::connect(&server.addr, "").expect("open");
    producer.create_basin("demo-basin");
    let batch = batch(&"x".repeat(1_000_000));
    for n in 0..8 {
        let (target, conditions) = (target("demo-basin", &format!("s{n}")), AppendConditions::default());
        let answer = producer.call(&Request::Append(Append { target, conditions, batch: &batch }));
        assert!(matches!(answer, Ok(Response::AppendAck(_))), "one that comes whole is taken: {answer:?}");
    }
    drop(held);
    still_serves(&server);
}

#[test]
fn a_frame_cut_anywhere_and_sent_in_pieces_is_the_same_frame() {
    let data = Data::new();
    let server = data.serve(&[]);
    let mut bytes = hello();
    Request::Ping(riverrun_protocol::request::Ping { nonce: 77 }).write(5, &mut bytes);
    for cut in 1..bytes.len() {
        let mut stream = connect(&server);
        stream.set_nodelay(true).expect("set");
        stream.write_all(&bytes[..cut]).expect("written");
        stream.write_all(&bytes[cut..]).expect("written");
        stream.shutdown(Shutdown::Write).expect("shut down");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        assert!(errors(&answer).is_empty());
        assert!(answer.windows(8).any(|w| w == 77u64.to_le_bytes()), "no pong after a cut at {cut}");
    }
}
