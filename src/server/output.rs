//! What waits to be sent on one connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use riverrun_core::limits::SEND_BYTES_MAX;

use super::mail;
use super::send_marks::{SendMarks, Timed};
use crate::stages::Stage;

/// Parts of one send: enough to fill a socket's buffer, below the kernel's limit of 1024.
const SEND_PARTS_MAX: usize = 256;
/// Heads are written into buffers of this size.
const HEAD_BYTES: usize = 4096;
/// What is shorter is copied behind its head: that costs less than a reference, and what it lies in is let go.
const REFERENCE_BYTES_MIN: usize = 1024;

/// Frames in order: their heads copied together, their payload by reference. One send is in flight at a time; everything that
/// gathers meanwhile travels with the next, which is all the coalescing there is.
///
/// A reference keeps what the bytes lie in: a record keeps the megabytes that were received beside it, or the page that it was
/// loaded with. That is right for the moment that a send takes. What a socket does not take for longer than that is copied
/// ([`Output::own`]), so that in the end a connection holds as much memory as it says.
#[derive(Debug, Default)]
pub struct Output {
    parts: VecDeque<Part>,
    heads: BytesMut,
    bytes: usize,
    /// Whose bytes they are, in order: a shard, or nobody's (the connection's own).
    owners: VecDeque<(Option<u16>, usize)>,
    /// Taken by the socket, since the beginning.
    sent_bytes: u64,
    /// Where, counted like `sent_bytes`, the output ended when it was last looked at.
    looked_at: u64,
    /// All that is in flight is memory of its own.
    sends_own: bool,
    /// Copied since it was last empty.
    copied_bytes: usize,
    marks: SendMarks,
}

#[derive(Debug)]
struct Part {
    bytes: Bytes,
    is_own: bool,
}

impl Output {
    /// Adds one frame: what `write_head` writes, then `parts`.
    pub fn frame(&mut self, owner: Option<u16>, parts: &[Bytes], write_head: impl FnOnce(&mut BytesMut)) {
        self.make_room(512);
        let before = self.heads.len();
        write_head(&mut self.heads);
        let mut bytes = self.heads.len() - before;
        for part in parts {
            bytes += part.len();
            self.payload(part);
        }
        self.bytes += bytes;
        self.own_by(owner, bytes);
    }

    fn payload(&mut self, part: &Bytes) {
        if part.len() < REFERENCE_BYTES_MIN {
            self.make_room(part.len());
            return self.heads.extend_from_slice(part);
        }
        self.cut_heads();
        self.parts.push_back(Part { bytes: part.clone(), is_own: false });
    }

    fn make_room(&mut self, bytes: usize) {
        if self.heads.capacity() - self.heads.len() < bytes {
            self.cut_heads();
            self.heads.reserve(HEAD_BYTES);
        }
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

    fn own_by(&mut self, owner: Option<u16>, bytes: usize) {
        match self.owners.back_mut() {
            Some(last) if last.0 == owner => last.1 += bytes,
            _ => self.owners.push_back((owner, bytes)),
        }
    }

    fn cut_heads(&mut self) {
        if !self.heads.is_empty() {
            self.parts.push_back(Part { bytes: self.heads.split().freeze(), is_own: true });
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

    /// Looks at it, now and then: whether something that was there at the last look still is.
    pub fn is_slow(&mut self) -> bool {
        let was_there = self.looked_at > self.sent_bytes;
        self.looked_at = self.sent_bytes + self.bytes as u64;
        was_there
    }

    /// Makes what waits memory of its own. What is in flight stays where it is.
    pub fn own(&mut self) {
        for part in self.parts.iter_mut().filter(|part| !part.is_own) {
            self.copied_bytes += part.bytes.len();
            *part = Part { bytes: Bytes::copy_from_slice(&part.bytes), is_own: true };
        }
    }

    /// What lies in memory that it shares: of what waits, and all of a send in flight if any of that does.
    pub fn referenced_bytes(&self) -> usize {
        let (own, shared) = self.parts.iter().fold((self.heads.len(), 0), |(own, shared), part| match part.is_own {
            true => (own + part.bytes.len(), shared),
            false => (own, shared + part.bytes.len()),
        });
        let in_flight = self.bytes - own - shared;
        shared + if self.sends_own { 0 } else { in_flight }
    }

    /// At most so much of what waits is memory of its own because it was copied.
    pub fn copied_bytes(&self) -> usize {
        self.copied_bytes.min(self.bytes)
    }

    /// Whether what is in flight refers to memory that is not its own.
    pub fn sends_references(&self) -> bool {
        !self.sends_own
    }

    /// The parts of the next send.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.cut_heads();
        let mut taken = Vec::new();
        let mut bytes = 0;
        self.sends_own = true;
        while taken.len() < SEND_PARTS_MAX && bytes < SEND_BYTES_MAX {
            let Some(Part { bytes: mut part, is_own }) = self.parts.pop_front() else { break };
            if part.len() > SEND_BYTES_MAX - bytes {
                let rest = part.split_off(SEND_BYTES_MAX - bytes);
                self.parts.push_front(Part { bytes: rest, is_own });
            }
            bytes += part.len();
            self.sends_own &= is_own;
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
        for bytes in unsent.into_iter().rev() {
            self.parts.push_front(Part { bytes, is_own: self.sends_own });
        }
        self.bytes -= sent;
        self.sent_bytes += sent as u64;
        self.copied_bytes = self.copied_bytes();
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
    use proptest::prelude::*;

    use super::*;

    fn flat(parts: &[Bytes]) -> Vec<u8> {
        parts.concat()
    }

    /// A payload too long to be copied.
    fn long(byte: u8) -> Bytes {
        Bytes::from(vec![byte; REFERENCE_BYTES_MIN])
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

    #[test]
    fn long_payloads_travel_by_reference_and_short_ones_behind_their_heads() {
        let mut output = Output::default();
        let (short, long) = (Bytes::from_static(b"short"), long(7));
        output.frame(Some(0), &[short.clone(), long.clone(), short], |head| head.extend_from_slice(b"head"));
        let parts = output.take();
        assert_eq!(parts.iter().map(Bytes::len).collect::<Vec<_>>(), [9, long.len(), 5]);
        assert_eq!(parts[1].as_ptr(), long.as_ptr());
        assert!(output.sends_references());
    }

    #[test]
    fn what_waits_becomes_its_own_and_lets_go_of_what_it_lay_in() {
        let mut output = Output::default();
        let (first, second) = (long(1), long(2));
        output.frame(Some(0), std::slice::from_ref(&first), |_| {});
        let in_flight = output.take();
        output.frame(Some(0), std::slice::from_ref(&second), |_| {});
        output.own();
        assert!(second.is_unique() && !first.is_unique(), "the kernel reads from what is in flight");
        output.sent(in_flight, 1, |_, _| {});
        assert!(output.sends_references());
        assert_eq!(output.referenced_bytes(), first.len() - 1);
        output.own();
        assert_eq!(output.referenced_bytes(), 0);
        assert!(first.is_unique());
        assert_eq!(output.copied_bytes(), first.len() - 1 + second.len());
        assert_eq!(flat(&output.take()), [&first[1..], &second[..]].concat());
        assert!(!output.sends_references());
    }

    #[test]
    fn it_is_slow_when_something_is_still_there_at_the_next_look() {
        let mut output = Output::default();
        let frame = |output: &mut Output| output.frame(None, &[], |head| head.extend_from_slice(b"abc"));
        frame(&mut output);
        assert!(!output.is_slow(), "it has just come");
        frame(&mut output);
        let parts = output.take();
        output.sent(parts, 3, |_, _| {});
        assert!(!output.is_slow(), "what is there came since");
        assert!(output.is_slow());
        let parts = output.take();
        output.sent(parts, 3, |_, _| {});
        assert!(!output.is_slow());
    }

    proptest! {
        /// However it is cut, copied and interrupted, every byte goes out once and in order.
        #[test]
        fn nothing_is_lost_or_turned_around(
            steps in prop::collection::vec((0..4u8, 0..3 * REFERENCE_BYTES_MIN), 1..60)
        ) {
            let (mut output, mut expected, mut got) = (Output::default(), Vec::new(), Vec::new());
            for (n, (what, bytes)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 => {
                        let payload = Bytes::from(vec![n as u8; bytes]);
                        output.frame(None, std::slice::from_ref(&payload), |head| head.extend_from_slice(b"head"));
                        expected.extend_from_slice(b"head");
                        expected.extend_from_slice(&payload);
                    }
                    2 => output.own(),
                    _ => {
                        let parts = output.take();
                        let sent = bytes.min(parts.iter().map(Bytes::len).sum());
                        got.extend_from_slice(&flat(&parts)[..sent]);
                        output.sent(parts, sent, |_, _| {});
                    }
                }
            }
            while !output.is_empty() {
                let parts = output.take();
                let all = flat(&parts);
                prop_assert!(!all.is_empty() && all.len() <= SEND_BYTES_MAX);
                got.extend_from_slice(&all);
                output.sent(parts, all.len(), |_, _| {});
            }
            prop_assert_eq!(got, expected);
        }
    }
}
