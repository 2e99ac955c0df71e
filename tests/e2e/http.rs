//! The HTTP side as S2's clients see it, byte by byte (`s2-semantics.md` H): the real binary, real sockets, both versions of HTTP.

mod access;
mod browser;
pub(crate) mod client;
mod control;
mod crowds;
mod events;
mod multiplexed;
mod names;
pub mod pages;
mod prometheus;
mod records;
mod sessions;
mod strangers;
mod tls;

use client::Http;

use crate::support::{Data, Server};

const BASIN: &str = "http-basin";

/// A broker with an HTTP side of its own port.
fn serve(data: &Data, arguments: &[&str]) -> Server {
    data.serve(&[&["--http", "127.0.0.1:0"], arguments].concat())
}

pub(crate) fn http_addr(server: &Server) -> String {
    let line = server.says("http");
    let rest = line.split("://").nth(1).expect("an address");
    rest.split('/').next().expect("an address").to_owned()
}

/// With a basin whose streams come to be with their first append.
fn with_basin(data: &Data) -> (Server, Http) {
    let server = serve(data, &[]);
    let http = Http::new(&http_addr(&server));
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(http.json("POST", "/v1/basins", &body).status, 201);
    (server, http)
}
