//! HTTP/1.1 by hand: what is sent and what is received are the bytes themselves.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::BASIN;
use crate::support::PATIENCE;

/// Where to, and with which headers.
#[derive(Clone, Debug)]
pub struct Http {
    pub addr: String,
    /// The address of this machine that it connects from.
    from: Ipv4Addr,
    headers: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer whose body is still coming, and the socket that its request goes on over.
#[derive(Debug)]
pub struct Open {
    pub answer: Answer,
    reader: BufReader<TcpStream>,
}

impl Http {
    pub fn new(addr: &str) -> Self {
        Self {
            addr: addr.to_owned(),
            from: Ipv4Addr::LOCALHOST,
            headers: format!("host: {addr}\r\ns2-basin: {BASIN}\r\n").into(),
        }
    }

    /// With one more header.
    pub fn with(&self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let headers = [&self.headers, name.as_bytes(), b": ", value.as_ref(), b"\r\n"].concat();
        Self { headers, ..self.clone() }
    }

    pub fn from(&self, from: Ipv4Addr) -> Self {
        Self { from, ..self.clone() }
    }

    /// Without any but the host's.
    pub fn bare(&self) -> Self {
        Self { headers: format!("host: {}\r\n", self.addr).into(), ..self.clone() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    pub fn json(&self, method: &str, path: &str, body: &str) -> Answer {
        self.with("content-type", "application/json").send(method, path, body.as_bytes())
    }

    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let open = Open::receive(self.begin(method, path, body)).expect("a head");
        // The answer to HEAD has the length of a body that does not come.
        if method == "HEAD" { open.answer } else { open.into_whole().expect("a whole answer") }
    }

    /// Sends a request whose answer is received later.
    pub fn begin(&self, method: &str, path: &str, body: &[u8]) -> TcpStream {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut socket = self.connect();
        // An answer may come, and the socket close, before the whole body was taken.
        let _ = socket.write_all(&[&self.head(method, path, &length, "connection: close\r\n"), body].concat());
        socket
    }

    /// Sends a request's head and, for POST, leaves its body open: chunks follow.
    pub fn open(&self, method: &str, path: &str) -> Open {
        let chunked = if method == "POST" { "transfer-encoding: chunked\r\n" } else { "" };
        let mut socket = self.connect();
        socket.write_all(&self.head(method, path, chunked, "")).expect("sent");
        Open::receive(socket).expect("a head")
    }

    fn head(&self, method: &str, path: &str, body: &str, connection: &str) -> Vec<u8> {
        let line = format!("{method} {path} HTTP/1.1\r\n");
        [line.as_bytes(), &self.headers, body.as_bytes(), connection.as_bytes(), b"\r\n"].concat()
    }

    pub fn connect(&self) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((self.from, 0)).into()).expect("an address of this machine");
        let addr: SocketAddr = self.addr.parse().expect("an address");
        socket.connect(&addr.into()).expect("it listens");
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket
    }
}

impl Answer {
    /// # Errors
    /// The connection ended before the answer did, or nothing came in time.
    pub fn receive(socket: TcpStream) -> io::Result<Self> {
        let mut open = Open::receive(socket)?;
        open.read_rest()?;
        Ok(open.answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.value()["code"].as_str().expect("a code").to_owned()
    }
}

impl Open {
    /// Up to the end of the head.
    fn receive(socket: TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(socket);
        let status = line(&mut reader)?;
        let status =
            status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{status}"));
        let mut headers = Vec::new();
        loop {
            let line = line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { answer: Answer { status, headers, body: Vec::new() }, reader })
    }

    /// The answer, whose body is complete then.
    ///
    /// # Errors
    /// As [`Self::next_chunk`].
    pub fn into_whole(mut self) -> io::Result<Answer> {
        self.read_rest()?;
        Ok(self.answer)
    }

    fn read_rest(&mut self) -> io::Result<()> {
        if self.answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.next_chunk()? {
                self.answer.body.extend(chunk);
            }
        } else if let Some(length) = self.answer.header("content-length") {
            self.answer.body.resize(length.parse().expect("a length"), 0);
            self.reader.read_exact(&mut self.answer.body)?;
        }
        Ok(())
    }

    /// What the server sent next; `None` at the body's end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        self.next_chunk().expect("the whole chunk")
    }

    /// # Errors
    /// The connection ended before the body did, or nothing came in time.
    pub fn next_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length = line(&mut self.reader)?;
        let mut chunk =
            vec![0; usize::from_str_radix(&length, 16).unwrap_or_else(|_| panic!("a chunk, not `{length}`"))];
        self.reader.read_exact(&mut chunk)?;
        assert_eq!(line(&mut self.reader)?, "");
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Whether something has come that was not taken yet: of the body, or its end.
    pub fn has_more(&self) -> bool {
        !self.reader.buffer().is_empty() || has_come(self.reader.get_ref())
    }

    pub fn send_chunk(&mut self, bytes: &[u8]) {
        self.try_send_chunk(bytes).expect("sent");
    }

    /// # Errors
    /// The server has closed, which it may once it has answered.
    pub fn try_send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.reader.get_mut().write_all(&chunk)
    }

    pub fn end_body(&mut self) {
        self.reader.get_mut().write_all(b"0\r\n\r\n").expect("sent");
    }

    pub fn hang_up(self) {
        self.reader.get_ref().shutdown(Shutdown::Both).expect("shut down");
    }
}

/// Whether a socket has something to be received, were it its end.
pub fn has_come(socket: &TcpStream) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(1))).expect("set");
    let peeked = socket.peek(&mut [0]);
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    !peeked.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match reader.read_line(&mut line)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
