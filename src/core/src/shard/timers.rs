//! Deadlines of readers, soonest first.
//!
//! A reader has at most one entry. It is only ever brought forward: a deadline that moves back (every push moves a heartbeat
//! back) leaves the entry where it is, and whoever is woken too early sets the next one. So a push costs no timer work.

use std::collections::BTreeSet;
use std::time::Duration;

use super::reader::ReaderKey;

#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BTreeSet<(Duration, ReaderKey)>,
}

impl Timers {
    /// `armed` is the reader's note of its entry.
    pub(super) fn arm(&mut self, reader: ReaderKey, at: Duration, armed: &mut Option<Duration>) {
        if armed.is_some_and(|earlier| earlier <= at) {
            return;
        }
        self.disarm(reader, armed);
        self.entries.insert((at, reader));
        *armed = Some(at);
    }

    pub(super) fn disarm(&mut self, reader: ReaderKey, armed: &mut Option<Duration>) {
        if let Some(at) = armed.take() {
            self.entries.remove(&(at, reader));
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// Takes the first entry that is due out. The reader's note is for the caller to clear.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<ReaderKey> {
        let due = self.entries.first().is_some_and(|(at, _)| *at <= now);
        due.then(|| self.entries.pop_first().map(|(_, reader)| reader)).flatten()
    }
}
