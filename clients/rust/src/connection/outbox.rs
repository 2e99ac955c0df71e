//! What is to be written, and the one rule that outcomes rest on: a request counts as sent from the moment its first byte is
//! about to be written, and as not sent again only if that byte was not.
//!
//! A frame cut off in the middle counts as sent. The server does nothing with half a frame, but nothing here depends on it.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::call::Progress;

/// Slices in one vectored write: a head and a batch for each frame.
const SLICES_MAX: usize = 64;
/// Frames taken out of the queue, so claimed, ahead of the write: enough to fill a socket's buffer, few enough to leave little
/// in doubt when the connection ends.
const CLAIMED_BYTES_MAX: usize = 512 << 10;

/// A frame to write, and who has to know that it was.
///
/// While it waits here it is small: its batch is with whoever may still take it back, and is gone with that. A server that
/// reads nothing for long (which is its way to hold a client up) then costs no memory for what was given up meanwhile, and
/// there is no need to break with it for that.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) head: Bytes,
    pub(super) track: Track,
}

/// A frame that is being written.
#[derive(Debug)]
struct Claimed {
    head: Bytes,
    /// The rest of the body, by reference.
    batch: Bytes,
    track: Track,
}

impl Claimed {
    fn frame_bytes(&self) -> usize {
        self.head.len() + self.batch.len()
    }
}

/// Who has to know whether a frame was written.
#[derive(Clone, Debug)]
pub(crate) enum Track {
    /// Nobody: losing it has no effect that anyone asks about.
    None,
    Call(Arc<Progress>),
    /// An input of an append session; inputs are claimed in the order they were queued in.
    Input(Arc<dyn Input>),
}

/// An append session, as the writer sees it.
pub(crate) trait Input: Debug + Send + Sync {
    /// The next input is about to be written: its batch. `None`: the session has failed, nothing of it may be written any
    /// more.
    fn claim(&self) -> Option<Bytes>;

    /// The most recently claimed input was not begun, and never will be: the connection has ended.
    fn unclaim(&self);
}

impl Track {
    fn claim(&self) -> Option<Bytes> {
        match self {
            Self::None => Some(Bytes::new()),
            Self::Call(progress) => progress.claim(),
            Self::Input(session) => session.claim(),
        }
    }

    fn unclaim(&self) {
        match self {
            Self::None => {}
            Self::Call(progress) => progress.unclaim(),
            Self::Input(session) => session.unclaim(),
        }
    }
}

/// The queue's end at the socket.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedReceiver<Outgoing>,
    /// Claimed, to be written next.
    claimed: VecDeque<Claimed>,
    claimed_bytes: usize,
    /// Of the first claimed frame, this many bytes are written.
    written: usize,
}

impl Outbox {
    pub(super) fn new(queue: mpsc::UnboundedReceiver<Outgoing>) -> Self {
        Self { queue, claimed: VecDeque::new(), claimed_bytes: 0, written: 0 }
    }

    /// Writes until every handle is gone and the queue is empty, or the socket fails.
    pub(super) async fn write_all(&mut self, socket: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while self.claim_some().await {
            let written = socket.write_vectored(&self.slices()).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
        }
        Ok(())
    }

    /// The connection has ended: whatever was claimed and not begun was not sent.
    pub(super) fn end(&mut self) {
        let begun = usize::from(self.written > 0);
        // Backwards, since a session takes its claims back from the latest on.
        self.claimed.drain(..).skip(begun).rev().for_each(|frame| frame.track.unclaim());
    }

    /// Waits for something to write. `false`: there never will be.
    async fn claim_some(&mut self) -> bool {
        while self.claimed.is_empty() {
            let Some(frame) = self.queue.recv().await else { return false };
            self.claim(frame);
        }
        while self.claimed_bytes < CLAIMED_BYTES_MAX && self.claimed.len() < SLICES_MAX / 2 {
            let Ok(frame) = self.queue.try_recv() else { break };
            self.claim(frame);
        }
        true
    }

    fn claim(&mut self, frame: Outgoing) {
        let Outgoing { head, track } = frame;
        if let Some(batch) = track.claim() {
            let frame = Claimed { head, batch, track };
            self.claimed_bytes += frame.frame_bytes();
            self.claimed.push_back(frame);
        }
    }

    fn slices(&self) -> Vec<IoSlice<'_>> {
        let parts = self.claimed.iter().flat_map(|frame| [&frame.head, &frame.batch]);
        let mut skip = self.written;
        let mut slices = Vec::with_capacity(SLICES_MAX);
        for part in parts {
            let begun = skip.min(part.len());
            skip -= begun;
            if begun < part.len() {
                slices.push(IoSlice::new(&part[begun..]));
            }
        }
        slices
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        while let Some(first) = self.claimed.front()
            && self.written >= first.frame_bytes()
        {
            self.written -= first.frame_bytes();
            self.claimed_bytes -= first.frame_bytes();
            self.claimed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
