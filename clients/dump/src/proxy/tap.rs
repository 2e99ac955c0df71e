//! The queue between forwarding and decoding. Forwarding never waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use super::seen;
use crate::describe::Direction;
use crate::watch::Seen;

/// Bytes that may wait to be decoded, over all connections; beyond it they are forwarded unseen.
pub const DECODE_BACKLOG_BYTES_MAX: usize = 64 << 20;
/// The same in pieces, each of which costs a little beyond its bytes.
const DECODE_BACKLOG_NOTES_MAX: usize = 16 << 10;
/// Connections that are over and wait to say so.
const CLOSING_MAX: usize = 16 << 10;

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
    closing: Arc<Semaphore>,
}

impl Taps {
    pub fn new() -> (Taps, mpsc::Receiver<Note>) {
        Taps::with_limits(DECODE_BACKLOG_NOTES_MAX, DECODE_BACKLOG_BYTES_MAX)
    }

    pub fn with_limits(notes_max: usize, backlog_bytes_max: usize) -> (Taps, mpsc::Receiver<Note>) {
        let (notes, receiver) = mpsc::channel(notes_max);
        let closing = Arc::new(Semaphore::new(CLOSING_MAX));
        (Taps { notes, backlog: Arc::default(), backlog_bytes_max, closing }, receiver)
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

    /// Says that a connection is over, so that what the decoder keeps of it is freed. Waits for room: call it when the sockets
    /// are closed already. With too many waiting, it is left unsaid.
    pub async fn close(&self, connection: u64, text: String) {
        if let Ok(_waiting) = self.closing.try_acquire() {
            let _ = self.notes.send(Note::Closed { connection, text }).await;
        }
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
        if self.try_offer(bytes).is_err() {
            self.missed += bytes.len() as u64;
        }
    }

    /// Room for the bytes comes first: to say what was missed without it would say so again for every piece, and fill the queue
    /// with nothing else.
    fn try_offer(&mut self, bytes: &Bytes) -> Result<(), ()> {
        let waiting = self.waiting(bytes.len()).ok_or(())?;
        self.tell_missed()?;
        let seen = seen(self.connection, self.direction);
        self.taps.notes.try_send(Note::Bytes { seen, bytes: bytes.clone(), waiting }).map_err(drop)
    }

    /// Nothing more will come. Said only where there is room: a socket waits to be closed, and [`Taps::close`] says it again.
    pub fn end(mut self) {
        let _ = self.tell_missed();
        let _ = self.taps.notes.try_send(Note::End { seen: seen(self.connection, self.direction) });
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

    fn waiting(&self, bytes: usize) -> Option<Waiting> {
        let backlog = self.taps.backlog.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let waiting = Waiting { backlog: self.taps.backlog.clone(), bytes };
        (backlog <= self.taps.backlog_bytes_max).then_some(waiting)
    }
}
