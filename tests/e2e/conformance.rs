//! The table of `tests/conformance` against the real server over the real protocol (`s2-semantics.md` A to F).

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use riverrun_conformance::{Door, Link, Needs, Row, Said, play};
use riverrun_protocol::ErrorFrame;
use riverrun_protocol::frame::{self, Cut, FrameClass, FrameHeader, FrameKind};
use riverrun_protocol::request::{Hello, Request};
use riverrun_protocol::response::{Push, Response};

use crate::support::{Data, PATIENCE, Server};

mod home;
mod http;

use home::Home;

/// Rows at a time: most of their time they wait for the catalog.
const THREADS: usize = 8;

/// Of a server that is neither killed nor asks for tokens.
const HAS: Needs = Needs { frames: true, binary: true, ..Needs::NOTHING };

#[test]
fn a_to_e_every_row_that_needs_no_clock() {
    let (data, has) = (Data::new(), Needs { restart: true, ..HAS });
    let server = data.serve(&[]);
    play("e2e", has, THREADS, |_| true, |row| TcpDoor::new(row, &server, Vec::new())).check();
}

#[test]
fn f_every_row_about_tokens() {
    let (data, has) = (Data::new(), Needs { tokens: true, ..HAS });
    let server = data.serve(&["--auth", "required"]);
    let root = root_token(&data);
    play("auth", has, THREADS, |row| row.needs.tokens, |row| TcpDoor::new(row, &server, root.clone())).check();
}

fn root_token(data: &Data) -> Vec<u8> {
    let root = std::fs::read(data.data().join("root-token")).expect("the server wrote it before it served");
    root.trim_ascii().to_vec()
}

#[derive(Debug)]
struct TcpDoor<'a> {
    home: Home<'a>,
    root: Vec<u8>,
    wires: BTreeMap<Link, Wire>,
    last_link: u64,
}

impl<'a> TcpDoor<'a> {
    fn new(row: &Row, server: &'a Server, root: Vec<u8>) -> Self {
        Self { home: Home::new(row, server, &[]), root, wires: BTreeMap::new(), last_link: 0 }
    }

    fn wire(&mut self, link: Link) -> &mut Wire {
        self.wires.get_mut(&link).expect("a link that was opened")
    }
}

impl Door for TcpDoor<'_> {
    fn has(&self) -> Needs {
        Needs { clock: false, restart: self.home.is_own(), tokens: !self.root.is_empty(), ..HAS }
    }

    fn open(&mut self, token: &[u8]) -> Result<Link, ErrorFrame> {
        let mut wire = Wire::connect(&self.home.server().addr);
        let mut hello = BytesMut::new();
        Request::Hello(Hello::new(token, "conformance")).write(0, &mut hello);
        wire.send(&hello);
        match wire.next(0) {
            Some(Said::Response(Response::HelloAccepted(_))) => {}
            Some(Said::Error(error)) => return Err(error),
            other => panic!("a hello was answered by {other:?}"),
        }
        self.last_link += 1;
        self.wires.insert(Link(self.last_link), wire);
        Ok(Link(self.last_link))
    }

    fn send(&mut self, link: Link, id: u64, request: &Request<'_>) {
        let mut out = BytesMut::new();
        request.write(id, &mut out);
        self.wire(link).send(&out);
    }

    fn send_body(&mut self, link: Link, id: u64, kind: FrameKind, body: &[u8]) {
        let mut out = BytesMut::new();
        FrameHeader::new(kind, id, body.len()).write(&mut out);
        out.extend_from_slice(body);
        self.wire(link).send(&out);
    }

    fn next(&mut self, link: Link, id: u64) -> Option<Said> {
        self.wire(link).next(id)
    }

    fn heard(&mut self, link: Link, id: u64) -> Option<Said> {
        self.wire(link).heard(id)
    }

    fn wall_ms(&self) -> u64 {
        home::wall_ms()
    }

    fn advance(&mut self, time: Duration) {
        home::wait(time);
    }

    /// kill -9.
    fn restart(&mut self) {
        self.home.restart();
    }

    fn root_token(&self) -> Vec<u8> {
        self.root.clone()
    }
}

/// One connection: frames in, sorted by their ids.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    received: BytesMut,
    said: BTreeMap<u64, VecDeque<Said>>,
    closed: bool,
}

impl Wire {
    fn connect(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).expect("it listens");
        stream.set_nodelay(true).expect("set");
        Self { stream, received: BytesMut::new(), said: BTreeMap::new(), closed: false }
    }

    /// A server that closed has said why; that is what the row will hear.
    fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            self.read_all(PATIENCE);
        }
    }

    fn next(&mut self, id: u64) -> Option<Said> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(said) = self.take(id) {
                return Some(said);
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.read(left);
        }
    }

    fn heard(&mut self, id: u64) -> Option<Said> {
        self.read_all(Duration::from_millis(1));
        self.take(id)
    }

    fn take(&mut self, id: u64) -> Option<Said> {
        let said = self.said.get_mut(&id).and_then(VecDeque::pop_front);
        said.or_else(|| self.closed.then_some(Said::Closed))
    }

    fn read_all(&mut self, time: Duration) {
        while !self.closed && self.read(time) {}
    }

    /// Takes what the socket has. False: nothing came in this time.
    fn read(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("set");
        let mut bytes = [0; 64 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.closed = true,
            Ok(count) => {
                self.received.extend_from_slice(&bytes[..count]);
                self.cut();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
        true
    }

    fn cut(&mut self) {
        while let Cut::Complete { header, body, consumed } = frame::cut(&self.received).expect("a server's frames") {
            let body = self.received.split_to(consumed).freeze().slice(body);
            self.said.entry(header.id).or_default().push_back(decode(header.kind, body));
        }
    }
}

fn decode(kind: u8, body: Bytes) -> Said {
    match FrameKind::from_byte(kind).map(FrameKind::class) {
        Some(FrameClass::Response) => Said::Response(Response::parse(kind, body).expect("a response")),
        Some(FrameClass::Push) => Said::Push(Push::parse(kind, body).expect("a push")),
        Some(FrameClass::Error) => Said::Error(ErrorFrame::parse(&body).expect("an error")),
        Some(FrameClass::Request) | None => panic!("a server said kind {kind:#x}"),
    }
}
