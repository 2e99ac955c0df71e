//! Files and standard input, read by a thread of their own: a read of a terminal cannot be called off, and a runtime that
//! waits for it would not end at Ctrl-C.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::error::Error;

const READ_BYTES: usize = 64 << 10;
const READS_AHEAD: usize = 4;

/// A file, or standard input where the path is `-`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Input {
        if path == Path::new("-") { Input::Stdin } else { Input::File(path.to_owned()) }
    }
}

impl Input {
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => "standard input".to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }

    /// The bytes as they come; the channel closes at the end.
    pub fn open(&self) -> io::Result<mpsc::Receiver<io::Result<Bytes>>> {
        let source: Box<dyn Read + Send> = match self {
            Input::Stdin => Box::new(io::stdin()),
            Input::File(path) => Box::new(File::open(path)?),
        };
        let (sender, receiver) = mpsc::channel(READS_AHEAD);
        std::thread::Builder::new().name("input".into()).spawn(move || read_all(source, &sender))?;
        Ok(receiver)
    }
}

fn read_all(mut source: Box<dyn Read + Send>, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buf = vec![0; READ_BYTES];
    loop {
        let read = match source.read(&mut buf) {
            Ok(0) => return,
            Ok(read) => Ok(Bytes::copy_from_slice(&buf[..read])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        if sender.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

/// A longer line is refused: an encoded frame's own limit is a quarter of this even when every byte is escaped.
pub const LINE_BYTES_MAX: usize = 32 << 20;

/// Cuts bytes into lines as they come.
#[derive(Debug, Default)]
pub struct Lines {
    buf: Vec<u8>,
    /// Where the first line not yet given out begins, and how far its end was looked for.
    start: usize,
    searched: usize,
    number: usize,
    has_ended: bool,
}

impl Lines {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buf.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buf.extend_from_slice(bytes);
    }

    /// No more bytes will come: the last line may have no end.
    pub fn finish(&mut self) {
        self.has_ended = true;
    }

    pub fn is_finished(&self) -> bool {
        self.has_ended && self.start == self.buf.len()
    }

    /// Of the line given out last, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The next whole line. Bytes that are not UTF-8 are replaced: no line that means something has any.
    pub fn poll(&mut self) -> Result<Option<String>, Error> {
        let end = self.buf[self.searched..].iter().position(|b| *b == b'\n').map(|at| self.searched + at);
        self.searched = end.map_or(self.buf.len(), |end| end + 1);
        let line = match end {
            Some(end) => self.start..end,
            None if self.has_ended && self.start < self.buf.len() => self.start..self.buf.len(),
            None if self.buf.len() - self.start > LINE_BYTES_MAX => {
                return Err(Error::LineTooLong { max: LINE_BYTES_MAX });
            }
            None => return Ok(None),
        };
        self.start = self.searched;
        self.number += 1;
        Ok(Some(String::from_utf8_lossy(&self.buf[line]).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(lines: &mut Lines) -> Vec<String> {
        std::iter::from_fn(|| lines.poll().unwrap()).collect()
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        for size in 1..12 {
            let mut lines = Lines::default();
            let mut all = Vec::new();
            for piece in b"one\n\ntwo\nthree".chunks(size) {
                lines.push(piece);
                all.extend(drain(&mut lines));
            }
            lines.finish();
            all.extend(drain(&mut lines));
            assert_eq!(all, ["one", "", "two", "three"], "in pieces of {size}");
            assert_eq!((lines.number(), lines.is_finished()), (4, true));
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; LINE_BYTES_MAX + 1]);
        assert!(matches!(lines.poll(), Err(Error::LineTooLong { .. })));
    }
}
