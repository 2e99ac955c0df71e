//! A client that speaks frames and nothing else, so that a test says exactly what it sends and sees all that comes
//! back.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use bytes::{Buf, Bytes, BytesMut};
use riverrun_protocol::access::{OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::frame::{Cut, FrameKind, cut};
use riverrun_protocol::request::{
    Append, AppendConditions, CreateBasin, Hello, IssueAccessToken, OpenReadSession, ReadParams, ReadStart, Request,
    SessionAppend, StreamRef,
};
use riverrun_protocol::response::{Push, Response};
use riverrun_protocol::types::{BasinName, StreamName, TokenId};

use crate::support::PATIENCE;

#[derive(Debug)]
pub struct Raw {
    socket: TcpStream,
    received: BytesMut,
    id: u64,
}

/// A frame, as a client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    Answer(u64, Box<Response>),
    Error(u64, ErrorFrame),
    Push(u64),
    /// Nothing is read from the connection for so many ms.
    Throttled(u32),
    End,
}

impl Raw {
    /// Says nothing yet.
    pub fn stranger(addr: &str) -> Self {
        let socket = TcpStream::connect(addr).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_nodelay(true).expect("no delay");
        Self { socket, received: BytesMut::new(), id: 0 }
    }

    /// Says hello with this token; `Err` is what the server refused it with, and then the connection is over.
    pub fn connect(addr: &str, token: &str) -> Result<Self, ErrorFrame> {
        let mut raw = Self::stranger(addr);
        raw.send(0, &Request::Hello(Hello::new(token, "raw/1")));
        match raw.next() {
            Said::Answer(0, response) if matches!(*response, Response::HelloAccepted(_)) => Ok(raw),
            Said::Error(_, error) => {
                assert_eq!(raw.next(), Said::End, "whoever is not let in is disconnected");
                Err(error)
            }
            other => panic!("{other:?} in answer to a hello"),
        }
    }

    pub fn send(&mut self, id: u64, request: &Request<'_>) {
        self.send_all(&[(id, request)]);
    }

    /// All in one write.
    pub fn send_all(&mut self, requests: &[(u64, &Request<'_>)]) {
        let mut bytes = BytesMut::new();
        requests.iter().for_each(|(id, request)| request.write(*id, &mut bytes));
        self.socket.write_all(&bytes).expect("sent");
    }

    /// The next frame, or the end.
    pub fn next(&mut self) -> Said {
        loop {
            match cut(&self.received).expect("frames") {
                Cut::Complete { header, body, consumed } => {
                    let body = Bytes::copy_from_slice(&self.received[body]);
                    self.received.advance(consumed);
                    return said(header.kind, header.id, body);
                }
                Cut::Incomplete { .. } if !self.receive() => return Said::End,
                Cut::Incomplete { .. } => {}
            }
        }
    }

    /// As `next`, and for how many milliseconds it was told before that that nothing is read.
    pub fn next_behind_pauses(&mut self) -> (Said, Vec<u32>) {
        let mut pauses = Vec::new();
        loop {
            match self.next() {
                Said::Throttled(retry_after_ms) => pauses.push(retry_after_ms),
                said => return (said, pauses),
            }
        }
    }

    /// The connection without what was received and not looked at.
    pub fn into_socket(self) -> TcpStream {
        self.socket
    }

    fn receive(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(bytes) => {
                self.received.extend_from_slice(&buffer[..bytes]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// One request and its answer.
    pub fn call(&mut self, request: &Request<'_>) -> Result<Response, ErrorFrame> {
        self.id += 1;
        self.send(self.id, request);
        loop {
            match self.next() {
                Said::Answer(id, response) if id == self.id => return Ok(*response),
                Said::Error(id, error) if id == self.id || id == 0 => return Err(error),
                Said::Push(_) | Said::Throttled(_) | Said::Answer(..) | Said::Error(..) => {}
                Said::End => panic!("no answer to {request:?}"),
            }
        }
    }

    pub fn ok(&mut self, request: &Request<'_>) -> Response {
        self.call(request).unwrap_or_else(|error| panic!("{error} in answer to {request:?}"))
    }

    /// The secret of a new token.
    pub fn issue(&mut self, request: &IssueAccessToken) -> String {
        match self.ok(&Request::IssueAccessToken(request.clone())) {
            Response::AccessTokenIssued(issued) => issued.secret,
            other => panic!("{other:?}"),
        }
    }

    pub fn create_basin(&mut self, name: &str) {
        self.ok(&Request::CreateBasin(CreateBasin {
            basin: BasinName::new(name).expect("a name"),
            config: riverrun_protocol::config::BasinConfig {
                create_stream_on_append: true,
                create_stream_on_read: true,
                ..riverrun_protocol::config::BasinConfig::default()
            },
            request_token: None,
        }));
    }

    pub fn append(&mut self, target: &StreamRef, body: &str) -> Result<Response, ErrorFrame> {
        let batch = batch(body);
        let conditions = AppendConditions::default();
        self.call(&Request::Append(Append { target: target.clone(), conditions, batch: &batch }))
    }

    pub fn append_in_session(&mut self, id: u64, body: &str) {
        let batch = batch(body);
        self.send(
            id,
            &Request::SessionAppend(SessionAppend { conditions: AppendConditions::default(), batch: &batch }),
        );
    }
}

pub fn batch(body: &str) -> BytesMut {
    encode(&[Record::new(body.to_owned())]).expect("a batch")
}

fn said(kind: u8, id: u64, body: Bytes) -> Said {
    if kind == FrameKind::Error as u8 {
        return Said::Error(id, ErrorFrame::parse(&body).expect("an error"));
    }
    if let Ok(response) = Response::parse(kind, body.clone()) {
        return Said::Answer(id, Box::new(response));
    }
    match Push::parse(kind, body) {
        Ok(Push::Throttled { retry_after_ms }) if id == 0 => Said::Throttled(retry_after_ms),
        _ => Said::Push(id),
    }
}

pub fn target(basin: &str, stream: &str) -> StreamRef {
    StreamRef { basin: BasinName::new(basin).expect("a name"), stream: StreamName::new(stream).expect("a name") }
}

pub fn follow(target: &StreamRef, start: u64) -> Request<'static> {
    follow_with(target, start, 1 << 20)
}

pub fn follow_with(target: &StreamRef, start: u64, credit_bytes: u64) -> Request<'static> {
    let params = ReadParams::new(ReadStart::SeqNum(start));
    let open = OpenReadSession { target: target.clone(), params, credit_bytes, takes_pages: false };
    Request::OpenReadSession(open)
}

/// A token that may do everything to streams whose names begin with `streams`.
pub fn token(id: &str, streams: &str) -> IssueAccessToken {
    let all = || ResourceSet::Prefix(String::new());
    IssueAccessToken {
        id: TokenId::new(id).expect("an id"),
        expires_at_ms: None,
        auto_prefix_streams: false,
        scope: TokenScope {
            basins: all(),
            streams: ResourceSet::Prefix(streams.to_owned()),
            access_tokens: all(),
            groups: OperationGroups::ALL,
            operations: Operations::NONE,
        },
        rates: TokenRates::default(),
    }
}
