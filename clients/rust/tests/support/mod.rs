//! A server made of a test's own lines: what it reads and says is written out in the test.
#![allow(dead_code, unreachable_pub)]

pub mod records;
pub mod scripted;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use riverrun_client::{Client, ClientConfig, RetryPolicy};
use riverrun_protocol::codec::FrameCodec;
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{Hello, Request};
use riverrun_protocol::response::{AppendAck, HelloAccepted, Push, Response, SessionOpened, TailReport};
use riverrun_protocol::types::{Level, Position};
use riverrun_protocol::{Frame, FrameKind};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::Framed;

pub const BASIN: &str = "demo-basin";

pub struct FakeServer {
    listener: TcpListener,
    pub address: String,
}

impl FakeServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        Self { listener, address }
    }

    /// The next connection, before its hello.
    pub async fn accept_silently(&self) -> Peer {
        let (socket, _) = self.listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("an open socket");
        Peer { framed: Framed::new(socket, FrameCodec) }
    }

    /// The next connection, hello done: shard 0 of 1.
    pub async fn accept(&self) -> Peer {
        self.accept_on(0, 1).await
    }

    pub async fn accept_on(&self, shard: u16, shards: u16) -> Peer {
        let mut peer = self.accept_silently().await;
        peer.hello(shard, shards).await;
        peer
    }

    /// Cuts a connection and accepts the next.
    pub async fn accept_after_dropping(&self, peer: Peer) -> Peer {
        drop(peer);
        self.accept().await
    }

    /// A client and its first connection.
    pub async fn connected(&self, config: ClientConfig) -> (Client, Peer) {
        let (client, peer) = tokio::join!(Client::connect(self.address.clone(), config), self.accept());
        (client.expect("a hello was said"), peer)
    }
}

/// One connection, from the server's side.
pub struct Peer {
    pub framed: Framed<TcpStream, FrameCodec>,
}

impl Peer {
    /// Receives a hello and accepts it.
    pub async fn hello(&mut self, shard: u16, shards: u16) -> Hello {
        let frame = self.expect(FrameKind::Hello).await;
        let Ok(Request::Hello(hello)) = Request::parse(frame.header.kind, &frame.body) else { panic!("no hello") };
        self.answer(0, &accepted(shard, shards)).await;
        hello
    }

    /// As [`Peer::hello`], and says what it can do.
    pub async fn hello_with(&mut self, features: u64) {
        self.expect(FrameKind::Hello).await;
        self.answer(0, &accepted_with(features, 0, 1)).await;
    }

    /// The next frame; `None` once the client is gone.
    pub async fn next(&mut self) -> Option<Frame> {
        self.framed.next().await?.ok()
    }

    pub async fn expect(&mut self, kind: FrameKind) -> Frame {
        let frame = self.next().await.unwrap_or_else(|| panic!("the client left instead of sending {kind}"));
        assert_eq!(FrameKind::from_byte(frame.header.kind), Some(kind));
        frame
    }

    /// The id of the next frame, which has to be of this kind.
    pub async fn expect_id(&mut self, kind: FrameKind) -> u64 {
        self.expect(kind).await.header.id
    }

    pub async fn answer(&mut self, id: u64, response: &Response) {
        let mut out = bytes::BytesMut::new();
        response.write(id, &mut out);
        self.raw(&out).await;
    }

    pub async fn push(&mut self, id: u64, push: &Push) {
        let mut out = bytes::BytesMut::new();
        push.write(id, &mut out);
        self.raw(&out).await;
    }

    pub async fn refuse(&mut self, id: u64, error: &ErrorFrame) {
        let mut out = bytes::BytesMut::new();
        error.write(id, &mut out);
        self.raw(&out).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        // A client that has left is what some tests are about.
        let _ = self.framed.get_mut().write_all(bytes).await;
    }

    pub async fn frame(&mut self, frame: Frame) {
        let _ = self.framed.send(frame).await;
    }

    /// Answers the opening of an append session; its id.
    pub async fn open_append_session(&mut self, tail: u64) -> u64 {
        let id = self.expect_id(FrameKind::OpenAppendSession).await;
        self.answer(id, &Response::AppendSessionOpened(opened(tail))).await;
        id
    }

    /// Answers the opening of a read session; its id.
    pub async fn open_read_session(&mut self, tail: u64) -> u64 {
        let id = self.expect_id(FrameKind::OpenReadSession).await;
        self.answer(id, &Response::ReadSessionOpened(opened(tail))).await;
        id
    }

    /// Waits until the client has closed the connection, and takes whatever it still says.
    pub async fn drained(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

/// Retries fast, so that tests need not wait.
pub fn eager() -> ClientConfig {
    let retry =
        RetryPolicy { attempts: 4, backoff_base: Duration::from_millis(1), backoff_max: Duration::from_millis(4) };
    ClientConfig { retry, ..ClientConfig::default() }
}

/// Does not retry at all.
pub fn once() -> ClientConfig {
    ClientConfig { retry: RetryPolicy::NEVER, ..ClientConfig::default() }
}

pub fn accepted(shard: u16, shards: u16) -> Response {
    accepted_with(0, shard, shards)
}

pub fn accepted_with(features: u64, shard: u16, shards: u16) -> Response {
    Response::HelloAccepted(HelloAccepted {
        version: 1,
        features,
        shards,
        shard,
        frame_body_bytes_max: riverrun_protocol::limits::FRAME_BODY_BYTES_MAX as u32,
        batch_bytes_max: riverrun_protocol::limits::BATCH_BYTES_MAX as u32,
        batch_records_max: riverrun_protocol::limits::BATCH_RECORDS_MAX as u32,
        agent: "fake/1".to_owned(),
    })
}

pub fn opened(tail: u64) -> SessionOpened {
    opened_on(tail, 0)
}

pub fn opened_on(tail: u64, shard: u16) -> SessionOpened {
    SessionOpened { stream_id: records::STREAM, shard, tail: records::position(tail) }
}

pub fn acked(start: u64, end: u64) -> Response {
    acked_on(start, end, 0)
}

pub fn acked_on(start: u64, end: u64, shard: u16) -> Response {
    let at = |seq_num| Position { seq_num, timestamp: 7 };
    Response::AppendAck(AppendAck { start: at(start), end: at(end), tail: at(end), level: Level::Journal, shard })
}

pub fn tail(seq_num: u64, shard: u16) -> Response {
    Response::Tail(TailReport { tail: records::position(seq_num), level: Level::Journal, shard })
}

pub fn error(code: ErrorCode, outcome: Outcome) -> ErrorFrame {
    ErrorFrame { outcome, ..ErrorFrame::new(code, "so says the test") }
}

/// The batch of an append, or of an append session's input.
pub fn batch_of(frame: &Frame) -> Vec<u8> {
    match Request::parse(frame.header.kind, &frame.body) {
        Ok(Request::Append(append)) => append.batch.to_vec(),
        Ok(Request::SessionAppend(append)) => append.batch.to_vec(),
        other => panic!("{other:?} is no append"),
    }
}

/// How many records it has.
pub fn record_count(frame: &Frame) -> u64 {
    riverrun_protocol::batch::check_ingest(&batch_of(frame)).expect("a sound batch").record_count.into()
}
