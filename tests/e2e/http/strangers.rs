//! Bytes that are no request, and requests that are none of ours (reliability.md F46 to F50, F60): an answer or a close, and everybody
//! else is served.

use std::io::{Read, Write};

use super::with_basin;
use crate::support::Data;

/// What it said until it closed.
fn said(socket: &mut std::net::TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = socket.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn f50_what_is_not_http_is_answered_or_closed() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let long = format!("GET /v1/basins HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let many = format!("GET /v1/basins HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(500));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"RVRN\0\0\0\0",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/basins HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /v1/basins HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let mut socket = http.connect();
        let _ = socket.write_all(bytes);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let said = said(&mut socket);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
        assert_eq!(http.get("/v1/basins").status, 200, "others are served");
    }
}

/// Not reset by more bytes, and not only for those who have begun: nobody holds a place for nothing.
#[test]
fn f46_who_asks_for_nothing_is_closed() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let sockets = ["", "P", "PRI * HTTP/2.0\r\n", "GET /v1/basins HTTP/1.1\r\nhost: loc"].map(|begun| {
        let mut socket = http.connect();
        socket.write_all(begun.as_bytes()).expect("sent");
        socket
    });
    for mut socket in sockets {
        let said = said(&mut socket);
        assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
    }
}

/// RFC 9112 6.3: a length beside a transfer coding is how one request is smuggled behind another.
#[test]
fn f50_a_request_with_two_lengths_leaves_nothing_behind_it() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let smuggled = "GET /v1/basins HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let head = "POST /v1/basins HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let both = format!("{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}");
    let mut socket = http.connect();
    socket.write_all(both.as_bytes()).expect("sent");
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let answers = said(&mut socket).matches("HTTP/1.1 ").count();
    assert!(answers <= 1, "{answers} answers to one request");
}

#[test]
fn f48_a_body_that_is_too_long_is_refused_before_it_is_taken() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let body = format!(r#"{{"records":[{{"body":"{}"}}]}}"#, "x".repeat(4 << 20));
    let refused = http.json("POST", "/v1/streams/s/records", &body);
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_json"));
    let refused = http.json("POST", "/v1/basins", &" ".repeat(1 << 20));
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_json"));
}
