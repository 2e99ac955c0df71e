//! Netcat mode: lines become frames, and the answers are printed.

use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use riverrun_protocol::Request;
use riverrun_protocol::request::Hello;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::describe::Direction;
use crate::encode::Encoder;
use crate::error::Error;
use crate::input::Lines;
use crate::say;
use crate::watch::{Seen, Watch};

/// Frames made of lines and not yet taken by the server; beyond it no more lines are read.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 64 << 10;
/// A wait that never ends, and the most that any wait is.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What to do beyond sending lines.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// `None` sends no hello.
    pub hello_token: Option<Vec<u8>>,
    /// How long to stay after the input's end; `None` until everything asked for is answered.
    pub wait: Option<Duration>,
}

/// Sends `input`'s lines to `address` as frames and shows what comes back through `watch`.
///
/// # Errors
/// The connection cannot be made or breaks, requests stay unanswered, or lines could not be understood.
pub async fn run(
    address: &str,
    input: mpsc::Receiver<std::io::Result<Bytes>>,
    manner: Manner,
    watch: &mut Watch,
) -> Result<(), Error> {
    let connecting = TcpStream::connect(address).await;
    let stream = connecting.map_err(|why| Error::Connect { address: address.to_owned(), why })?;
    let _ = stream.set_nodelay(true);
    let mut session = Session {
        watch,
        encoder: Encoder::new(1, Some(Direction::Client)),
        lines: Lines::default(),
        output: BytesMut::new(),
        refused: None,
    };
    if let Some(token) = &manner.hello_token {
        session.greet(token)?;
    }
    let end = session.talk(address, stream, input, manner.wait).await?;
    session.watch.on_end(seen(Direction::Server))?;
    session.watch.flush()?;
    session.verdict(end)
}

/// Why a conversation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Everything is answered, or the time is up.
    Done,
    ServerClosed,
    Interrupted,
}

struct Session<'a> {
    watch: &'a mut Watch,
    encoder: Encoder,
    lines: Lines,
    output: BytesMut,
    /// The first line that could not be understood.
    refused: Option<Error>,
}

impl Session<'_> {
    /// The first frame of a connection. Its id is the connection's.
    fn greet(&mut self, token: &[u8]) -> Result<(), Error> {
        let mut frame = BytesMut::new();
        Request::Hello(Hello::new(token, concat!("riverrun-dump/", env!("CARGO_PKG_VERSION")))).write(0, &mut frame);
        self.send(&frame)
    }

    async fn talk(
        &mut self,
        address: &str,
        mut stream: TcpStream,
        mut input: mpsc::Receiver<std::io::Result<Bytes>>,
        wait: Option<Duration>,
    ) -> Result<End, Error> {
        let broke = |why| Error::Connection { address: address.to_owned(), why };
        let (mut from, mut to) = stream.split();
        let mut received = BytesMut::new();
        let mut deadline = after(None);
        let mut has_input = true;
        loop {
            let is_answered = self.watch.conversation.waiting() == 0;
            if !has_input && self.output.is_empty() && is_answered && wait.is_none() {
                return Ok(End::Done);
            }
            received.reserve(READ_BYTES);
            tokio::select! {
                read = from.read_buf(&mut received) => match read.map_err(broke)? {
                    0 => return Ok(End::ServerClosed),
                    _ => self.on_received(&received.split())?,
                },
                written = to.write(&self.output), if !self.output.is_empty() => {
                    self.output.advance(written.map_err(broke)?);
                }
                bytes = input.recv(), if has_input && self.output.len() < OUTPUT_BYTES_MAX => {
                    has_input = self.on_input(bytes)?;
                    deadline = if has_input { deadline } else { after(wait) };
                }
                () = sleep_until(deadline) => return Ok(End::Done),
                _ = tokio::signal::ctrl_c() => return Ok(End::Interrupted),
            }
        }
    }

    fn on_received(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.watch.on_bytes(seen(Direction::Server), bytes)?;
        Ok(self.watch.flush()?)
    }

    /// Whether more input may come.
    fn on_input(&mut self, bytes: Option<std::io::Result<Bytes>>) -> Result<bool, Error> {
        let name = || "the input".to_owned();
        match bytes.transpose().map_err(|why| Error::Input { name: name(), why })? {
            Some(bytes) => self.lines.push(&bytes),
            None => self.lines.finish(),
        }
        while let Some(line) = self.lines.poll()? {
            self.on_line(&line)?;
        }
        Ok(!self.lines.is_finished())
    }

    /// A line that is no frame is said and passed over: whoever types wants to correct it, not to connect again.
    fn on_line(&mut self, line: &str) -> Result<(), Error> {
        match self.encoder.line(line) {
            Ok(frame) => self.send(&frame),
            Err(why) => {
                let error = Error::Line { line: self.lines.number(), why };
                say::tell(format_args!("{error}"));
                self.refused.get_or_insert(error);
                Ok(())
            }
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.output.extend_from_slice(frame);
        self.watch.on_bytes(seen(Direction::Client), frame)?;
        Ok(())
    }

    fn verdict(self, end: End) -> Result<(), Error> {
        match (end, self.watch.conversation.waiting()) {
            (End::Interrupted, _) => return Ok(()),
            (End::ServerClosed, requests @ 1..) => {
                return Err(Error::Unanswered { requests, why: "the server closed the connection".to_owned() });
            }
            (End::Done, requests @ 1..) => {
                return Err(Error::Unanswered { requests, why: "the time to wait is over".to_owned() });
            }
            (_, 0) => {}
        }
        self.refused.map_or(Ok(()), Err)
    }
}

/// When `wait` is over. Any length can be typed, and not every one has a moment at its end.
fn after(wait: Option<Duration>) -> Instant {
    Instant::now() + wait.unwrap_or(FOR_EVER).min(FOR_EVER)
}

fn seen(direction: Direction) -> Seen {
    Seen { connection: 0, direction: Some(direction), when: Some(SystemTime::now()) }
}
