//! The table of `tests/conformance` against the real server over HTTP: each request as S2's clients would send it, each answer read
//! back into the words of the binary protocol (`s2-semantics.md` H). Control calls are JSON and append sessions S2S; for other calls about
//! records there are two tongues, and the table is played in both. Nothing here is read or written by the code that is tested: JSON is taken apart field by field, the messages are this folder's
//! own.
//!
//! What HTTP does not say (stream ids, shards, the tail at a session's opening) is filled in with what no row can take for an answer;
//! rows about it are marked `needs_binary`.

use std::collections::BTreeMap;
use std::time::Duration;

use riverrun_conformance::{Door, Link, Needs, Row, Said, play};
use riverrun_protocol::ErrorFrame;
use riverrun_protocol::frame::FrameKind;
use riverrun_protocol::request::Request;

use super::home::{self, Home};
use super::{THREADS, root_token};
use crate::http::client::Http;
use crate::http::http_addr;
use crate::support::{Data, Server};

use visitor::Visitor;

mod answers;
mod calls;
mod configs;
mod errors;
mod events;
mod frames;
mod messages;
mod records;
mod scopes;
mod session;
mod visitor;

const OPEN: &[&str] = &["--http", "127.0.0.1:0"];
const GUARDED: &[&str] = &["--http", "127.0.0.1:0", "--auth", "required"];

/// How records travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tongue {
    /// Protobuf, and S2S for read sessions: S2's libraries.
    Protobuf,
    /// JSON, and server-sent events for read sessions: browsers and people.
    Json,
}

#[test]
fn a_to_e_every_row_that_http_can_say() {
    a_to_e("http", Tongue::Protobuf);
}

#[test]
fn a_to_e_every_row_that_http_can_say_in_json_and_events() {
    a_to_e("json", Tongue::Json);
}

fn a_to_e(run: &str, tongue: Tongue) {
    let (data, has) = (Data::new(), Needs { restart: true, ..Needs::NOTHING });
    let server = data.serve(OPEN);
    play(run, has, THREADS, |_| true, |row| HttpDoor::new(row, &server, tongue, Vec::new())).check();
}

#[test]
fn f_every_row_about_tokens_that_http_can_say() {
    let (data, has) = (Data::new(), Needs { tokens: true, ..Needs::NOTHING });
    let server = data.serve(GUARDED);
    let root = root_token(&data);
    let door = |row: &Row| HttpDoor::new(row, &server, Tongue::Protobuf, root.clone());
    play("http-auth", has, THREADS, |row| row.needs.tokens, door).check();
}

#[derive(Debug)]
struct HttpDoor<'a> {
    home: Home<'a>,
    tongue: Tongue,
    root: Vec<u8>,
    visitors: BTreeMap<Link, Visitor>,
    last_link: u64,
}

impl<'a> HttpDoor<'a> {
    fn new(row: &Row, server: &'a Server, tongue: Tongue, root: Vec<u8>) -> Self {
        Self { home: Home::new(row, server, OPEN), tongue, root, visitors: BTreeMap::new(), last_link: 0 }
    }

    fn visitor(&mut self, link: Link) -> &mut Visitor {
        self.visitors.get_mut(&link).expect("a link that was opened")
    }
}

impl Door for HttpDoor<'_> {
    fn has(&self) -> Needs {
        Needs { restart: self.home.is_own(), tokens: !self.root.is_empty(), ..Needs::NOTHING }
    }

    /// HTTP has no hello: whether a token is one shows in the first call, and where none is asked for, all are let in.
    fn open(&mut self, token: &[u8]) -> Result<Link, ErrorFrame> {
        let http = Http::new(&http_addr(self.home.server())).bare();
        let visitor = Visitor::new(http, self.tongue, token);
        if !self.root.is_empty() {
            visitor.knock()?;
        }
        self.last_link += 1;
        self.visitors.insert(Link(self.last_link), visitor);
        Ok(Link(self.last_link))
    }

    fn send(&mut self, link: Link, id: u64, request: &Request<'_>) {
        self.visitor(link).send(id, request);
    }

    fn send_body(&mut self, _link: Link, _id: u64, kind: FrameKind, _body: &[u8]) {
        panic!("a body of {kind:?} that no request holds: rows that send one need frames");
    }

    fn next(&mut self, link: Link, id: u64) -> Option<Said> {
        self.visitor(link).next(id)
    }

    fn heard(&mut self, link: Link, id: u64) -> Option<Said> {
        self.visitor(link).heard(id)
    }

    fn wall_ms(&self) -> u64 {
        home::wall_ms()
    }

    fn advance(&mut self, time: Duration) {
        home::wait(time);
    }

    fn restart(&mut self) {
        self.visitors.clear();
        self.home.restart();
    }

    fn root_token(&self) -> Vec<u8> {
        self.root.clone()
    }
}
