//! From an address to a connection that has said hello.

use std::io;

use bytes::BytesMut;
use riverrun_protocol::error::{ErrorFrame, Outcome};
use riverrun_protocol::frame::{FrameKind, foreign};
use riverrun_protocol::request::{Hello, Request};
use riverrun_protocol::response::{HelloAccepted, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::inbound::FrameReader;
use crate::config::{ClientConfig, Token};
use crate::error::{Error, NotDone};

/// An open connection, hello done.
pub(super) struct Dialed {
    pub(super) socket: TcpStream,
    pub(super) hello: HelloAccepted,
    /// What came behind the hello.
    pub(super) unread: BytesMut,
}

/// # Errors
/// `NotDone(Connect)` where no server is to be reached, the server's own refusal, `Terminal(Violation)` where something else
/// listens there.
pub(super) async fn dial(address: &str, config: &ClientConfig) -> Result<Dialed, Error> {
    let failed = |why: String| Error::NotDone(NotDone::Connect { address: address.to_owned(), why });
    let say_hello = async {
        let mut socket = TcpStream::connect(address).await.map_err(|error| failed(error.to_string()))?;
        // Small frames are to leave at once: a producer has already lingered as long as it was told to.
        socket.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        socket.write_all(&hello(config)).await.map_err(|error| failed(error.to_string()))?;
        let (hello, unread) = receive_hello(&mut socket, &failed).await?;
        Ok(Dialed { socket, hello, unread })
    };
    match timeout(config.connect_timeout, say_hello).await {
        Ok(outcome) => outcome,
        Err(_) => Err(failed(format!("no hello within {:?}", config.connect_timeout))),
    }
}

fn hello(config: &ClientConfig) -> BytesMut {
    let token = config.token.as_ref().map(Token::as_bytes).unwrap_or_default();
    let mut out = BytesMut::new();
    Request::Hello(Hello::new(token, config.agent.clone())).write(0, &mut out);
    out
}

async fn receive_hello(
    socket: &mut TcpStream,
    failed: &impl Fn(String) -> Error,
) -> Result<(HelloAccepted, BytesMut), Error> {
    let mut reader = FrameReader::default();
    loop {
        let cut = reader.cut().map_err(|error| Error::violation(not_riverrun(&reader, &error)))?;
        if let Some((header, body)) = cut {
            let hello = if header.kind == FrameKind::Error as u8 {
                Err(refused(&ErrorFrame::parse(&body).map_err(Error::violation)?))
            } else {
                accepted(Response::parse(header.kind, body).map_err(Error::violation)?)
            };
            return hello.map(|hello| (hello, reader.into_unread()));
        }
        let read = reader.fill(socket).await;
        if read.map_err(|error: io::Error| failed(error.to_string()))? == 0 {
            return Err(failed("the server closed the connection instead of saying hello".to_owned()));
        }
    }
}

fn accepted(answer: Response) -> Result<HelloAccepted, Error> {
    match answer {
        Response::HelloAccepted(hello) if hello.shard < hello.shards => Ok(hello),
        Response::HelloAccepted(hello) => {
            Err(Error::violation(format!("shard {} of {} said hello", hello.shard, hello.shards)))
        }
        other => Err(Error::violation(format!("{} instead of a hello", other.kind()))),
    }
}

/// Nothing has been asked yet, so whatever the server's reason, nothing was done.
fn refused(frame: &ErrorFrame) -> Error {
    match frame.outcome {
        Outcome::MaybeDone => Error::answered(&ErrorFrame { outcome: Outcome::NotDone, ..frame.clone() }),
        Outcome::NotDone | Outcome::Terminal => Error::answered(frame),
    }
}

fn not_riverrun(reader: &FrameReader, error: &riverrun_protocol::DecodeError) -> String {
    match foreign(reader.unread()) {
        Some(other) => format!("this is no Riverrun server, it answers in {}", other.name()),
        None => error.to_string(),
    }
}
