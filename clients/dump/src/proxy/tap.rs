//! The queue between forwarding and decoding. Forwarding never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::seen;
use crate::describe::Direction;
use crate::watch::Seen;

/// Bytes that may wait to be decoded, over all connections; beyond it they are forwarded unseen.
pub const DECODE_BACKLOG_BYTES_MAX: usize = 64 << 20;
/// The same in pieces, each of which costs a little beyond its bytes.
const DECODE_BACKLOG_NOTES_MAX: usize = 16 << 10;

/// What the decoder is told.
#[derive(Debug)]
pub enum Note {
    Bytes {
        seen: Seen,
        bytes: Bytes,
        waiting: Waiting,
    },
    /// So many bytes were forwarded unseen.
    Missed {
        seen: Seen,
        bytes: u64,
    },
    /// A direction brings no more.
    End {
        seen: Seen,
    },
    Closed {
        connection: u64,
        text: String,
    },
    /// For people.
    Text(String),
}

/// Counts bytes as waiting for as long as it lives.
#[derive(Debug)]
pub struct Waiting {
    backlog: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.backlog.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The forwarding side of the queue; one per proxy.
#[derive(Clone, Debug)]
pub struct Taps {
    notes: mpsc::Sender<Note>,
    backlog: Arc<AtomicUsize>,
    backlog_bytes_max: usize,
}

impl Taps {
    pub fn new() -> (Taps, mpsc::Receiver<Note>) {
        Taps::with_limits(DECODE_BACKLOG_NOTES_MAX, DECODE_BACKLOG_BYTES_MAX)
    }

    pub fn with_limits(notes_max: usize, backlog_bytes_max: usize) -> (Taps, mpsc::Receiver<Note>) {
        let (notes, receiver) = mpsc::channel(notes_max);
        (Taps { notes, backlog: Arc::default(), backlog_bytes_max }, receiver)
    }

    /// For a connection's two directions: client's, server's.
    pub fn pair(&self, connection: u64) -> (Tap, Tap) {
        let tap = |direction| Tap { taps: self.clone(), connection, direction, missed: 0 };
        (tap(Direction::Client), tap(Direction::Server))
    }

    /// Dropped where the queue is full: it is for people only.
    pub fn note(&self, note: Note) {
        let _ = self.notes.try_send(note);
    }

    /// Waits for room: the connection is over, so nothing is delayed, and what the decoder keeps of it is freed.
    pub async fn close(&self, connection: u64, text: String) {
        let _ = self.notes.send(Note::Closed { connection, text }).await;
    }
}

/// One direction of one connection.
#[derive(Debug)]
pub struct Tap {
    taps: Taps,
    connection: u64,
    direction: Direction,
    missed: u64,
}

impl Tap {
    /// Shows `bytes` to the decoder if it has room for them, and counts them as missed otherwise. Never waits.
    pub fn offer(&mut self, bytes: &Bytes) {
        if self.tell_missed().is_err() || self.try_send(bytes).is_err() {
            self.missed += bytes.len() as u64;
        }
    }

    /// Nothing more will come. Waits for room, as [`Taps::close`] does.
    pub async fn end(mut self) {
        let seen = seen(self.connection, self.direction);
        if self.missed > 0 {
            let missed = Note::Missed { seen, bytes: std::mem::take(&mut self.missed) };
            let _ = self.taps.notes.send(missed).await;
        }
        let _ = self.taps.notes.send(Note::End { seen }).await;
    }

    fn tell_missed(&mut self) -> Result<(), ()> {
        if self.missed == 0 {
            return Ok(());
        }
        let missed = Note::Missed { seen: seen(self.connection, self.direction), bytes: self.missed };
        self.taps.notes.try_send(missed).map_err(drop)?;
        self.missed = 0;
        Ok(())
    }

    fn try_send(&self, bytes: &Bytes) -> Result<(), ()> {
        let waiting = self.waiting(bytes.len()).ok_or(())?;
        let seen = seen(self.connection, self.direction);
        self.taps.notes.try_send(Note::Bytes { seen, bytes: bytes.clone(), waiting }).map_err(drop)
    }

    fn waiting(&self, bytes: usize) -> Option<Waiting> {
        let backlog = self.taps.backlog.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let waiting = Waiting { backlog: self.taps.backlog.clone(), bytes };
        (backlog <= self.taps.backlog_bytes_max).then_some(waiting)
    }
}
