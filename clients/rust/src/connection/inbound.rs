//! From the socket's bytes to whoever waits for them.
//!
//! Frames are split off the receive buffer without copying. A large frame is read up to its end and not beyond, so that the
//! next one starts in a fresh buffer: otherwise about half a frame would be copied over each time a buffer is full. Small
//! frames share buffers, which live for as long as anyone holds one of them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use riverrun_protocol::error::{DecodeError, ErrorCode, ErrorFrame};
use riverrun_protocol::frame::{Cut, FrameClass, FrameHeader, FrameKind, cut};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;
use riverrun_protocol::response::{Push, Response};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Shared;
use super::call::Slot;
use super::registry::{Inbound, Next};
use super::task::io_cause;
use crate::error::{Disconnect, Refusal};

/// Read at once while no large frame is under way.
const READ_BYTES: usize = 64 << 10;
/// A buffer with less room than this is replaced. Replacing it for every read would pin all of it behind each small frame
/// that somebody holds.
const READ_BYTES_MIN: usize = READ_BYTES / 8;
/// After this many bytes the task lets its other half, the writer, have a turn.
const TURN_BYTES: usize = 1 << 20;

/// A frame as cut: header and body, sharing the receive buffer.
pub(super) type Raw = (FrameHeader, Bytes);

/// The receive buffer.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    pub(super) fn new(unread: BytesMut) -> Self {
        Self { buffer: unread }
    }

    /// What is there and not yet cut.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn into_unread(self) -> BytesMut {
        self.buffer
    }

    /// The next frame that is already there.
    pub(super) fn cut(&mut self) -> Result<Option<Raw>, DecodeError> {
        match cut(&self.buffer)? {
            Cut::Complete { header, consumed, .. } => {
                let mut frame = self.buffer.split_to(consumed).freeze();
                Ok(Some((header, frame.split_off(FRAME_HEADER_BYTES))))
            }
            Cut::Incomplete { .. } => Ok(None),
        }
    }

    /// Reads some more bytes; how many. 0: the server has closed.
    pub(super) async fn fill(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> std::io::Result<usize> {
        let wanted = match cut(&self.buffer) {
            // The claimed length was judged by `cut`: at most FRAME_BODY_BYTES_MAX.
            Ok(Cut::Incomplete { needed, .. }) if needed > READ_BYTES => needed,
            _ => READ_BYTES,
        };
        let spare = self.buffer.capacity() - self.buffer.len();
        if wanted > READ_BYTES || spare < READ_BYTES_MIN {
            self.buffer.reserve(wanted);
        }
        socket.read_buf(&mut (&mut self.buffer).limit(wanted)).await
    }
}

/// Hands every frame to its receiver.
#[derive(Debug)]
pub(super) struct Inlet<'a> {
    shared: &'a Shared,
    reader: FrameReader,
}

impl<'a> Inlet<'a> {
    pub(super) fn new(shared: &'a Shared, unread: BytesMut) -> Self {
        Self { shared, reader: FrameReader::new(unread) }
    }

    /// Until the connection ends: the cause.
    pub(super) async fn read_all(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> Disconnect {
        let mut turn_bytes = 0;
        loop {
            if let Err(cause) = self.hand_out() {
                return cause;
            }
            match self.reader.fill(socket).await {
                Ok(0) => return Disconnect::Closed,
                Ok(read) => turn_bytes += read,
                Err(error) => return io_cause(error),
            }
            self.shared.heard();
            if turn_bytes >= TURN_BYTES {
                turn_bytes = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    fn hand_out(&mut self) -> Result<(), Disconnect> {
        let broken = |error: DecodeError| Disconnect::Violation(error.to_string());
        while let Some((header, body)) = self.reader.cut().map_err(broken)? {
            let frame = parse(&header, body).map_err(broken)?;
            self.hand_over(header.id, frame)?;
        }
        Ok(())
    }

    fn hand_over(&mut self, id: u64, frame: Inbound) -> Result<(), Disconnect> {
        // A shard that has not been used over this connection sends no push, only its refusals.
        if matches!(&frame, Inbound::Error(error) if error.code == ErrorCode::Draining) {
            self.shared.draining.store(true, Ordering::Relaxed);
        }
        if id == 0 {
            return self.on_connection_frame(&frame);
        }
        match self.shared.registry.receiver(id) {
            Some(Slot::Call(waiting)) => waiting.on_frame(frame).map_err(Disconnect::Violation),
            Some(Slot::Session(session)) => {
                if session.on_frame(frame).map_err(Disconnect::Violation)? == Next::Ended {
                    self.shared.registry.remove(id);
                }
                Ok(())
            }
            // The answer to something that was given up.
            None if self.shared.was_issued(id) => Ok(()),
            None => Err(Disconnect::Violation(format!("a frame with the id {id}, which no request has had"))),
        }
    }

    fn on_connection_frame(&self, frame: &Inbound) -> Result<(), Disconnect> {
        match frame {
            Inbound::Push { push: Push::Draining, .. } => {
                self.shared.draining.store(true, Ordering::Relaxed);
                Ok(())
            }
            Inbound::Push { push: Push::Throttled { retry_after_ms }, .. } => {
                self.shared.on_throttled(Duration::from_millis((*retry_after_ms).into()));
                Ok(())
            }
            Inbound::Error(error) => Err(Disconnect::Refused(Refusal::from(error))),
            Inbound::Push { push, .. } => Err(Disconnect::Violation(format!("{} without a session", push.kind()))),
            Inbound::Response(answer) => Err(Disconnect::Violation(format!("{} without a request", answer.kind()))),
        }
    }
}

fn parse(header: &FrameHeader, body: Bytes) -> Result<Inbound, DecodeError> {
    let body_bytes = body.len() as u64;
    match FrameKind::from_byte(header.kind).map(FrameKind::class) {
        Some(FrameClass::Push) => Ok(Inbound::Push { push: Push::parse(header.kind, body)?, body_bytes }),
        Some(FrameClass::Error) => Ok(Inbound::Error(ErrorFrame::parse(&body)?)),
        // A request's kind, and a kind that does not exist, are refused in the same words as a broken response.
        _ => Response::parse(header.kind, body).map(Inbound::Response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use riverrun_protocol::frame::Frame;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;

    fn frames(bodies: &[Vec<u8>]) -> BytesMut {
        let mut out = BytesMut::new();
        for (n, body) in bodies.iter().enumerate() {
            Frame::new(FrameKind::Records, n as u64, Bytes::copy_from_slice(body)).write(&mut out);
        }
        out
    }

    /// Gives at most so many bytes at once.
    struct Chunked<'a>(&'a [u8], usize);

    impl AsyncRead for Chunked<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let (now, later) = self.0.split_at(self.1.min(self.0.len()).min(out.remaining()));
            out.put_slice(now);
            self.0 = later;
            Poll::Ready(Ok(()))
        }
    }

    async fn read_all(bytes: &[u8], chunk_bytes: usize) -> Vec<Vec<u8>> {
        let mut chunks = Chunked(bytes, chunk_bytes);
        let mut reader = FrameReader::default();
        let mut bodies = Vec::new();
        loop {
            while let Some((header, body)) = reader.cut().expect("sound frames") {
                assert_eq!(header.id, bodies.len() as u64);
                bodies.push(body.to_vec());
            }
            if reader.fill(&mut chunks).await.expect("no error") == 0 {
                return bodies;
            }
        }
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_arrive(
            lengths in prop::collection::vec(prop_oneof![0_usize..50, 60_000_usize..70_000, 200_000_usize..300_000], 0..6),
            chunk_bytes in prop_oneof![1000_usize..5000, Just(usize::MAX)],
        ) {
            let bodies: Vec<Vec<u8>> = lengths.into_iter().enumerate().map(|(n, len)| vec![n as u8; len]).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            prop_assert_eq!(runtime.block_on(read_all(&frames(&bodies), chunk_bytes)), bodies);
        }
    }

    #[tokio::test]
    async fn a_large_frame_is_read_to_its_end_and_no_further() {
        let sent = frames(&[vec![1; 1 << 20], vec![2; 1 << 20]]);
        let mut socket = &sent[..];
        let mut reader = FrameReader::default();
        while reader.cut().expect("sound").is_none() {
            assert_ne!(reader.fill(&mut socket).await.expect("no error"), 0);
        }
        assert!(reader.unread().is_empty(), "what is left over would have to be copied");
    }

    /// A follower that is slow holds many small pushes, each of which came by itself.
    #[tokio::test]
    async fn small_frames_share_buffers_while_they_are_held() {
        let sent = frames(&vec![vec![7; 100]; 2000]);
        let mut socket = Chunked(&sent, sent.len() / 2000);
        let mut reader = FrameReader::default();
        let mut held: Vec<Bytes> = Vec::new();
        while reader.fill(&mut socket).await.expect("no error") > 0 {
            while let Some((_, body)) = reader.cut().expect("sound") {
                held.push(body);
            }
        }
        // In one buffer, frame follows frame at a frame's distance.
        let follows = |pair: &&[Bytes]| pair[1].as_ptr() as usize == pair[0].as_ptr() as usize + sent.len() / 2000;
        let buffers = 1 + held.len() - 1 - held.windows(2).filter(follows).count();
        assert_eq!(held.len(), 2000);
        assert!(buffers <= 1 + sent.len() / (READ_BYTES - READ_BYTES_MIN), "{buffers} for {} bytes", sent.len());
    }

    #[tokio::test]
    async fn nothing_is_allocated_for_a_length_beyond_the_limit() {
        let mut socket = &[0xff_u8; 100][..];
        let mut reader = FrameReader::default();
        reader.fill(&mut socket).await.expect("bytes");
        assert!(reader.cut().is_err());
        assert!(reader.buffer.capacity() <= 2 * READ_BYTES);
    }
}
