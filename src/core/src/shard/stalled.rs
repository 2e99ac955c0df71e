//! Connections whose sockets take nothing (reliability.md F47, S14).
//!
//! A session is a cursor, and waits. But what it was given last is held in memory until the socket takes it, so all of that together
//! has a limit. Near it each is given less ([`Shard::output_share`]), down to one push at a time; and those go that hold most and have
//! taken nothing for a while. One push for each of very many is too much as well: far above it the while is short, and at twice the limit
//! nobody is given more. One that comes back resumes where it was.

use std::cmp::Reverse;
use std::time::Duration;

use super::untaken::Patience;
use super::{Shard, Turn};
use crate::action::Action;
use crate::limits::{OUTPUT_OVER_EIGHTHS, OUTPUT_SHORT_EIGHTHS, OUTPUT_STALL_LOOK_PAUSE};

impl Shard {
    pub(super) fn close_stalled(&mut self, turn: &mut Turn<'_>) {
        if self.look_for_stalled_at().is_none_or(|at| at > self.now) {
            return;
        }
        self.stalled_look_at = self.now + OUTPUT_STALL_LOOK_PAUSE;
        let (patience, enough) = match self.output_bytes > self.output_eighths(OUTPUT_OVER_EIGHTHS) {
            true => (Patience::LITTLE, self.output_eighths(OUTPUT_OVER_EIGHTHS)),
            false => (Patience::USUAL, self.output_eighths(OUTPUT_SHORT_EIGHTHS)),
        };
        let stalled = self.connections.iter().filter(|c| c.output.is_stalled(self.now, patience));
        let mut stalled: Vec<_> = stalled.map(|c| (c.output.bytes(), c.id)).collect();
        stalled.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        let mut excess = self.output_bytes.saturating_sub(enough);
        for (bytes, connection) in stalled {
            if excess == 0 {
                return;
            }
            excess = excess.saturating_sub(bytes);
            self.counters.stalled_closed += 1;
            turn.actions.push(Action::CloseConnection { connection });
        }
    }

    /// `None` while there is room.
    pub(super) fn look_for_stalled_at(&self) -> Option<Duration> {
        (self.output_bytes > self.output_eighths(OUTPUT_SHORT_EIGHTHS)).then_some(self.stalled_look_at)
    }
}
