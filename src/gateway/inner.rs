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

/// A larger buffer than this is let go as soon as nothing is in it. A connection may be idle for hours, and thousands may.
const BUFFER_BYTES_KEPT: usize = 64 << 10;

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
        let id = match self.asking.begin(request).await {
            Ok(id) => id,
            Err(_) => return Err(self.hearing.last_word().await),
        };
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
    /// The broker has ended the connection, and not had the whole request: [`Hearing::last_word`].
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
        let sent = self.socket.write_all(&self.frame).await;
        if self.frame.capacity() > BUFFER_BYTES_KEPT {
            self.frame = BytesMut::new();
        }
        sent
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
            if frame.body.len() > BUFFER_BYTES_KEPT {
                self.let_go();
            }
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

    /// Why the broker ended a connection that could not be asked any more. A request that it did not have whole was not done.
    pub async fn last_word(&mut self) -> ErrorFrame {
        loop {
            if let Err(error) = self.hear().await {
                return ErrorFrame { outcome: Outcome::NotDone, ..error };
            }
        }
    }

    /// A large frame's buffer would be held until the next one comes.
    fn let_go(&mut self) {
        let buffer = self.frames.read_buffer_mut();
        if buffer.is_empty() {
            *buffer = BytesMut::with_capacity(READ_BUFFER_BYTES);
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

#[cfg(test)]
impl Hearing {
    /// Waits until something has come, or the end.
    pub async fn readable(&self) {
        self.frames.get_ref().readable().await.expect("a socket");
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use riverrun_protocol::request::Ping;
    use riverrun_protocol::response::ReadBatches;

    use super::*;

    fn connection() -> (StdUnixStream, Inner) {
        let (broker, ours) = StdUnixStream::pair().expect("descriptors");
        (broker, Inner::new(ours).expect("a runtime"))
    }

    #[tokio::test]
    async fn p13_what_was_large_is_not_held_behind_it() {
        let (mut broker, mut inner) = connection();
        let batches = ReadBatches { tail: None, parts: vec![Bytes::from(vec![7; 1 << 20])] };
        let mut frame = BytesMut::new();
        Response::ReadBatches(batches).write(1, &mut frame);
        let sending = std::thread::spawn(move || broker.write_all(&frame).map(|()| broker));
        let (id, said) = inner.hearing.hear().await.expect("a frame");
        assert!(id == 1 && matches!(said, Said::Answer(Response::ReadBatches(_))));
        let _broker = sending.join().expect("no panic").expect("sent");
        let held = inner.hearing.frames.read_buffer().capacity();
        assert!(held <= BUFFER_BYTES_KEPT, "{held}");
    }

    #[tokio::test]
    async fn d4_a_request_that_could_not_be_sent_was_not_done_and_hears_why() {
        let (mut broker, mut inner) = connection();
        let mut frame = BytesMut::new();
        let word = ErrorFrame { outcome: Outcome::MaybeDone, ..ErrorFrame::new(ErrorCode::Authn, "the token is gone") };
        word.write(0, &mut frame);
        broker.write_all(&frame).expect("sent");
        drop(broker);
        let error = inner.ask(&Request::Ping(Ping { nonce: 1 })).await.expect_err("nobody is there");
        assert_eq!((error.code, error.outcome), (ErrorCode::Authn, Outcome::NotDone));
    }
}
