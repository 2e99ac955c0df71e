//! Where in a connection's output the acks and live pushes end, and since when what they say has been stable: so that it is known
//! how long they were on their way when the socket has taken them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::stages::Stage;

/// Turns whose output waits and is told apart.
const MARKS_MAX: usize = 16;

/// What is timed of a frame on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timed {
    /// An ack of what has been stable since then.
    Ack(Duration),
    /// A push of what has been stable since then, to a reader that waited for it.
    Push(Duration),
}

/// Frames whose records became stable together.
#[derive(Clone, Copy, Debug)]
struct Mark {
    since: Duration,
    /// Bytes of output up to the last of them, since the connection began.
    end: u64,
    acks: u64,
    pushes: u64,
}

#[derive(Debug, Default)]
pub struct SendMarks {
    marks: VecDeque<Mark>,
}

impl SendMarks {
    /// Notes a frame that ends at `end`. When all marks are in use it counts with the last: it may be told as having waited too
    /// long, never too short.
    pub fn add(&mut self, timed: Timed, end: u64) {
        let (since, acks, pushes) = match timed {
            Timed::Ack(since) => (since, 1, 0),
            Timed::Push(since) => (since, 0, 1),
        };
        let is_full = self.marks.len() == MARKS_MAX;
        match self.marks.back_mut().filter(|last| last.since == since || is_full) {
            Some(last) => {
                (last.since, last.end) = (last.since.min(since), end);
                last.acks += acks;
                last.pushes += pushes;
            }
            None => self.marks.push_back(Mark { since, end, acks, pushes }),
        }
    }

    /// The socket has taken `sent` bytes since the connection began: notes what has arrived there with them.
    pub fn on_sent(&mut self, sent: u64, now: Duration, mut note: impl FnMut(Stage, Duration, u64)) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.end <= sent).copied() {
            self.marks.pop_front();
            let elapsed = now.saturating_sub(mark.since);
            for (stage, count) in [(Stage::AckSend, mark.acks), (Stage::PushSend, mark.pushes)] {
                if count > 0 {
                    note(stage, elapsed, count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sent(marks: &mut SendMarks, bytes: u64, now: Duration) -> Vec<(Stage, Duration, u64)> {
        let mut noted = Vec::new();
        marks.on_sent(bytes, now, |stage, elapsed, count| noted.push((stage, elapsed, count)));
        noted
    }

    #[test]
    fn frames_are_counted_when_their_last_byte_is_sent() {
        let mut marks = SendMarks::default();
        marks.add(Timed::Ack(ms(1)), 100);
        marks.add(Timed::Push(ms(1)), 200);
        marks.add(Timed::Ack(ms(3)), 300);
        assert_eq!(sent(&mut marks, 199, ms(4)), []);
        assert_eq!(sent(&mut marks, 299, ms(5)), [(Stage::AckSend, ms(4), 1), (Stage::PushSend, ms(4), 1)]);
        assert_eq!(sent(&mut marks, 300, ms(6)), [(Stage::AckSend, ms(3), 1)]);
        assert_eq!(sent(&mut marks, 900, ms(7)), []);
    }

    #[test]
    fn a_socket_that_takes_nothing_costs_no_more_memory() {
        let mut marks = SendMarks::default();
        (0..1000).for_each(|n| marks.add(Timed::Ack(ms(n)), n + 1));
        assert_eq!(marks.marks.len(), MARKS_MAX);
        let noted = sent(&mut marks, 1000, ms(1000));
        assert_eq!(noted.iter().map(|(_, _, count)| count).sum::<u64>(), 1000);
    }
}
