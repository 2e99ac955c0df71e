//! Where appended records come from: a file or stdin, read and parsed on a thread of its own, so that a quiet pipe never
//! holds up acks, Ctrl-C or the end of the process, and parsing runs beside sending.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use bytes::Bytes;
use riverrun_protocol::Record;
use riverrun_protocol::limits::BATCH_RECORDS_MAX;
use tokio::sync::mpsc;

use crate::format::{Format, LineCutter, LineError, lines};

/// One read. Large enough that its system call costs nothing per record.
const READ_BYTES: usize = 256 << 10;
/// Chunks parsed ahead of the sender; each holds at most a batch's worth of records.
const CHUNKS_AHEAD_MAX: usize = 8;

/// `-i FILE`, or stdin for `-` and nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    Stdin,
    File(PathBuf),
}

/// Consecutive lines of the input, at most a batch's worth, in order and without gaps.
#[derive(Debug)]
pub struct Chunk {
    pub records: Vec<Record>,
    /// How much of the input these lines were, line feeds included.
    pub input_bytes: u64,
}

/// Why the input ended before its end. All lines before have been handed over.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("reading failed behind line {lines_read}: {source}")]
    Read { lines_read: u64, source: io::Error },
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1.
        line: u64,
        why: LineError,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if matches!(text, "" | "-") { Self::Stdin } else { Self::File(text.into()) })
    }
}

impl Source {
    /// Opens the input: (reader, its size where it is known).
    pub fn open(&self) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
        let Self::File(path) = self else { return Ok((Box::new(io::stdin()), None)) };
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        let size = about.is_file().then_some(about.len());
        Ok((Box::new(file), size))
    }
}

/// Starts reading. The channel ends after the last line, or after an error.
///
/// The thread is not waited for: blocked on a terminal or a quiet pipe, it would never end; the process's end ends it.
pub fn start(input: Box<dyn Read + Send>, format: Format) -> mpsc::Receiver<Result<Chunk, InputError>> {
    let (chunks, receiver) = mpsc::channel(CHUNKS_AHEAD_MAX);
    thread::spawn(move || {
        let mut reader = LineReader { input, format, chunks, lines_read: 0 };
        if let Err(Stopped::Failed(error)) = reader.read_all() {
            let _ = reader.chunks.blocking_send(Err(error));
        }
    });
    receiver
}

struct LineReader {
    input: Box<dyn Read + Send>,
    format: Format,
    chunks: mpsc::Sender<Result<Chunk, InputError>>,
    lines_read: u64,
}

enum Stopped {
    Failed(InputError),
    /// Nobody takes chunks any more.
    Unwanted,
}

impl LineReader {
    fn read_all(&mut self) -> Result<(), Stopped> {
        let mut cutter = LineCutter::default();
        let mut scratch = vec![0; READ_BYTES];
        loop {
            match self.input.read(&mut scratch) {
                Ok(0) => return self.hand_over(cutter.finish()),
                Ok(n) => {
                    self.hand_over(cutter.push(&scratch[..n]))?;
                    cutter.check().map_err(|why| self.bad_line(why))?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Stopped::Failed(InputError::Read { lines_read: self.lines_read, source }));
                }
            }
        }
    }

    /// Parses a block of lines and sends it on in chunks; the good lines in front of a bad one go first.
    fn hand_over(&mut self, block: Bytes) -> Result<(), Stopped> {
        let mut chunk = Chunk { records: Vec::new(), input_bytes: 0 };
        for line in lines(block) {
            let line_bytes = line.len() as u64 + 1;
            match self.format.parse(line) {
                Ok(record) => chunk.records.push(record),
                Err(why) => {
                    let error = self.bad_line(why);
                    self.send(chunk)?;
                    return Err(error);
                }
            }
            self.lines_read += 1;
            chunk.input_bytes += line_bytes;
            if chunk.records.len() == BATCH_RECORDS_MAX {
                self.send(std::mem::replace(&mut chunk, Chunk { records: Vec::new(), input_bytes: 0 }))?;
            }
        }
        self.send(chunk)
    }

    fn send(&self, chunk: Chunk) -> Result<(), Stopped> {
        if chunk.records.is_empty() {
            return Ok(());
        }
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| Stopped::Unwanted)
    }

    fn bad_line(&self, why: LineError) -> Stopped {
        Stopped::Failed(InputError::Line { line: self.lines_read + 1, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (bodies, error) of a whole input.
    fn read(input: Vec<u8>, format: Format) -> (Vec<Bytes>, Option<String>) {
        let mut chunks = start(Box::new(io::Cursor::new(input)), format);
        let (mut bodies, mut error) = (Vec::new(), None);
        while let Some(next) = chunks.blocking_recv() {
            assert!(error.is_none(), "nothing follows an error");
            match next {
                Ok(chunk) => {
                    assert!((1..=BATCH_RECORDS_MAX).contains(&chunk.records.len()));
                    bodies.extend(chunk.records.into_iter().map(|record| record.body));
                }
                Err(e) => error = Some(e.to_string()),
            }
        }
        (bodies, error)
    }

    #[test]
    fn lines_come_in_order_whatever_they_end_in() {
        let (bodies, error) = read(b"a\r\n\n\xff\nlast".to_vec(), Format::Text);
        assert_eq!(bodies, [&b"a\r"[..], b"", b"\xff", b"last"]);
        assert_eq!(error, None);
        assert_eq!(read(Vec::new(), Format::Text), (vec![], None));
        assert_eq!(read(b"\n".to_vec(), Format::Text).0, [&b""[..]]);
    }

    #[test]
    fn many_lines_come_in_chunks_of_a_batch() {
        let input: Vec<u8> = (0..5_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let (bodies, _) = read(input, Format::Text);
        assert_eq!(bodies.len(), 5_000);
        assert_eq!(bodies[4_999], "line 4999");
    }

    #[test]
    fn everything_in_front_of_a_line_that_is_too_long_is_handed_over_and_nothing_behind() {
        let mut input = b"one\ntwo\n".to_vec();
        input.resize(input.len() + (1 << 20), b'x');
        input.extend_from_slice(b"\nfour\n");
        let (bodies, error) = read(input, Format::Text);
        assert_eq!(bodies, ["one", "two"]);
        assert_eq!(
            error.unwrap(),
            "line 3: the record has 1048584 metered bytes; the most is 1048576 (1 MiB), 8 of which each record takes"
        );
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let endless = io::Cursor::new(b"first\n").chain(io::repeat(b'x'));
        let mut chunks = start(Box::new(endless), Format::Json);
        let error = chunks.blocking_recv().unwrap().unwrap_err();
        assert!(matches!(error, InputError::Line { line: 1, .. }), "{error}");
        let endless = io::Cursor::new(b"{}\n").chain(io::repeat(b'x'));
        let mut chunks = start(Box::new(endless), Format::Json);
        assert_eq!(chunks.blocking_recv().unwrap().unwrap().records.len(), 1);
        let error = chunks.blocking_recv().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 2: the line has more than 8388608 bytes (8 MiB)");
    }

    #[test]
    fn a_bad_json_line_is_named() {
        let (bodies, error) = read(b"{\"body\":\"a\"}\n{}\nnope\n{}\n".to_vec(), Format::Json);
        assert_eq!(bodies, ["a", ""]);
        assert_eq!(error.unwrap(), "line 3: it is not a JSON record: expected ident at column 2");
    }

    #[test]
    fn a_directory_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::File(folder.path().into()).open().map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}
