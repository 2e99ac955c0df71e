//! What was given to a connection and its socket has not taken yet: how much, and for how long.

use std::time::Duration;

use crate::limits::{
    OUTPUT_BYTES_PER_S_MIN, OUTPUT_OVER_STALL_BYTES_MIN, OUTPUT_OVER_STALL_MAX, OUTPUT_STALL_BYTES_MIN,
    OUTPUT_STALL_MAX,
};

/// A driver may keep so much to itself until the socket has room again: all is taken, and how long ago says nothing.
const WITHHELD_BYTES: u64 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Untaken {
    bytes: u64,
    /// Answers among what was given since all was taken.
    answers: u64,
    /// When the socket last took some of it, or had taken all of it and was given more.
    moved_at: Duration,
    /// What was there at some moment, and how much of that still is. One such mark at a time says how old the oldest byte is, to
    /// within a factor of two, for a connection that is never without any.
    marked: u64,
    marked_left: u64,
    marked_at: Duration,
}

/// With those who take nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    stands_max: Duration,
    bytes_min: u64,
}

impl Patience {
    /// An ack or a heartbeat that nobody took is not worth a connection.
    pub(super) const USUAL: Self = Self { stands_max: OUTPUT_STALL_MAX, bytes_min: OUTPUT_STALL_BYTES_MIN };
    /// Where nobody would be given anything soon.
    pub(super) const LITTLE: Self = Self { stands_max: OUTPUT_OVER_STALL_MAX, bytes_min: OUTPUT_OVER_STALL_BYTES_MIN };
}

impl Untaken {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At most so much of it is answers.
    pub(super) fn answers(&self) -> u64 {
        self.answers.min(self.bytes)
    }

    pub(super) fn give_answer(&mut self, bytes: u64, now: Duration) {
        self.give(bytes, now);
        self.answers += bytes;
    }

    pub(super) fn give(&mut self, bytes: u64, now: Duration) {
        let was_taken = self.bytes <= WITHHELD_BYTES;
        self.bytes += bytes;
        if was_taken {
            self.moved_at = now;
            self.answers = 0;
            self.mark(now);
        }
    }

    /// Returns how much of it was there.
    pub(super) fn take(&mut self, bytes: u64, now: Duration) -> u64 {
        let taken = bytes.min(self.bytes);
        self.bytes -= taken;
        self.moved_at = now;
        self.marked_left = self.marked_left.saturating_sub(taken);
        if self.marked_left == 0 {
            self.mark(now);
        }
        taken
    }

    fn mark(&mut self, now: Duration) {
        (self.marked, self.marked_left, self.marked_at) = (self.bytes, self.bytes, now);
    }

    /// Its peer has taken nothing for that long, or so little that it only pretends to.
    pub(super) fn is_stalled(&self, now: Duration, patience: Patience) -> bool {
        let crawls_max = OUTPUT_STALL_MAX + Duration::from_secs(1) * (self.marked / OUTPUT_BYTES_PER_S_MIN) as u32;
        let stands = now.saturating_sub(self.moved_at) >= patience.stands_max;
        let crawls = now.saturating_sub(self.marked_at) >= crawls_max;
        self.bytes >= patience.bytes_min && (stands || crawls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Takes `bytes` each second and is given as many, so that as much waits all the time.
    fn after_a_minute_of(bytes: u64, waiting: u64) -> Untaken {
        let mut untaken = Untaken::default();
        untaken.give(waiting, secs(0));
        for second in 1..=60 {
            assert_eq!(untaken.take(bytes, secs(second)), bytes);
            untaken.give(bytes, secs(second));
        }
        untaken
    }

    #[test]
    fn one_that_takes_nothing_is_stalled_after_a_while_and_not_before() {
        let mut untaken = Untaken::default();
        let just_before = OUTPUT_STALL_MAX - Duration::from_millis(1);
        untaken.give(MIB, secs(100));
        assert!(!untaken.is_stalled(secs(100) + just_before, Patience::USUAL));
        assert!(untaken.is_stalled(secs(100) + OUTPUT_STALL_MAX, Patience::USUAL));
        assert_eq!(untaken.take(3 * MIB, secs(150)), MIB);
        untaken.give(MIB, secs(200));
        assert!(!untaken.is_stalled(secs(200) + just_before, Patience::USUAL), "it had nothing to take");
    }

    #[test]
    fn a_slow_link_is_not_stalled_and_one_that_crawls_is() {
        assert!(!after_a_minute_of(OUTPUT_BYTES_PER_S_MIN, MIB).is_stalled(secs(60), Patience::USUAL));
        assert!(after_a_minute_of(OUTPUT_BYTES_PER_S_MIN / 8, MIB).is_stalled(secs(60), Patience::USUAL));
        assert!(after_a_minute_of(1, OUTPUT_STALL_BYTES_MIN).is_stalled(secs(60), Patience::USUAL));
    }

    #[test]
    fn little_is_not_worth_a_connection_unless_very_many_let_it_wait() {
        let mut untaken = Untaken::default();
        untaken.give(OUTPUT_STALL_BYTES_MIN - 1, secs(0));
        assert!(!untaken.is_stalled(secs(1000), Patience::USUAL));
        assert!(untaken.is_stalled(OUTPUT_OVER_STALL_MAX, Patience::LITTLE));
        let mut withheld = Untaken::default();
        withheld.give(1, secs(0));
        assert!(!withheld.is_stalled(secs(1000), Patience::LITTLE), "closing it frees nothing");
        withheld.give(MIB, secs(1000));
        assert!(!withheld.is_stalled(secs(1000), Patience::LITTLE), "it was not offered that yet");
        assert!(withheld.is_stalled(secs(1000) + OUTPUT_OVER_STALL_MAX, Patience::LITTLE));
    }
}
