//! Where read records go: stdout or a file, written by a thread of its own, so that a full pipe holds up nothing but this
//! read. What the thread has written whole is known at any time: that is what "stopped before" and resuming go by.

use std::convert::Infallible;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

/// Pieces waiting to be written; each is at most one push of 1 MiB of records. The server's credit does the rest.
const PIECES_AHEAD_MAX: usize = 4;

/// `-o FILE`, or stdout for `-` and nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    Stdout,
    /// Appended to, as S2's CLI does: so the command that resumes a read completes the same file.
    File(PathBuf),
}

/// Some records as lines. Written in one go, so a live record is seen as soon as it comes.
#[derive(Debug)]
pub struct Piece {
    pub data: Vec<u8>,
    /// For stderr, in front of the data.
    pub notes: String,
    /// One behind the last record's number.
    pub next_seq_num: u64,
    pub records: u64,
    pub metered_bytes: u64,
}

/// What has been written whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// None: nothing yet.
    pub next_seq_num: Option<u64>,
    pub records: u64,
    pub metered_bytes: u64,
}

/// The writer's handle.
#[derive(Debug)]
pub struct Output {
    pieces: mpsc::Sender<Piece>,
    written: watch::Receiver<Written>,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// The writer failed; `finish` says why.
#[derive(Debug)]
pub struct Closed;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if matches!(text, "" | "-") { Self::Stdout } else { Self::File(text.into()) })
    }
}

impl Target {
    pub fn open(&self) -> io::Result<Output> {
        Ok(match self {
            Self::Stdout => Output::start(Box::new(io::stdout())),
            Self::File(path) => Output::start(Box::new(OpenOptions::new().append(true).create(true).open(path)?)),
        })
    }
}

impl Output {
    fn start(sink: Box<dyn Write + Send>) -> Self {
        let (pieces, receiver) = mpsc::channel(PIECES_AHEAD_MAX);
        let (written_sender, written) = watch::channel(Written::default());
        let (ended_sender, ended) = oneshot::channel();
        thread::spawn(move || {
            let _ = ended_sender.send(write_all(sink, receiver, &written_sender));
        });
        Self { pieces, written, ended }
    }

    /// Hands a piece over; waits while too many are ahead of it.
    pub async fn write(&self, piece: Piece) -> Result<(), Closed> {
        self.pieces.send(piece).await.map_err(|_| Closed)
    }

    pub fn written(&self) -> Written {
        *self.written.borrow()
    }

    /// Resolves when the writer has ended, which it does early only when it fails.
    pub async fn failed(&self) {
        self.pieces.closed().await;
    }

    /// Waits until all is written, or for as long as `patience` allows (a pipe that nobody reads never empties), and says
    /// what was.
    pub async fn finish(self, patience: Option<Duration>) -> io::Result<Written> {
        drop(self.pieces);
        let ended = async { self.ended.await.unwrap_or(Ok(())) };
        match patience {
            None => ended.await?,
            Some(patience) => tokio::time::timeout(patience, ended).await.unwrap_or(Ok(()))?,
        }
        Ok(*self.written.borrow())
    }
}

fn write_all(
    mut sink: Box<dyn Write + Send>,
    mut pieces: mpsc::Receiver<Piece>,
    written: &watch::Sender<Written>,
) -> io::Result<()> {
    while let Some(piece) = pieces.blocking_recv() {
        if !piece.notes.is_empty() {
            let _ = io::stderr().write_all(piece.notes.as_bytes());
        }
        sink.write_all(&piece.data)?;
        sink.flush()?;
        written.send_modify(|written| {
            written.next_seq_num = Some(piece.next_seq_num);
            written.records += piece.records;
            written.metered_bytes += piece.metered_bytes;
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, next_seq_num: u64) -> Piece {
        Piece { data: text.into(), notes: String::new(), next_seq_num, records: 1, metered_bytes: 10 }
    }

    /// Fails with `BrokenPipe` from the second write on.
    struct OneWrite(bool);

    impl Write for OneWrite {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for (text, next) in [("a\n", 1), ("b\n", 2)] {
            let output = Target::File(path.clone()).open().unwrap();
            output.write(piece(text, next)).await.unwrap();
            let written = output.finish(None).await.unwrap();
            assert_eq!(written, Written { next_seq_num: Some(next), records: 1, metered_bytes: 10 });
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a\nb\n");
    }

    #[tokio::test]
    async fn a_failed_write_is_told_and_counts_nothing() {
        let output = Output::start(Box::new(OneWrite(false)));
        output.write(piece("a\n", 1)).await.unwrap();
        let _ = output.write(piece("b\n", 2)).await;
        output.failed().await;
        assert_eq!(output.written().next_seq_num, Some(1));
        assert!(output.write(piece("c\n", 3)).await.is_err());
        assert_eq!(output.finish(None).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
