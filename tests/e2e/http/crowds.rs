//! Very many at once, and those who hold places for nothing (reliability.md F44, F46, F47): bounded, and everybody else is served.
//!
//! ```text
//! RIVERRUN_HTTP_FOLLOWERS=2000   RIVERRUN_HTTP_IDLE=10000   the long forms; idle ones want eight times as many descriptors
//! ```

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::client::{Http, Open};
use super::{BASIN, http_addr, with_basin};
use crate::support::{Data, Server, raise_descriptors, setting, until};

const RECORDS: &str = "/v1/streams/s/records";
const FOLLOWERS: u64 = 500;
const IDLE: u64 = 2_000;
/// Records that a follower finds, and that it sees come.
const EACH: u64 = 10;
/// A socket's buffers, a task, a pair of sockets into the broker and a connection there.
const FOLLOWER_BYTES_MAX: u64 = 96 << 10;
const IDLE_BYTES_MAX: u64 = 32 << 10;

fn append(http: &Http, n: u64) {
    let answer = http.json("POST", RECORDS, &format!(r#"{{"records":[{{"body":"{n}"}}]}}"#));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The sequence numbers of the events to come, until there are so many.
fn heard(open: &mut Open, count: u64) -> Vec<u64> {
    let (mut text, mut seq_nums) = (String::new(), Vec::new());
    while (seq_nums.len() as u64) < count {
        text.push_str(std::str::from_utf8(&open.chunk().expect("it goes on")).expect("text"));
        while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))
        {
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
            let data: Value = serde_json::from_str(data).expect("JSON");
            let records = data["records"].as_array().into_iter().flatten();
            seq_nums.extend(records.map(|record| record["seq_num"].as_u64().expect("a number")));
            text = rest;
        }
    }
    seq_nums
}

fn grown_per(server: &Server, before: u64, count: u64) -> u64 {
    server.resident_bytes().saturating_sub(before) / count
}

#[test]
fn f44_very_many_followers_of_events_hear_the_same() {
    let followers = setting("RIVERRUN_HTTP_FOLLOWERS", FOLLOWERS);
    raise_descriptors(2 * followers);
    let data = Data::new();
    let (server, http) = with_basin(&data);
    (0..EACH).for_each(|n| append(&http, n));
    let before = server.resident_bytes();
    let events = http.with("accept", "text/event-stream");
    let mut open: Vec<Open> = (0..followers).map(|_| events.open("GET", &format!("{RECORDS}?seq_num=0"))).collect();
    (EACH..2 * EACH).for_each(|n| append(&http, n));
    let expected: Vec<u64> = (0..2 * EACH).collect();
    for follower in &mut open {
        assert_eq!(follower.answer.status, 200);
        assert_eq!(heard(follower, 2 * EACH), expected, "no gap, no repeat");
    }
    let each = grown_per(&server, before, followers);
    println!("{followers} followers over HTTP, {} KiB for each", each >> 10);
    assert!(each <= FOLLOWER_BYTES_MAX, "{each} bytes for each follower");
    drop(open);
    until("they are gone", || crate::support::counter(&server, "readers") == 0);
}

/// Whether the peer has closed; waits for that unless the socket does not block.
fn is_closed(socket: &mut TcpStream) -> bool {
    match socket.read(&mut [0; 512]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn f46_very_many_idle_sockets_cost_little_and_are_closed() {
    let idle = setting("RIVERRUN_HTTP_IDLE", IDLE);
    raise_descriptors(8 * idle);
    let data = Data::new();
    let (server, http) = with_basin(&data);
    let before = server.resident_bytes();
    let mut sockets: Vec<TcpStream> = (0..idle).map(|_| http.connect()).collect();
    append(&http, 0);
    let each = grown_per(&server, before, idle);
    println!("{idle} idle sockets over HTTP, {} KiB for each", each >> 10);
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes for each socket");
    for socket in &mut sockets {
        assert!(is_closed(socket), "nobody asked for anything");
    }
    append(&http, 1);
}

/// A byte now and then buys no time.
#[test]
fn f46_slow_heads_are_cut_off() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let head = format!("GET /v1/basins HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n", "y".repeat(4_000));
    let mut slow: Vec<TcpStream> = (0..50).map(|_| http.connect()).collect();
    slow.iter().for_each(|socket| socket.set_nonblocking(true).expect("set"));
    for byte in head.as_bytes() {
        slow.retain_mut(|socket| !is_closed(socket) && socket.write_all(&[*byte]).is_ok());
        append(&http, 0);
        if slow.is_empty() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    panic!("{} sockets that never asked are still there", slow.len());
}

#[test]
fn f46_a_body_that_does_not_come_is_given_up() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let head = format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: localhost\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    );
    let mut socket = http.connect();
    socket.write_all(head.as_bytes()).expect("sent");
    socket.write_all(b"{\"records\":[").expect("sent");
    let mut said = Vec::new();
    let _ = socket.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("\"code\":\"request_timeout\""), "{said}");
}

/// Beyond as many sockets as there may be: closed at once, those who are here are served, and there is room again once they have gone.
#[test]
fn f28_whoever_finds_no_place_is_told_and_harms_nobody() {
    let data = Data::new();
    let server = Server::start_within(800, &data.data(), &["--http", "127.0.0.1:0"]);
    let http = Http::new(&http_addr(&server));
    assert_eq!(http.json("POST", "/v1/basins", &format!(r#"{{"basin":"{BASIN}"}}"#)).status, 201);
    let ask = b"GET /v1/basins HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut here = http.connect();
    let mut crowd: Vec<TcpStream> = (0..150).map(|_| http.connect()).collect();
    here.write_all(ask).expect("sent");
    let mut said = [0; 12];
    here.read_exact(&mut said).expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 200");
    crowd.iter().for_each(|socket| socket.set_nonblocking(true).expect("set"));
    until("some are turned away", || {
        crowd.retain_mut(|socket| !is_closed(socket));
        crowd.len() <= 800 / 8
    });
    assert!(crowd.len() >= 50, "only {} were taken", crowd.len());
    drop(crowd);
    until("there is room again", || {
        let mut socket = http.connect();
        let asked = socket.write_all(ask);
        asked.is_ok() && socket.read_exact(&mut said).is_ok() && &said == b"HTTP/1.1 200"
    });
}

/// What a client begins and does not wait for leaves nothing behind.
#[test]
fn f47_clients_that_leave_early_leave_nothing() {
    let data = Data::new();
    let (server, http) = with_basin(&data);
    append(&http, 0);
    let events = format!(
        "GET {RECORDS}?seq_num=0 HTTP/1.1\r\nhost: a.localhost\r\ns2-basin: {BASIN}\r\naccept: text/event-stream\r\n\r\n"
    );
    let body = format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: a.localhost\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{"
    );
    let session = format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: a.localhost\r\ns2-basin: {BASIN}\r\ncontent-type: s2s/proto\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\0\0\x09"
    );
    for _ in 0..100 {
        for begun in [&events, &body, &session] {
            let mut socket = http.connect();
            socket.write_all(begun.as_bytes()).expect("sent");
        }
    }
    append(&http, 1);
    until("nothing is left", || {
        let metrics = http.get("/metrics");
        let value =
            |name: &str| metrics.text().lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        // This very call, and its socket.
        value("riverrun_http_calls").is_some_and(|n| n <= 1.0)
            && value("riverrun_http_sockets").is_some_and(|n| n <= 1.0)
    });
    assert_eq!(crate::support::counter(&server, "readers"), 0);
    let tail = http.get(&format!("{RECORDS}/tail")).value();
    assert_eq!(tail["tail"]["seq_num"], 2, "nothing half was appended");
}
