//! What waits to be sent on one connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::mail;
use super::send_marks::{SendMarks, Timed};
use crate::stages::Stage;

/// Parts of one send: enough to fill a socket's buffer, below the kernel's limit of 1024.
const SEND_PARTS_MAX: usize = 256;
/// Bytes of one send.
const SEND_BYTES_MAX: usize = 1 << 20;
/// Heads are written into buffers of this size.
const HEAD_BYTES: usize = 4096;

/// Frames in order: their heads copied together, their payload by reference. One send is in flight at a time; everything that
/// gathers meanwhile travels with the next, which is all the coalescing there is.
#[derive(Debug, Default)]
pub struct Output {
    parts: VecDeque<Bytes>,
    heads: BytesMut,
    bytes: usize,
    /// Whose bytes they are, in order: a shard, or nobody's (the connection's own).
    owners: VecDeque<(Option<u16>, usize)>,
    /// Taken by the socket, since the beginning.
    sent_bytes: u64,
    marks: SendMarks,
}

impl Output {
    /// Adds one frame: what `write_head` writes, then `parts`.
    pub fn frame(&mut self, owner: Option<u16>, parts: &[Bytes], write_head: impl FnOnce(&mut BytesMut)) {
        if self.heads.capacity() - self.heads.len() < 512 {
            self.cut_heads();
            self.heads.reserve(HEAD_BYTES);
        }
        let before = self.heads.len();
        write_head(&mut self.heads);
        let mut bytes = self.heads.len() - before;
        if !parts.is_empty() {
            self.cut_heads();
            bytes += parts.iter().map(Bytes::len).sum::<usize>();
            self.parts.extend(parts.iter().filter(|p| !p.is_empty()).cloned());
        }
        self.bytes += bytes;
        self.own(owner, bytes);
    }

    /// Adds what a shard, or the tokio side, has to say.
    pub fn put(&mut self, owner: Option<u16>, id: u64, said: &mail::Output) {
        match said {
            mail::Output::Reply(reply) => self.frame(owner, reply.parts(), |head| reply.write_head(id, head)),
            mail::Output::Push(push) => self.frame(owner, push.parts(), |head| push.write_head(id, head)),
            mail::Output::Fail(error) => self.frame(owner, &[], |head| error.write(id, head)),
        }
    }

    /// The frame that was added last is one whose way out is timed.
    pub fn mark(&mut self, timed: Timed) {
        self.marks.add(timed, self.sent_bytes + self.bytes as u64);
    }

    /// Notes how long what the socket has taken by now was on its way.
    pub fn note_sent(&mut self, now: Duration, note: impl FnMut(Stage, Duration, u64)) {
        self.marks.on_sent(self.sent_bytes, now, note);
    }

    fn own(&mut self, owner: Option<u16>, bytes: usize) {
        match self.owners.back_mut() {
            Some(last) if last.0 == owner => last.1 += bytes,
            _ => self.owners.push_back((owner, bytes)),
        }
    }

    fn cut_heads(&mut self) {
        if !self.heads.is_empty() {
            self.parts.push_back(self.heads.split().freeze());
        }
    }

    /// Nothing waits and nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes not yet taken by the socket, those in flight included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The parts of the next send.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.cut_heads();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < SEND_PARTS_MAX && bytes < SEND_BYTES_MAX {
            let Some(part) = self.parts.pop_front() else { break };
            bytes += part.len();
            taken.push(part);
        }
        taken
    }

    /// The socket took the first `sent` bytes of `parts`; the rest goes first next time. Calls `report` for each owner's share.
    pub fn sent(&mut self, parts: Vec<Bytes>, sent: usize, mut report: impl FnMut(Option<u16>, usize)) {
        let mut left = sent;
        let mut unsent = Vec::new();
        for mut part in parts {
            let gone = left.min(part.len());
            left -= gone;
            part.advance(gone);
            if !part.is_empty() {
                unsent.push(part);
            }
        }
        for part in unsent.into_iter().rev() {
            self.parts.push_front(part);
        }
        self.bytes -= sent;
        self.sent_bytes += sent as u64;
        self.report_owners(sent, &mut report);
    }

    fn report_owners(&mut self, mut sent: usize, report: &mut impl FnMut(Option<u16>, usize)) {
        while sent > 0 {
            let Some((owner, bytes)) = self.owners.front_mut() else { break };
            let share = sent.min(*bytes);
            report(*owner, share);
            sent -= share;
            *bytes -= share;
            if *bytes == 0 {
                self.owners.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(parts: &[Bytes]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_marked_frame_is_noted_when_the_socket_has_taken_all_of_it() {
        let mut output = Output::default();
        output.frame(Some(0), &[], |head| head.extend_from_slice(b"abc"));
        output.mark(Timed::Ack(Duration::ZERO));
        output.frame(None, &[], |head| head.extend_from_slice(b"xy"));
        for expected in [0, 1, 0] {
            let (parts, mut acks) = (output.take(), 0);
            output.sent(parts, 2.min(output.bytes()), |_, _| {});
            output.note_sent(Duration::from_millis(1), |_, _, count| acks += count);
            assert_eq!(acks, expected);
        }
    }

    #[test]
    fn a_short_send_keeps_order_and_reports_each_owner_once() {
        let mut output = Output::default();
        output.frame(Some(0), &[], |head| head.extend_from_slice(b"abc"));
        output.frame(Some(1), &[Bytes::from_static(b"DEFG")], |head| head.extend_from_slice(b"h"));
        output.frame(None, &[], |head| head.extend_from_slice(b"xy"));
        assert_eq!(output.bytes(), 10);
        let parts = output.take();
        assert_eq!(flat(&parts), b"abchDEFGxy");
        let mut reports = Vec::new();
        output.sent(parts, 5, |owner, bytes| reports.push((owner, bytes)));
        assert_eq!(reports, [(Some(0), 3), (Some(1), 2)]);
        let rest = output.take();
        assert_eq!(flat(&rest), b"EFGxy");
        output.sent(rest, 5, |owner, bytes| reports.push((owner, bytes)));
        assert_eq!(reports[2..], [(Some(1), 3), (None, 2)]);
        assert!(output.is_empty());
    }
}
