//! Stopping, and starting where something is in the way.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use riverrun_protocol::frame::{self, Cut, FrameKind};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::request::{Hello, Request, StreamRef};
use riverrun_protocol::types::{BasinName, StreamName};

use crate::support::{Data, log_lines};

#[test]
fn a_graceful_stop_leaves_nothing_to_recover() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "graceful", "--create-stream-on-append"]);
    let input = log_lines(3, 5000);
    server.feed(&["append", "graceful/log"], &input);
    let said = server.terminate();
    assert!(said.contains("nothing is left in the journal"), "{said}");
    let server = data.serve(&["--shards", "1"]);
    assert!(server.says("recovered").contains("clean"), "{}", server.says("recovered"));
    let read = server.ok(&["read", "graceful/log", "--seq-num", "0", "--count", "5000"]);
    assert!(read == input);
}

#[test]
fn a_second_broker_on_the_same_folder_is_refused_and_harms_nothing() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "one-owner", "--create-stream-on-append"]);
    server.feed(&["append", "one-owner/s"], b"first\n");
    let refused = crate::support::Server::try_start(&data.data(), &[]).expect_err("the folder is locked");
    assert!(refused.contains("in use"), "{refused}");
    server.feed(&["append", "one-owner/s"], b"second\n");
    assert_eq!(server.ok(&["read", "one-owner/s", "--seq-num", "0", "--count", "2"]), b"first\nsecond\n");
}

#[test]
fn a_memory_store_says_that_nothing_survives_and_keeps_nothing() {
    let data = Data::new();
    let server = data.serve(&["--store", "memory:"]);
    assert!(server.says("durability").contains("survives nothing"), "{}", server.says("durability"));
    server.ok(&["create-basin", "fleeting", "--create-stream-on-append"]);
    server.feed(&["append", "fleeting/s"], b"gone\n");
    assert_eq!(server.ok(&["read", "fleeting/s", "--seq-num", "0", "--count", "1"]), b"gone\n");
    server.terminate();
    let server = data.serve(&["--store", "memory:"]);
    assert!(!server.cli(&["check-tail", "fleeting/s"]).status.success());
}

/// Also to those who have nothing in progress, and once to those who use streams of several shards.
#[test]
fn every_connection_is_told_once_that_the_server_stops() {
    let data = Data::new();
    let server = data.serve(&["--shards", "3"]);
    server.ok(&["create-basin", "told-once", "--create-stream-on-append"]);
    let mut idle = greeted(&server.addr);
    let mut busy = greeted(&server.addr);
    for n in 0..8u64 {
        server.feed(&["append", &format!("told-once/s-{n}")], b"one\n");
        let stream = StreamName::new(&format!("s-{n}")).expect("a name");
        let target = StreamRef { basin: BasinName::new("told-once").expect("a name"), stream };
        send(&mut busy, n + 1, &Request::CheckTail(target));
        assert_eq!(next_kind(&mut busy), Some(FrameKind::Tail), "stream {n}");
    }
    let stopping = std::thread::spawn(move || server.terminate());
    for (name, stream) in [("idle", &mut idle), ("busy", &mut busy)] {
        let kinds: Vec<FrameKind> = std::iter::from_fn(|| next_kind(stream)).collect();
        assert_eq!(kinds, [FrameKind::Draining], "{name}");
    }
    stopping.join().expect("it stops");
}

fn greeted(addr: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("set");
    let hello = Hello { version_min: 1, version_max: 1, features: 0, token: Vec::new(), agent: "stop".to_owned() };
    send(&mut stream, 0, &Request::Hello(hello));
    assert_eq!(next_kind(&mut stream), Some(FrameKind::HelloAccepted));
    stream
}

fn send(stream: &mut TcpStream, id: u64, request: &Request<'_>) {
    let mut bytes = BytesMut::new();
    request.write(id, &mut bytes);
    stream.write_all(&bytes).expect("written");
}

/// `None` at the end.
fn next_kind(stream: &mut TcpStream) -> Option<FrameKind> {
    let mut header = [0; FRAME_HEADER_BYTES];
    match stream.read_exact(&mut header) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
        read => read.expect("readable"),
    }
    let (Ok(Cut::Complete { header, .. }) | Ok(Cut::Incomplete { header: Some(header), .. })) = frame::cut(&header)
    else {
        panic!("no frame: {header:?}");
    };
    stream.read_exact(&mut vec![0; header.body_bytes as usize]).expect("the whole frame");
    FrameKind::from_byte(header.kind)
}
