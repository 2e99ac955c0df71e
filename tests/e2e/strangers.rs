//! Peers that were not let in, or not yet (reliability.md 5.1): nothing that they send is carried out, and they fill neither logs nor
//! shards.

use std::io::{Read, Write};
use std::net::TcpStream;

use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::{Append, AppendConditions, Hello, Request};
use riverrun_protocol::response::Response;

use crate::audit::recorded;
use crate::raw::{Raw, Said, batch, target};
use crate::support::{Data, Server, until};

/// Enough that some belong to either of two shards.
const STREAMS: u64 = 16;

/// A hello with this token, and right behind it an append to each of the streams.
fn hello_and_appends(server: &Server, token: &str) -> Raw {
    let batch = batch("x");
    let hello = Request::Hello(Hello::new(token, "raw/1"));
    let append = |n| {
        let (target, conditions) = (target("demo-basin", &format!("s{n}")), AppendConditions::default());
        Request::Append(Append { target, conditions, batch: &batch })
    };
    let appends: Vec<Request<'_>> = (1..=STREAMS).map(append).collect();
    let all: Vec<(u64, &Request<'_>)> = (0..).zip(std::iter::once(&hello).chain(&appends)).collect();
    let mut raw = Raw::stranger(&server.addr);
    raw.send_all(&all);
    raw
}

fn moved(root: &mut Raw) -> u64 {
    match root.ok(&Request::Status) {
        Response::Status(status) => {
            let moved = status.counters.iter().filter(|counter| counter.0 == "connections_moved_total");
            moved.map(|counter| counter.1).sum()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_comes_behind_a_hello_waits_until_it_is_known_who_it_is() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required", "--shards", "2"]);
    let secret = data.root_token();
    let mut root = Raw::connect(&server.addr, &secret).expect("root gets in");
    root.create_basin("demo-basin");
    let before = moved(&mut root);
    for _ in 0..8 {
        let mut stranger = hello_and_appends(&server, "rrt_wrong");
        let Said::Error(0, error) = stranger.next() else { panic!("let in") };
        assert_eq!((error.code, error.outcome), (ErrorCode::Authn, Outcome::NotDone), "{error}");
        assert_eq!(stranger.next(), Said::End, "that was all");
    }
    assert_eq!(moved(&mut root), before, "no shard got a connection that nobody had let in");
    for n in 1..=STREAMS {
        let error = root.call(&Request::GetStreamConfig(target("demo-basin", &format!("s{n}")))).expect_err("not made");
        assert_eq!(error.code, ErrorCode::StreamNotFound);
    }
    let mut known = hello_and_appends(&server, &secret);
    assert!(matches!(known.next(), Said::Answer(0, response) if matches!(*response, Response::HelloAccepted(_))));
    let mut answered: Vec<u64> = (0..STREAMS)
        .map(|_| match known.next() {
            Said::Answer(id, response) if matches!(*response, Response::AppendAck(_)) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, Vec::from_iter(1..=STREAMS), "of whom everything is carried out, in whatever order");
}

#[test]
fn strangers_do_not_fill_the_log() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required"]);
    for n in 0..300 {
        match n % 3 {
            0 => drop(Raw::connect(&server.addr, "rrt_wrong").expect_err("not let in")),
            1 => {
                let mut rude = Raw::stranger(&server.addr);
                rude.send(1, &Request::Status);
                assert!(matches!(rude.next(), Said::Error(0, error) if error.code == ErrorCode::HelloRequired));
            }
            _ => {
                let mut socket = TcpStream::connect(&server.addr).expect("it listens");
                socket.write_all(&[0xff; 64]).expect("sent");
                // Its last words, or a reset if it did not read all.
                let _ = socket.read_to_end(&mut Vec::new());
            }
        }
    }
    // What the audit stream does not have when the broker stops is in the log instead, each record in a line.
    let mut root = Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
    root.create_basin("behind-them");
    recorded(&mut root, &["create-basin", "behind-them"]);
    let log = server.terminate();
    let lines = log.lines().count();
    assert!(lines < 60, "{lines} lines for 300 strangers:\n{log}");
}

#[test]
fn a_hello_that_breaks_a_rule_is_the_connections_last_word() {
    let data = Data::new();
    let server = data.serve(&[]);
    let mut stranger = Raw::stranger(&server.addr);
    let backwards = Hello { version_min: 2, version_max: 1, ..Hello::new("", "raw/1") };
    stranger.send_all(&[(0, &Request::Hello(backwards)), (1, &Request::Hello(Hello::new("", "raw/1")))]);
    let Said::Error(0, error) = stranger.next() else { panic!("let in") };
    assert_eq!((error.code, error.outcome), (ErrorCode::Invalid, Outcome::NotDone), "{error}");
    assert_eq!(stranger.next(), Said::End);
}

/// F28: whoever only dials takes neither the places nor the descriptors of those who have said hello, nor those of files.
#[test]
fn f28_silent_strangers_harm_nobody_who_is_there() {
    let data = Data::new();
    let server = Server::start_within(256, &data.data(), &["--shards", "1"]);
    let mut producer = Raw::connect(&server.addr, "").expect("open");
    producer.create_basin("demo-basin");
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&server.addr).expect("it listens")).collect();
    let refused = |mut socket: &TcpStream| {
        socket.set_nonblocking(true).expect("set");
        matches!(socket.read(&mut [0; 16]), Ok(bytes) if bytes > 0)
    };
    until("those who are too many are told so", || silent.iter().any(refused));
    let mut chunks = 0;
    until("what is appended meanwhile is published", || {
        for n in 0..16 {
            producer.append(&target("demo-basin", &format!("s{n}")), &"x".repeat(100_000)).expect("appended");
        }
        chunks = data.chunks().len();
        chunks > 3
    });
    drop(silent);
    until("there is room again", || {
        let mut stranger = Raw::stranger(&server.addr);
        stranger.send(0, &Request::Hello(Hello::new("", "raw/1")));
        matches!(stranger.next(), Said::Answer(0, _))
    });
}
