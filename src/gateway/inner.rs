//! A connection of the binary protocol to the broker that this process is.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use bytes::BytesMut;
use futures::StreamExt;
use riverrun_protocol::Frame;
use riverrun_protocol::codec::FrameCodec;
use riverrun_protocol::error::{DecodeError, ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::frame::{FrameClass, FrameKind};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::{Push, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::FramedRead;

/// Several small frames, or a good part of a large one, per read.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// What the broker says.
#[derive(Debug)]
pub enum Said {
    Answer(Response),
    /// With the bytes that it takes of a read session's credit.
    Push {
        push: Push,
        body_bytes: u64,
    },
    Refused(ErrorFrame),
}

/// One visitor's.
#[derive(Debug)]
pub struct Inner {
    pub asking: Asking,
    pub hearing: Hearing,
}

/// The half that asks.
#[derive(Debug)]
pub struct Asking {
    socket: OwnedWriteHalf,
    /// What is being sent.
    frame: BytesMut,
    next_id: u64,
}

/// The half that hears.
#[derive(Debug)]
pub struct Hearing {
    frames: FramedRead<OwnedReadHalf, FrameCodec>,
    is_draining: bool,
}

impl Inner {
    /// # Errors
    /// The runtime refuses the socket.
    pub fn new(socket: StdUnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(socket)?.into_split();
        let hearing =
            Hearing { frames: FramedRead::with_capacity(read, FrameCodec, READ_BUFFER_BYTES), is_draining: false };
        Ok(Self { asking: Asking { socket: write, frame: BytesMut::new(), next_id: 1 }, hearing })
    }

    /// Asks and waits for the one answer. A future that is dropped on the way leaves a connection
    /// that is good for nothing more.
    ///
    /// # Errors
    /// The broker's refusal; `Unavailable`, which may have been done, if it ends the connection instead of answering.
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Response, ErrorFrame> {
        let id = self.asking.begin(request).await.map_err(|_| gone())?;
        loop {
            match self.hearing.hear().await? {
                (of, Said::Answer(response)) if of == id => return Ok(response),
                (of, Said::Refused(error)) if of == id => return Err(error),
                _ => {}
            }
        }
    }
}

impl Asking {
    /// Sends a request under an id of its own, which it returns.
    ///
    /// # Errors
    /// The broker has ended the connection: [`Hearing::hear`] says why.
    pub async fn begin(&mut self, request: &Request<'_>) -> io::Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(id, request).await?;
        Ok(id)
    }

    /// Sends a request under the id of what it belongs to.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn send(&mut self, id: u64, request: &Request<'_>) -> io::Result<()> {
        self.frame.clear();
        request.write(id, &mut self.frame);
        self.socket.write_all(&self.frame).await
    }
}

impl Hearing {
    /// What the broker says next, and under which id.
    ///
    /// # Errors
    /// The connection is over: the broker's last word, or `Unavailable`.
    pub async fn hear(&mut self) -> Result<(u64, Said), ErrorFrame> {
        loop {
            let frame = match self.frames.next().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(broken(&error.to_string())),
                None => return Err(gone()),
            };
            let id = frame.header.id;
            match parse(frame).map_err(|error| broken(&error.to_string()))? {
                Said::Push { push: Push::Draining, .. } => self.is_draining = true,
                // Whoever waits for acks waits as long as it takes.
                Said::Push { push: Push::Throttled { .. }, .. } => {}
                Said::Refused(error) if id == 0 => return Err(error),
                said => return Ok((id, said)),
            }
        }
    }

    /// The broker is about to stop, and has said so.
    pub fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// Whether nothing has come that nobody asked for: a word of farewell, or the end.
    ///
    /// Anything that has come is taken away: a connection that is not silent is good for nothing more.
    pub fn is_silent(&self) -> bool {
        let read = self.frames.get_ref().try_read(&mut [0; 1]);
        self.frames.read_buffer().is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn parse(frame: Frame) -> Result<Said, DecodeError> {
    let Frame { header, body } = frame;
    let body_bytes = body.len() as u64;
    match FrameKind::from_byte(header.kind).map(FrameKind::class) {
        Some(FrameClass::Push) => Push::parse(header.kind, body).map(|push| Said::Push { push, body_bytes }),
        Some(FrameClass::Error) => ErrorFrame::parse(&body).map(Said::Refused),
        _ => Response::parse(header.kind, body).map(Said::Answer),
    }
}

fn gone() -> ErrorFrame {
    broken("the broker ended before it answered")
}

fn broken(why: &str) -> ErrorFrame {
    ErrorFrame { outcome: Outcome::MaybeDone, ..ErrorFrame::new(ErrorCode::Unavailable, why) }
}
