//! From bytes to frames.
//!
//! Small frames are handled where the kernel put them, in a buffer of the pool. A large one is continued in a buffer of its own:
//! what has arrived of it is copied there, the rest is received there, and the journal writes it from there.

use std::io;
use std::net::Shutdown;

use bytes::{Buf, BytesMut};
use riverrun_core::event::ConnectionId;
use riverrun_protocol::error::{DecodeError, ErrorCode};
use riverrun_protocol::frame::{self, Cut, FrameHeader};
use riverrun_protocol::limits::FRAME_HEADER_BYTES;

use super::{Worker, tag};
use crate::server::connection::{self, Connection, FRAME_DEADLINE, HEAD_RECEIVE_BYTES, Receiving};
use crate::server::large_frame::{LargeFrame, SlabShare};
use crate::server::listener;
use crate::server::sorting::FrameBytes;
use crate::stages::Stage;
use crate::uring::ReceivedBuffer;

/// A large frame gets a buffer of its own when this much of it has arrived.
const LARGE_FRAME_BEGUN_BYTES_MIN: usize = 2048;

/// How far a run of bytes got.
enum Progress {
    /// All whole frames were handled; this many bytes are used up.
    Used(usize),
    /// The same, and behind them a large frame begins.
    LargeFrame { used: usize, frame_bytes: usize, share: SlabShare },
    /// The connection is gone, closing or moving: the rest is not ours to handle.
    Over(usize),
}

impl Worker {
    /// Asks for more bytes, unless something is in flight or back-pressure forbids it.
    pub(super) fn receive(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if !matches!(connection.receiving, Receiving::Nothing) || !connection.may_receive() {
            return;
        }
        connection.receiving = Receiving::Some;
        let (socket, bytes) = (connection.socket.clone(), connection.receive_bytes_next);
        self.ring.receive(tag::RECEIVE | id.0, &socket, bytes);
    }

    pub(super) fn on_received(&mut self, id: u64, outcome: io::Result<Option<ReceivedBuffer>>) {
        let id = ConnectionId(id);
        let known = self.connections.get_mut(&id.0).map(|c| c.receiving = Receiving::Nothing).is_some();
        match outcome {
            Ok(Some(buffer)) => {
                if known {
                    self.take_bytes(id, buffer.bytes());
                }
                self.ring.give_back(buffer);
                self.receive(id);
            }
            // Every buffer of the pool was lent out: this connection is the first to get one of those that come back.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.starved.push(id),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.receive(id),
            Ok(None) => self.end_of_input(id),
            Err(_) => self.forget(id),
        }
    }

    /// The peer has closed its side: every answer still goes out, and its sessions end as if it had closed them
    /// (`s2-semantics.md` B10, half-close).
    fn end_of_input(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.ended = true;
        connection.received = BytesMut::new();
        connection.deadline = connection.deadline.filter(|_| connection.closing);
        self.close_sessions(id);
        self.forget_if_finished(id);
    }

    pub(super) fn forget_if_finished(&mut self, id: ConnectionId) {
        if self.connections.get(&id.0).is_some_and(Connection::is_finished) {
            self.forget(id);
        }
    }

    /// Handles what arrived. Bytes that are not a whole frame yet are kept.
    fn take_bytes(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if connection.closing {
            return;
        }
        if !connection.received.is_empty() {
            connection.received.extend_from_slice(bytes);
            return self.take_kept(id);
        }
        let used = self.take_frames(id, bytes);
        self.keep(id, BytesMut::from(&bytes[used..]), used > 0);
    }

    /// Handles what was kept, as far as it goes.
    pub(super) fn take_kept(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let mut kept = std::mem::take(&mut connection.received);
        let used = self.take_frames(id, &kept);
        kept.advance(used);
        // Behind the last whole frame there is usually nothing: no idle connection holds on to a buffer.
        self.keep(id, if kept.is_empty() { BytesMut::new() } else { kept }, used > 0);
    }

    /// Returns how many bytes are used up.
    fn take_frames(&mut self, id: ConnectionId, bytes: &[u8]) -> usize {
        match self.handle_frames(id, bytes) {
            Progress::LargeFrame { used, frame_bytes, share } => {
                self.begin_large_frame(
                    id,
                    &bytes[used..],
                    used == 0,
                    LargeFrame::new(frame_bytes, self.now.monotonic, share),
                );
                bytes.len()
            }
            Progress::Used(used) | Progress::Over(used) => {
                self.connections.get_mut(&id.0).into_iter().for_each(Connection::expect_frames);
                used
            }
        }
    }

    fn keep(&mut self, id: ConnectionId, rest: BytesMut, used_any: bool) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        if !matches!(connection.receiving, Receiving::Frame(_)) {
            connection.received = rest;
            connection.await_rest_of_frame(used_any, self.now.monotonic);
        }
        self.move_if_quiet(id);
    }

    fn handle_frames(&mut self, id: ConnectionId, bytes: &[u8]) -> Progress {
        let mut used = 0;
        loop {
            let Some(connection) = self.connections.get_mut(&id.0) else { return Progress::Over(bytes.len()) };
            if connection.closing {
                return Progress::Over(bytes.len());
            }
            if !connection.may_take_frames() {
                return Progress::Used(used);
            }
            if !connection.greeted && frame::foreign(&bytes[used..]).is_some() {
                self.turn_away_foreigner(id, &bytes[used..]);
                return Progress::Over(bytes.len());
            }
            match frame::cut(&bytes[used..]) {
                Ok(Cut::Complete { header, body, consumed }) => {
                    if !self.may_be_that_long(id, used, &header) {
                        return Progress::Over(bytes.len());
                    }
                    let body = &bytes[used..][body];
                    if !self.on_frame(id, header, FrameBytes::Shared(body)) {
                        return Progress::Over(used);
                    }
                    used += consumed;
                }
                Ok(Cut::Incomplete { header, .. }) => return self.incomplete(id, used, bytes.len(), header),
                Err(error) => {
                    self.refuse_bytes(id, &error);
                    return Progress::Over(bytes.len());
                }
            }
        }
    }

    /// A frame has begun: is it allowed to be that long, and does it get a buffer of its own?
    fn incomplete(&mut self, id: ConnectionId, used: usize, have: usize, header: Option<FrameHeader>) -> Progress {
        let Some(header) = header else { return Progress::Used(used) };
        if !self.may_be_that_long(id, used, &header) {
            return Progress::Over(have);
        }
        // What is claimed costs nothing: memory is set aside once some of the frame is there, and for so many frames only. The
        // others are gathered like small ones, in as much memory as has arrived of them (reliability.md D18).
        let begun = have - used >= LARGE_FRAME_BEGUN_BYTES_MIN;
        let frame_bytes = FRAME_HEADER_BYTES + header.body_bytes as usize;
        let share = (connection::is_large(&header) && begun).then(|| self.begun_frames.share()).flatten();
        match share {
            Some(share) => Progress::LargeFrame { used, frame_bytes, share },
            None => Progress::Used(used),
        }
    }

    /// Refuses the connection's bytes if not.
    fn may_be_that_long(&mut self, id: ConnectionId, offset: usize, header: &FrameHeader) -> bool {
        let greeted = self.connections.get(&id.0).is_some_and(|c| c.greeted);
        let allowed = connection::length_allowed(header, greeted);
        if !allowed {
            let what = format!("a frame of kind {:#04x} with a body of {} bytes", header.kind, header.body_bytes);
            self.refuse_bytes(id, &DecodeError { what, offset, code: ErrorCode::BadFrame });
        }
        allowed
    }

    /// One that was gathered for a while goes on with the time that it has left.
    fn begin_large_frame(&mut self, id: ConnectionId, begun: &[u8], was_gathered: bool, expected: LargeFrame) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let mut frame = self.shard.frame_buffer(expected.bytes, self.now);
        frame.extend_from_slice(begun);
        let since = connection.deadline.filter(|_| was_gathered);
        connection.deadline = since.or(Some(self.now.monotonic + FRAME_DEADLINE));
        self.shared.count_copied(self.index, begun.len());
        self.continue_large_frame(id, frame, expected);
    }

    fn continue_large_frame(&mut self, id: ConnectionId, frame: BytesMut, expected: LargeFrame) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let (socket, missing) = (connection.socket.clone(), expected.bytes - frame.len());
        connection.receiving = Receiving::Frame(expected);
        self.ring.fill(tag::RECEIVE | id.0, &socket, frame, missing);
    }

    pub(super) fn on_filled(&mut self, id: u64, frame: BytesMut, outcome: io::Result<usize>) {
        let id = ConnectionId(id);
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        let Some(expected) = connection.take_large_frame() else { return };
        let closing = connection.closing;
        match outcome {
            Ok(0) => self.end_of_input(id),
            // It was told that this frame was refused: it must not be carried out after all.
            Ok(_) if closing => self.receive(id),
            Ok(_) if frame.len() < expected.bytes => self.continue_large_frame(id, frame, expected),
            Ok(_) => {
                self.stages.note(Stage::Receive, self.now.monotonic.saturating_sub(expected.begun_at), 1);
                self.large_frame_arrived(id, frame);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.continue_large_frame(id, frame, expected);
            }
            Err(_) => self.forget(id),
        }
    }

    fn large_frame_arrived(&mut self, id: ConnectionId, frame: BytesMut) {
        let Some(connection) = self.connections.get_mut(&id.0) else { return };
        connection.deadline = None;
        connection.receive_bytes_next = HEAD_RECEIVE_BYTES;
        if let Ok(Cut::Complete { header, .. }) = frame::cut(&frame) {
            // Refused handling means that the connection is closing, or that the frame was kept: for a move, or until it is
            // paid for.
            self.on_frame(id, header, FrameBytes::Own(frame));
        }
        self.move_if_quiet(id);
        self.receive(id);
    }

    /// A frame that is not consumed yet. A large one lies in a buffer of its own, and nothing was received behind it; what
    /// shares a buffer with others is kept by whoever cut it from there.
    pub(super) fn keep_own(&mut self, id: ConnectionId, bytes: FrameBytes<'_>) {
        if let (FrameBytes::Own(frame), Some(connection)) = (bytes, self.connections.get_mut(&id.0)) {
            connection.received = frame;
        }
    }

    /// The peer speaks another protocol: tell it in its own.
    fn turn_away_foreigner(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(foreign) = frame::foreign(bytes) else { return };
        tracing::debug!(connection = id.0, ?foreign, "turned away another protocol");
        if let Some(connection) = self.connections.get_mut(&id.0) {
            connection.output.frame(None, &[], |head| head.extend_from_slice(foreign.answer()));
        }
        self.close_after_output(id);
    }

    /// The peer has closed, or cannot be reached: nothing more can be said.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id.0) else { return };
        self.strangers.remove(&id.0);
        // Completes what is still in flight; the socket closes with its last operation.
        listener::shut_down(&connection.socket, Shutdown::Both);
        for &shard in &connection.known_to {
            self.tell_shard_of_end(shard, id);
        }
    }
}
